"""`tracker curriculum` from end to end: trained by a real worker, recorded, drawn, replayed."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.acceptance.conftest import Tracker, Typed
from tracker.curriculum import CurriculumSampler
from tracker.datasets import load_named
from tracker.db import get_engine
from tracker.settings import Settings

COMPARE = (
    "curriculum", "compare", "--dataset", "digits", "--examples", "60", "--arch", "mlp-tiny",
    "--epochs", "2", "--conditions", "noise", "--reference-seeds", "2", "--seeds", "2",
)  # fmt: skip
REFERENCE = "digits-60-noise0.4-mlp-tiny-2epochs-reference"
RUNS = "SELECT id, attempt, state, step FROM run ORDER BY id"


@pytest.mark.embedded_only
def test_compared_drawn_recorded_shown_and_replayed(
    tracker: Tracker, typed_tracker: Typed, settings: Settings, tmp_path: Path
) -> None:
    _compare(tracker)
    picture = tmp_path / "preview.png"
    preview = ("curriculum", "preview", REFERENCE, "--balance", "--out", str(picture))
    assert "wrote" in typed_tracker(*preview)
    assert imread(picture).shape[1] == 1600
    taken = _record(settings)
    assert "mine" in typed_tracker("curriculum", "show")
    shown = " ".join(typed_tracker("curriculum", "show", "mine").split())
    assert f"60 examples by accessibility of {REFERENCE}" in shown
    assert "0 12 12" in shown
    assert "1 24 24" in shown
    _replay(typed_tracker, taken, tmp_path / "epoch")
    for arguments, message in (
        (("replay", "mine", "--epoch", "2"), "has begun no epoch 2: choose one of 0 to 1"),
        (("replay", "mine", "--epoch", "0", "--format", "npy"), "--format npy needs --out"),
        (("replay", REFERENCE, "--epoch", "0", "--seed", "1000"), "trains without a curriculum"),
        (("preview", REFERENCE, "--order", "easy"), "unknown order 'easy'"),
        (("preview", REFERENCE, "--score", "accesibility"), "unknown score 'accesibility': choose"),
        (("preview", REFERENCE, "--score", "consensus_class"), "Give --easy high or --easy low"),
        (("compare", "--conditions", "dirty"), "unknown condition 'dirty'"),
        (("compare", "--epochs", "3", "--short", "3"), "--short 3 is not shorter than the whole"),
    ):
        done = typed_tracker.run("curriculum", *arguments)
        assert done.returncode == 2
        assert message in done.stderr


def _compare(tracker: Tracker) -> None:
    """Arms are trained by a worker of its own, and not twice."""
    printed = tracker(*COMPARE, timeout=300)
    assert f"digits-60-noise0.4, 2 epochs, 2 seeds each, scores of {REFERENCE}" in printed
    for arm in ("shuffled", "easy-first", "hard-first", "random", "without suspects"):
        [line] = [line for line in printed.splitlines() if line.startswith(arm)]
        assert ("/2" in line) == (arm != "shuffled")
    before = tracker.sql(RUNS)
    # Two networks for the scores, and two of each arm, all of equally many steps.
    assert [row[2:] for row in before] == [["complete", "2"]] * 12
    [found] = tracker.json(*COMPARE, "--no-worker")
    assert tracker.sql(RUNS) == before
    for arm in found["arms"]:
        [[mean]] = tracker.sql(
            "SELECT avg(accuracy) FROM run_accuracy "
            f"WHERE ensemble = '{arm['ensemble']}' AND split = 'test' AND evaluation = 2"
        )
        assert float(mean) == pytest.approx(arm["mean"])
    [easy] = [arm["ensemble"] for arm in found["arms"] if arm["arm"] == "easy-first"]
    order = tracker("curriculum", "replay", easy, "--seed", "1", "--epoch", "1").split()
    assert len(order) == 60
    assert set(order) <= {str(position) for position in range(60)}


def _record(settings: Settings) -> dict[int, list[int]]:
    """The indices that a recorded sampler gave, by epoch."""
    train = load_named("digits-60-noise0.4").splits["train"]
    sampler = CurriculumSampler(
        train, ensemble=REFERENCE, epochs=5, record="mine", engine=get_engine(settings)
    )
    taken = {}
    for epoch in range(2):
        sampler.set_epoch(epoch)
        taken[epoch] = list(sampler)
    return taken


def _replay(tracker: Tracker, taken: dict[int, list[int]], file: Path) -> None:
    replay = ("curriculum", "replay", "mine", "--epoch", "1")
    assert [int(line) for line in tracker(*replay).split()] == taken[1]
    for as_json in (("--format", "json"), ("--json",)):
        assert tracker(*replay, *as_json).strip() == str(taken[1])
    assert "24 indices, as recorded" in tracker(*replay, "--format", "npy", "--out", str(file))
    assert np.load(file).tolist() == taken[1]
