"""The SQL functions on several runs or evaluations of each example, against NumPy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.support.bits import bitmap, counts_of, slices_of
from tracker.outcomes.layout import plane_count

seeds = st.integers(0, 2**31)
sizes = st.integers(1, 40)


def one(connection: Connection, sql: str, **parameters: Any) -> Any:
    """The value of an expression."""
    return connection.execute(text(f"SELECT {sql}"), parameters).scalar_one()


def planes_of(values: np.ndarray, planes: int) -> list[str]:
    """Exactly so many slices of the values."""
    return [bitmap(values >> plane & 1) for plane in range(planes)]


# --- the k-th smallest ----------------------------------------------------------------------------


def select(connection: Connection, rows: np.ndarray, planes: int, k: int) -> list[str]:
    answer: list[str] = one(
        connection,
        "bitslice_select(CAST(:rows AS varbit[]), :k)",
        rows=[planes_of(row, planes) for row in rows],
        k=k,
    )
    return answer


@given(
    n=st.integers(1, 9), planes=st.integers(1, 7), size=sizes, more=st.integers(0, 2), seed=seeds
)
def test_select(undone: Any, n: int, planes: int, size: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Few values, so that many are equal, or all that there are.
    values = rng.integers(0, 2**planes, rng.integers(1, 2**planes, endpoint=True))
    rows = rng.choice(values, (n, size))
    with undone() as connection:
        for k in range(1, n + 1):
            answer = select(connection, rows, planes + more, k)
            assert len(answer) == planes + more
            assert counts_of(answer) == np.sort(rows, axis=0)[k - 1].tolist()


@pytest.mark.parametrize("value", [0, 7])
def test_select_of_equals(connection: Connection, value: int) -> None:
    rows = np.full((5, 9), value)
    for k in range(1, 6):
        assert counts_of(select(connection, rows, 3, k)) == [value] * 9


@pytest.mark.embedded_only
def test_select_of_many(connection: Connection) -> None:
    rows = np.random.default_rng(0).integers(0, 1000, (60, 77))
    for k in (1, 30, 31, 60):
        assert counts_of(select(connection, rows, 10, k)) == np.sort(rows, axis=0)[k - 1].tolist()


@pytest.mark.parametrize("k", [-1, 0, 4])
def test_select_of_what_is_not_there(connection: Connection, k: int) -> None:
    with pytest.raises(DBAPIError, match=f"k must be from 1 to the 3 values, got {k}"):
        select(connection, np.zeros((3, 2), int), 1, k)


@given(n=st.integers(1, 9), planes=st.integers(1, 7), size=sizes, seed=seeds)
def test_select_of_another_k_for_each(
    undone: Any, n: int, planes: int, size: int, seed: int
) -> None:
    """0 of none: there is no 0-th smallest."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2**planes, (n, size))
    k = rng.integers(0, n, size, endpoint=True)
    with undone() as connection:
        answer = one(
            connection,
            "bitslice_select(CAST(:rows AS varbit[]), CAST(:k AS varbit[]))",
            rows=[planes_of(row, planes) for row in rows],
            k=slices_of(k),
        )
    ordered = np.sort(rows, axis=0)[np.maximum(k - 1, 0), np.arange(size)]
    assert counts_of(answer) == np.where(k > 0, ordered, 0).tolist()


