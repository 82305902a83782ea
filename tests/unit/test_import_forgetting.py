"""The example-forgetting code's pickles: numbers are read, and nothing is ever run."""

import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import UsageError
from tracker.imports import read_trajectories
from tracker.imports.pickles import STAND_INS, as_list, load_numbers
from tracker.imports.trajectories import Options, Trajectories


def read(*files: Path, **options: Any) -> Trajectories:
    return read_trajectories(files, "forgetting", Options(**options))


def stored(folder: Path, value: object, protocol: int = 4, name: str = "a__stats_dict.pkl") -> Path:
    file = folder / name
    file.write_bytes(pickle.dumps(value, protocol, fix_imports=False))
    return file


def statistics(rights: dict[int, list[int]]) -> dict[Any, Any]:
    """As that code stores them: its indices are NumPy's, for it goes through `np.array`."""
    made: dict[Any, Any] = {
        np.int64(index): [[0.5 + index] * len(right), list(right), [-0.25 * index] * len(right)]
        for index, right in rights.items()
    }
    return {**made, "train": [[], [12.5, 25.0]], "test": [[], [50.0]]}


@pytest.mark.parametrize("protocol", range(6))
def test_its_statistics_are_read(protocol: int, tmp_path: Path) -> None:
    rights = {7: [0, 1, 1], 2: [1, 0, 1], 30: [0, 0, 0]}
    told = read(stored(tmp_path, statistics(rights), protocol))
    assert told.splits["train"].ids == [2, 7, 30]
    assert (told.has_correct, told.has_predicted, told.has_labels) == (True, False, False)
    outcomes = list(told.outcomes())
    assert [each.evaluation for each in outcomes] == [1, 2, 3]
    np.testing.assert_array_equal(
        np.array([each.correct for each in outcomes]).T, [[1, 0, 1], [0, 1, 1], [0, 0, 0]]
    )
    np.testing.assert_array_equal(outcomes[0].signals["loss"], [2.5, 7.5, 30.5])
    np.testing.assert_array_equal(outcomes[2].signals["margin"], [-0.5, -1.75, -7.5])


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_in_place_of_lists(protocol: int, tmp_path: Path) -> None:
    rights = [np.array([True, False]), np.array([np.uint8(1)])[0]]
    entry = (
        np.array([0.5, 0.25], dtype=">f4"),
        [np.array(1, dtype=np.uint8), np.array([0])],
        np.asfortranarray([[1.0], [2.0]]),
    )
    told = read(stored(tmp_path, {3: entry, 4: [[1, 2], [rights[1], 0], rights[0]]}, protocol))
    first, second = told.outcomes()
    np.testing.assert_array_equal(first.signals["loss"], [0.5, 1])
    np.testing.assert_array_equal(second.signals["margin"], [2, 0])
    np.testing.assert_array_equal(first.correct, [True, True])


