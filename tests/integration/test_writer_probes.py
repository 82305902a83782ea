"""Writing what probes say: depths, votes and accuracies, stored, replayed, refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from tests.support.bits import bitmap
from tests.support.ensembles import LAYERS, Story, add_ensemble, block_size, claimed
from tracker.errors import ReplayError
from tracker.outcomes.layout import Layout
from tracker.outcomes.probes import GroupAccuracy, ProbeRecord, pack_depths, probe_checksum
from tracker.outcomes.writer import record_evaluations
from tracker.runs import Claim

RNG = np.random.default_rng(5)
STORY = Story(
    sizes={"train": 19, "test": 10},
    num_classes=5,
    labels=RNG.integers(0, 5, 29),
    predicted=RNG.integers(0, 5, (1, 29, 3)),
    recorded=[range(3)],
    depths=RNG.integers(0, len(LAYERS) + 1, (1, 29, 3)),
    probed=[0, 2],
    votes_told=True,
)
BLOCKS = [range(8), range(8, 16), range(16, 19), range(19, 27), range(27, 29)]


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


@pytest.fixture
def claim(engine: Engine) -> Claim:
    with engine.begin() as connection:
        return claimed(connection, add_ensemble(connection, STORY).run_ids[0])


def probes(evaluation: int) -> ProbeRecord:
    return STORY.probe_record(0, evaluation)


def write(engine: Engine, claim: Claim, evaluation: int, **changes: Any) -> None:
    told = replace(STORY.evaluation_record(0, evaluation), **changes)
    with engine.begin() as connection:
        record_evaluations(connection, claim, Layout.of(STORY.sizes), [told])


def stored(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def test_depths_are_stored_to_the_bit(engine: Engine, claim: Claim) -> None:
    for evaluation in range(3):
        write(engine, claim, evaluation)
    assert STORY.depths is not None
    with engine.connect() as connection:
        rows = stored(
            connection,
            "SELECT run_id, evaluation, block, depth, undefined FROM depth_block ORDER BY 2, 3",
        )
    places = [(evaluation, number) for evaluation in (0, 2) for number in range(5)]
    for row, (evaluation, number) in zip(rows, places, strict=True):
        depths = STORY.depths[0, BLOCKS[number], evaluation]
        undefined = depths == len(LAYERS)
        planes = [bitmap(np.where(undefined, 0, depths) >> plane & 1) for plane in range(2)]
        assert row == (claim.run_id, evaluation, number, planes, bitmap(undefined))


def test_votes_are_stored_where_asked_for(engine: Engine, claim: Claim) -> None:
    write(engine, claim, 0, probes=replace(probes(0), votes=None))
    write(engine, claim, 2)
    votes = STORY.probe_votes(0, 2)
    with engine.connect() as connection:
        rows = stored(
            connection,
            "SELECT evaluation, layer, block, predicted FROM probe_vote_block ORDER BY 2, 3",
        )
    places = [(layer, number) for layer in range(len(LAYERS)) for number in range(5)]
    for row, (layer, number) in zip(rows, places, strict=True):
        classes = votes[layer, BLOCKS[number]]
        assert row == (2, layer, number, [bitmap(classes >> plane & 1) for plane in range(3)])


def test_accuracies_and_layers_are_stored(engine: Engine, claim: Claim) -> None:
    write(engine, claim, 2)
    votes, labels = STORY.probe_votes(0, 2), STORY.labels
    expected = [
        (
            group,
            layer,
            len(at),
            (votes[layer, at] == labels[at]).sum(),
            STORY.correct[0, at, 2].sum(),
        )
        for group, at in (("test", range(19, 29)), ("trained_on", range(19)))
        for layer in range(len(LAYERS))
    ]
    with engine.connect() as connection:
        accuracies = stored(
            connection,
            "SELECT example_group, layer, examples, correct, network_correct "
            "FROM probe_accuracy ORDER BY 1, 2",
        )
        [probed] = stored(
            connection, "SELECT evaluation, layers, neighbours, checksum FROM probed_evaluation"
        )
    assert accuracies == expected
    told = probes(2)
    assert probed == (2, list(LAYERS), 30, probe_checksum(told.packed, told.votes))


def test_depth_without_planes_of_its_own_is_told_apart() -> None:
    """Depth 0 and no depth differ in the first bitmap alone."""
    packed = pack_depths(np.array([0, 4, 3]), 4)
    assert np.unpackbits(packed, axis=1, count=3).tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_replay_is_harmless(engine: Engine, claim: Claim) -> None:
    tables = ("probed_evaluation", "depth_block", "probe_vote_block", "probe_accuracy")

    def everything() -> list[str]:
        with engine.connect() as connection:
            return [
                row
                for table in tables
                for [row] in stored(connection, f"SELECT (ctid, t.*)::text FROM {table} t")
            ]

    for evaluation in (0, 1, 2):
        write(engine, claim, evaluation)
    before = everything()
    assert before
    for evaluation in (0, 1, 2):
        write(engine, claim, evaluation)
    assert everything() == before


def changed(told: ProbeRecord, part: str) -> dict[str, Any]:
    if part == "votes":
        assert told.votes is not None
        return {"votes": told.votes ^ np.uint8(1)}
    if part == "accuracies":
        group = told.accuracies["test"]
        more = GroupAccuracy(group.examples, group.correct, group.network_correct + 1)
        return {"accuracies": told.accuracies | {"test": more}}
    return {
        "depths": {"packed": told.packed ^ np.uint8(0x80)},
        "no votes": {"votes": None},
        "groups": {"accuracies": {"test": told.accuracies["test"]}},
        "layers": {"layers": ("input", "hidden", "another", "softmax")},
        "neighbours": {"neighbours": 5},
    }[part]


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ("depths", "depths or votes"),
        ("votes", "depths or votes"),
        ("no votes", "depths or votes"),
        ("accuracies", "accuracies"),
        ("groups", "accuracies"),
        ("layers", "layers"),
        ("neighbours", "layers"),
    ],
)
@pytest.mark.embedded_only
def test_differing_probes_are_refused(engine: Engine, claim: Claim, part: str, place: str) -> None:
    write(engine, claim, 2)
    other = replace(probes(2), **changed(probes(2), part))
    with pytest.raises(ReplayError, match=f"evaluation 2 differs .* {place}"):
        write(engine, claim, 2, probes=other)


def test_probed_or_not_is_a_difference(engine: Engine, claim: Claim) -> None:
    write(engine, claim, 1)
    write(engine, claim, 2)
    with pytest.raises(ReplayError, match=r"evaluation 2 differs .* whether it was probed"):
        write(engine, claim, 2, probes=None)
    with pytest.raises(ReplayError, match=r"evaluation 1 differs .* whether it was probed"):
        write(engine, claim, 1, probes=probes(2))


def test_they_are_written_with_the_evaluation_or_not_at_all(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("ALTER TABLE probe_vote_block ADD CONSTRAINT full_disk CHECK (layer < 3)")
        )
    with pytest.raises(Exception, match="full_disk"):
        write(engine, claim, 2)
    with engine.connect() as connection:
        for table in ("evaluation", "outcome_block", "probed_evaluation", "depth_block"):
            assert stored(connection, f"SELECT * FROM {table}") == [], table