@given(planes=st.integers(1, 5), size=sizes, seed=seeds)
def test_never_for_the_others(undone: Any, planes: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, members = rng.integers(0, 2**planes, size), rng.random(size) < 0.5
    with undone() as connection:
        answer = one(
            connection,
            "bitslice_never(CAST(:values AS varbit[]), CAST(:members AS varbit))",
            values=planes_of(values, planes),
            members=bitmap(members),
        )
    assert counts_of(answer) == np.where(members, values, 2**planes - 1).tolist()


@given(parts=st.integers(1, 4), size=sizes, seed=seeds)
def test_mean_share(undone: Any, parts: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    evaluations = rng.integers(1, 5, parts)
    runs = rng.integers(0, 3, (parts, size))
    # [parts][evaluations of the part, X] right answers.
    right = [rng.integers(0, most, (n, size), endpoint=True)
             for n, most in zip(evaluations, runs, strict=True)]  # fmt: skip
    with undone() as connection:
        answer = one(
            connection,
            "mean_share(:correct, :runs, :evaluations)",
            correct=np.concatenate([part.sum(0) for part in right]).tolist(),
            runs=runs.ravel().tolist(),
            evaluations=evaluations.tolist(),
        )
    for x, share in enumerate(answer):
        told = [row[x] / most[x] for part, most in zip(right, runs, strict=True) if most[x]
                for row in part]  # fmt: skip
        assert share == (pytest.approx(np.mean(told)) if told else None)


def test_select_of_no_values(connection: Connection) -> None:
    with pytest.raises(DBAPIError, match="k must be from 1 to the 0 values, got 1"):
        one(connection, "bitslice_select('{}', 1)")


# --- one run's history ----------------------------------------------------------------------------


def history(
    connection: Connection, correct: np.ndarray, ordinals: list[int], planes: int
) -> dict[str, Any]:
    """`correct` is [evaluations, examples]."""
    query = text("SELECT * FROM bitslice_history(CAST(:c AS varbit[]), CAST(:e AS int[]), :planes)")
    parameters = {"c": [bitmap(row) for row in correct], "e": ordinals, "planes": planes}
    return dict(connection.execute(query, parameters).mappings().one())


def expected_history(correct: np.ndarray, ordinals: list[int], planes: int) -> dict[str, Any]:
    never = 2**planes - 1
    forgotten, learned, first_correct, last_mistake = [], [], [], []
    for rights in correct.T.tolist():
        events, since, first, last = 0, never, never, 0
        for i, (e, right) in enumerate(zip(ordinals, rights, strict=True)):
            if right and first == never:
                first = e
            if not right:
                last, since = e, never
                events += i > 0 and rights[i - 1]
            elif since == never:
                since = e
        forgotten.append(events)
        learned.append(since)
        first_correct.append(first)
        last_mistake.append(last)
    return {
        "forgotten": slices_of(forgotten),
        "learned": planes_of(np.array(learned), planes),
        "first_correct": planes_of(np.array(first_correct), planes),
        "last_mistake": planes_of(np.array(last_mistake), planes),
        "ever": bitmap(correct.any(axis=0)),
        "at_first": bitmap(correct[0]),
        "at_last": bitmap(correct[-1]),
    }


@given(
    ordinals=st.one_of(
        st.integers(1, 12).map(lambda n: list(range(n))),
        st.integers(1, 12).map(lambda n: list(range(5, 5 + n))),
        st.sets(st.integers(0, 40), min_size=1, max_size=12).map(sorted),
        st.sets(st.integers(0, 2**20), min_size=1, max_size=5).map(sorted),
    ),
    size=sizes,
    more=st.integers(0, 3),
    share=st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]),
    seed=seeds,
)
def test_history(
    undone: Any, ordinals: list[int], size: int, more: int, share: float, seed: int
) -> None:
    correct = np.random.default_rng(seed).random((len(ordinals), size)) < share
    planes = (ordinals[-1] + 1).bit_length() + more
    with undone() as connection:
        found = history(connection, correct, ordinals, planes)
    assert found == expected_history(correct, ordinals, planes)


@pytest.mark.parametrize("ordinal", [0, 1, 5])
def test_history_of_one_evaluation(connection: Connection, ordinal: int) -> None:
    correct = np.array([[True, False]])
    assert history(connection, correct, [ordinal], 3) == {
        "forgotten": ["00"],
        "learned": planes_of(np.array([ordinal, 7]), 3),
        "first_correct": planes_of(np.array([ordinal, 7]), 3),
        "last_mistake": planes_of(np.array([0, ordinal]), 3),
        "ever": "10",
        "at_first": "10",
        "at_last": "10",
    }


@pytest.mark.embedded_only
def test_long_history(connection: Connection) -> None:
    """Every pattern of eight evaluations, repeated 30 times with the last ordinals in between."""
    patterns = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool).T
    correct = np.concatenate([patterns] * 30)
    ordinals = np.cumsum(np.arange(240) % 3 + 1).tolist()
    planes = (ordinals[-1] + 1).bit_length()
    found = history(connection, correct, ordinals, planes)
    assert found == expected_history(correct, ordinals, planes)


# --- the most frequent class ----------------------------------------------------------------------