@given(
    values=st.recursive(
        st.one_of(st.integers(), st.floats(allow_nan=False), st.text(), st.booleans(), st.none()),
        lambda inner: st.one_of(
            st.lists(inner), st.dictionaries(st.text(), inner), st.tuples(inner, inner)
        ),
    ),
    protocol=st.integers(0, 5),
)
def test_plain_values_come_back(
    values: object, protocol: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert load_numbers(stored(tmp_path_factory.mktemp("plain"), values, protocol)) == values


@given(values=st.lists(st.floats(allow_nan=False), min_size=1), protocol=st.integers(0, 5))
def test_arrays_come_back(
    values: list[float], protocol: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = stored(tmp_path_factory.mktemp("arrays"), [np.array(values), np.float64(2)], protocol)
    (array, number) = load_numbers(file)  # type: ignore[misc]
    assert as_list(array) == values
    assert number == 2


def test_several_files_are_runs(tmp_path: Path) -> None:
    one = stored(tmp_path, statistics({0: [1, 0], 1: [0, 1]}), name="seed1__stats_dict.pkl")
    two = stored(tmp_path, statistics({1: [1, 1, 1], 0: [0, 1, 0]}), name="seed2__stats_dict.pkl")
    told = read(one, two, first_evaluation=0)
    assert [run.name for run in told.runs] == [one.name, two.name]
    assert [run.evaluations for run in told.runs] == [(0, 1), (0, 1, 2)]
    assert [each.run for each in told.outcomes()] == [0, 0, 1, 1, 1]
    other = stored(tmp_path, statistics({0: [1], 2: [1]}), name="seed3__stats_dict.pkl")
    with pytest.raises(UsageError, match=r"import seed3.*: example 1 is not in every file"):
        read(one, other)


class Payload:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


HOSTILE = {
    "posix.system": Payload(os.system, "touch {}"),
    "subprocess.Popen": Payload(subprocess.Popen, ["touch", "{}"]),
    "builtins.eval": Payload(eval, "open('{}', 'w')"),
    "builtins.exec": Payload(exec, "open('{}', 'w')"),
    "builtins.getattr": Payload(getattr, {}, "clear"),
    "numpy.load": Payload(np.load, "{}"),
    "collections.OrderedDict": Payload(__import__("collections").OrderedDict),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_and_runs_nothing(
    name: str, protocol: int, tmp_path: Path
) -> None:
    victim = tmp_path / "ran"
    function, arguments = HOSTILE[name].call
    filled = [
        [part.format(victim) for part in given] if isinstance(given, list) else
        given.format(victim) if isinstance(given, str) else given
        for given in arguments
    ]  # fmt: skip
    value = statistics({0: [1]}) | {1: Payload(function, *filled)}
    with pytest.raises(UsageError, match=f"asks for {name.replace('.', '[.]')}; only numbers"):
        read(stored(tmp_path, value, protocol))
    assert not victim.exists()


def test_the_same_payload_runs_in_a_pickle_that_is_trusted(tmp_path: Path) -> None:
    victim = tmp_path / "ran"
    value = {1: Payload(os.system, f"touch {victim}")}
    pickle.loads(stored(tmp_path, value).read_bytes())  # noqa: S301 - it is ours
    assert victim.exists()


def opcodes(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def named(module: str, name: str) -> bytes:
    words = (b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name))
    return b"".join(words) + b"\x93"


TEXT = b"\x8c\x04call"
CRAFTED = {
    # Giving a stand-in a state would change what it does for later files.
    "state of a stand-in": named("numpy", "dtype") + b"}" + TEXT + b"K\x01sb",
    "attribute of a stand-in": named("numpy", "dtype") + b"N}" + TEXT + b"K\x01s\x86b",
    "a new stand-in": named("numpy", "dtype") + b")\x81",
    "a dtype of objects": named("numpy", "dtype") + b"\x8c\x01O\x85R",
    "a structured dtype": named("numpy", "dtype") + b"\x8c\x05i4,i4\x85R",
    "an array of anything": named("numpy.core.multiarray", "_reconstruct")
    + b")R(K\x01K\x01\x85NN]Ktb",
    "a scalar of a string": named("numpy.core.multiarray", "scalar")
    + named("numpy", "ndarray") + TEXT + b"\x86R",
    "another encoding": named("_codecs", "encode") + TEXT + b"\x8c\x03hex\x86R",
    "a name with dots": named("numpy", "dtype.__class__") + b")R",
    "a persistent object": b"K\x01Q",
    "an extension": b"\x82\x01",
    "no end": b"K\x01" * 3 + b"\x94",
}  # fmt: skip


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_opcodes_are_refused(case: str, tmp_path: Path) -> None:
    before = {key: type(value) for key, value in STAND_INS.items()}
    file = tmp_path / "crafted.pkl"
    file.write_bytes(opcodes(CRAFTED[case]))
    with pytest.raises(UsageError, match=r"cannot import crafted\.pkl: "):
        read(file)
    assert {key: type(value) for key, value in STAND_INS.items()} == before
    assert not any(hasattr(value, "__dict__") for value in STAND_INS.values())


REFUSED: dict[str, tuple[object, str]] = {
    "a list": ([1, 2], "it holds a list, not a dict of examples"),
    "nothing": ({"train": [[], []]}, "it has no examples"),
    "the sorted examples": ({"indices": [1], "forgetting counts": [2]}, "its key 'indices' is no"),
    "a negative index": ({-1: [[1], [1], [1]]}, "its key -1 is no index"),
    "two lists": ({4: [[1.0], [1]]}, "example 4 has not three lists"),
    "no lists": ({4: 3.5}, "example 4 has not three lists"),
    "a dict for a list": ({4: [{1: 2}, [1], [1]]}, "example 4 has not three lists"),
    "no presentations": ({4: [[], [], []]}, r"example 4 has 0 presentations"),
    "fewer presentations": (
        {4: [[1, 1], [1, 1], [1, 1]], 5: [[1, 1], [1], [1, 1]]},
        r"example 5 has 1 presentations \(correct\), example 4 has 2",
    ),
    "a right of 2": (
        {4: [[1, 1], [1, 2], [1, 1]]},
        "correct of example 4, presentation 2, is 2, neither 0",
    ),
    "NaN": (
        {4: [[1, 1], [1, 1], [1, 1]], 9: [[1, 1], [1, 1], [float("nan"), 1]]},
        "margin of example 9, presentation 1, is nan: a signal must be finite",
    ),
    "words": ({4: [["much"], [1], [1]]}, "loss holds something that is no number"),
    "lists in lists": ({4: [[1, 1], [[1], [1, 2]], [1, 1]]}, "correct holds something"),
    "None": ({4: [[1], [None], [1]]}, "correct holds something that is no number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_forms_are_refused(case: str, tmp_path: Path) -> None:
    value, message = REFUSED[case]
    with pytest.raises(UsageError, match=rf"cannot import a__stats_dict\.pkl: {message}"):
        read(stored(tmp_path, value))


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_pickle_is_refused(share: float, tmp_path: Path) -> None:
    file = stored(tmp_path, statistics({index: [0, 1, 1] for index in range(100)}))
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(UsageError, match="it is no complete pickle of numbers"):
        read(file)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.pkl"
    file.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(UsageError, match="it is no complete pickle of numbers"):
        read(file)
