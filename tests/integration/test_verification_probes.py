"""`verify` of depths, votes and accuracies: what is damaged is named, and nothing else."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tests.support.ensembles import LAYERS, Story, block_size, record, story_of
from tracker.verification import verify
from tracker.verification.probes import expected_probes

RNG = np.random.default_rng(9)
STORY = story_of(
    RNG.random((2, 21, 3)) < 0.6,
    num_classes=5,
    sizes={"train": 12, "test": 9},
    depths=RNG.integers(0, len(LAYERS) + 1, (2, 21, 3)),
    probed=[0, 2],
    votes_told=True,
    name="told",
)


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


def recorded(engine: Engine, story: Story) -> None:
    """The story; what its recipe wants besides is not there, and is not asked for here."""
    with engine.begin() as connection:
        record(connection, story)
        connection.execute(text("UPDATE ensemble SET evaluations = 3"))


def problems(engine: Engine) -> list[str]:
    """What is wrong, one line each, but summaries, which stories have none of."""
    told = [str(problem) for problem in verify(engine, "told", limit=1000).problems]
    return [line for line in told if "summary" not in line]


def test_what_is_sound_has_no_problems(engine: Engine) -> None:
    recorded(engine, STORY)
    assert problems(engine) == []
    assert verify(engine, "told").depth_blocks == 2 * 2 * 4


VOTES = "predicted = ARRAY[B'0010', B'0000', B'0011']"
DEPTHS = "undefined = '1111', depth = ARRAY[B'0000', B'0100']"
ONE = "for 1 of 4 examples, first example_id"
FORM = "have other lengths, planes or layers than expected"
AT = "run_id = (SELECT id FROM run WHERE seed = 1) AND evaluation = 2"
WHOLE = "run seed 1, evaluation 2"
PLACE = f"{WHOLE}, block 1"


@pytest.mark.embedded_only
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            f"DELETE FROM depth_block WHERE {AT} AND block = 1",
            [f"{PLACE}: prediction depths are missing"],
        ),
        (
            f"UPDATE depth_block SET block = 9 WHERE {AT} AND block = 1",
            [
                f"{PLACE}: prediction depths are missing",
                f"{WHOLE}, block 9: prediction depths are of none of the ensemble's blocks",
            ],
        ),
        (
            f"UPDATE depth_block SET undefined = '01' WHERE {AT} AND block = 1",
            [f"{PLACE}: prediction depths {FORM}"],
        ),
        (
            f"UPDATE depth_block SET depth = depth[1:1] WHERE {AT} AND block = 1",
            [f"{PLACE}: prediction depths {FORM}"],
        ),
        (
            f"UPDATE depth_block SET {DEPTHS} WHERE {AT} AND block = 1",
            [f"{PLACE}: prediction depth is none of the 4 layers' {ONE} 9"],
        ),
        (
            f"DELETE FROM probe_vote_block WHERE {AT} AND block = 1 AND layer = 2",
            [f"{PLACE}: votes of probes {FORM}"],
        ),
        (
            f"DELETE FROM probe_vote_block WHERE {AT}",
            [f"{WHOLE}: the checksum is not that of its depths and votes"],
        ),
        (
            f"UPDATE probe_vote_block SET {VOTES} WHERE {AT} AND block = 1 AND layer = 0",
            [f"{PLACE}: vote of layer 0 is no class below 5 {ONE} 10"],
        ),
        (
            f"DELETE FROM probe_accuracy WHERE {AT} AND example_group = 'test' AND layer = 1",
            [f"{WHOLE}: accuracies of probes on test are of layers 0, 2, 3, not of 4"],
        ),
        (
            f"DELETE FROM probe_accuracy WHERE {AT}",
            [f"{WHOLE}: accuracies of probes are missing"],
        ),
    ],
)
def test_damage_is_named(engine: Engine, statement: str, found: list[str]) -> None:
    recorded(engine, STORY)
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0
    assert problems(engine) == found


@pytest.mark.embedded_only
def test_depths_that_are_not_what_the_votes_say(engine: Engine) -> None:
    recorded(engine, STORY)
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE depth_block SET undefined = ~undefined, "
                f"depth = ARRAY[B'0000', B'0000'] WHERE {AT} AND block = 1"
            )
        )
    checksum, wrong = problems(engine)
    assert checksum == f"{WHOLE}: the checksum is not that of its depths and votes"
    assert wrong.startswith(f"{PLACE}: prediction depth is not what the votes say for")


@pytest.mark.embedded_only
def test_probes_and_margins_that_the_recipe_asks_for(engine: Engine) -> None:
    recorded(engine, STORY)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE ensemble SET spec = spec || CAST(:probe AS jsonb)"),
            {"probe": json.dumps({"probe": {"every": 1}})},
        )
    assert problems(engine) == [
        line
        for seed in (0, 1)
        for line in (
            f"run seed {seed}, evaluation 1: probes are missing",
            f"run seed {seed}, evaluation 2: signal output_margin is missing",
            f"run seed {seed}, evaluation 2: signal input_margin is missing",
        )
    ]


def test_expected_are_the_multiples_and_the_last() -> None:
    assert expected_probes({}, range(9), 8) == set()
    assert expected_probes({"probe": None}, range(9), 8) == set()
    assert expected_probes({"probe": {}}, range(9), 8) == {8}
    assert expected_probes({"probe": {"every": 3}}, range(8), None) == {0, 3, 6}