def modes(connection: Connection, votes: np.ndarray, classes: int) -> list[list[str]]:
    """What the function says, and each of its two ways."""
    planes = plane_count(classes)
    everyone = ["1" * votes.shape[1]] * len(votes)
    row = connection.execute(
        text(
            """
            SELECT
                bitslice_mode(CAST(:votes AS varbit[]), :classes),
                bitslice_mode_by_run(CAST(:votes AS varbit[]), NULL),
                bitslice_mode_by_class(
                    CAST(:votes AS varbit[]), CAST(:everyone AS varbit[]),
                    bitslice_count(CAST(:everyone AS varbit[])), :planes, 0, :classes
                )
            """
        ),
        {
            "votes": [planes_of(run, planes) for run in votes],
            "everyone": everyone,
            "planes": planes,
            "classes": classes,
        },
    ).one()
    return list(row)


def most(votes: np.ndarray) -> list[int]:
    """`votes` is [runs, examples]."""
    return [int(np.bincount(example).max()) for example in votes.T]


@pytest.mark.parametrize("classes", [1, 2, 3, 4, 5, 10, 17, 64, 100])
@given(runs=st.integers(1, 9), size=sizes, used=st.integers(1, 100), seed=seeds)
@pytest.mark.embedded_only
def test_mode(undone: Any, classes: int, runs: int, size: int, used: int, seed: int) -> None:
    """`used`: classes above it get no votes."""
    votes = np.random.default_rng(seed).integers(0, min(used, classes), (runs, size))
    with undone() as connection:
        assert modes(connection, votes, classes) == [slices_of(most(votes))] * 3


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 17, 1000, 65_536])
@pytest.mark.parametrize("runs", [1, 2, 60])
def test_mode_of_many_runs(connection: Connection, runs: int, classes: int) -> None:
    rng = np.random.default_rng([runs, classes])
    # By column: any class, few classes, the lowest, the highest.
    votes = np.stack(
        [
            *rng.integers(0, classes, (5, runs)),
            *rng.integers(0, min(3, classes), (5, runs)),
            np.zeros(runs, int),
            np.full(runs, classes - 1),
        ],
        axis=1,
    )
    expected = slices_of(most(votes))
    if classes <= 1000:
        assert modes(connection, votes, classes) == [expected] * 3
    else:  # class by class it takes minutes: nobody would
        planes = [planes_of(run, plane_count(classes)) for run in votes]
        sql = "bitslice_mode(CAST(:votes AS varbit[]), :classes)"
        assert one(connection, sql, votes=planes, classes=classes) == expected


@pytest.mark.parametrize("classes", [2, 1000])
def test_mode_of_one_mind_and_of_as_many_as_runs(connection: Connection, classes: int) -> None:
    runs = min(classes, 12)
    votes = np.stack([np.full(runs, classes - 1), np.arange(runs)], axis=1)
    assert modes(connection, votes, classes) == [slices_of([runs, 1])] * 3


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 100])
@given(runs=st.integers(1, 9), size=sizes, share=st.sampled_from([0, 0.2, 0.7, 1]), seed=seeds)
@pytest.mark.embedded_only
def test_mode_of_some(
    undone: Any, classes: int, runs: int, size: int, share: float, seed: int
) -> None:
    """Only some examples of each run count, or all where there is no bitmap."""
    rng = np.random.default_rng(seed)
    votes, members = rng.integers(0, classes, (runs, size)), rng.random((runs, size)) < share
    whole = rng.random(runs) < 0.2
    members[whole] = True
    with undone() as connection:
        answer = one(
            connection,
            "bitslice_mode(CAST(:votes AS varbit[]), CAST(:members AS varbit[]), :classes)",
            votes=[planes_of(run, plane_count(classes)) for run in votes],
            members=[None if all_ else bitmap(run)
                     for run, all_ in zip(members, whole, strict=True)],
            classes=classes,
        )  # fmt: skip
    counted = zip(votes.T, members.T, strict=True)
    expected = [np.bincount(classes_of[mine], minlength=1).max() for classes_of, mine in counted]
    assert counts_of(answer) == expected


@pytest.mark.parametrize("classes", [1, 10, 1000])
def test_mode_of_no_votes(connection: Connection, classes: int) -> None:
    assert one(connection, "bitslice_mode('{}', :k)", k=classes) == []
    assert one(connection, "bitslice_mode(NULL, :k)", k=classes) is None
