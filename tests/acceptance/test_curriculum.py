"""`tracker curriculum` from end to end: trained by a real worker, recorded, drawn, replayed."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.acceptance.conftest import Tracker
from tracker.curriculum import CurriculumSampler
from tracker.datasets import load_split
from tracker.db import get_engine
from tracker.settings import Settings

TINY = ("--dataset", "digits", "--examples", "60", "--arch", "mlp-tiny", "--epochs", "2")


@pytest.mark.embedded_only
def test_arms_are_trained_by_a_worker_of_its_own_and_not_twice(tracker: Tracker) -> None:
    compare = ("curriculum", "compare", *TINY, "--conditions", "noise", "--reference-seeds", "2")
    printed = tracker(*compare, "--seeds", "2")
    assert "mlp-tiny on digits-60-noise0.4, 2epochs, 2 seeds each, scores of" in printed
    for arm in ("shuffled", "easy-first", "hard-first", "random", "without suspects"):
        [line] = [line for line in printed.splitlines() if line.startswith(arm)]
        assert ("/2" in line) == (arm != "shuffled")
    before = tracker.sql("SELECT id, attempt, state, step FROM run ORDER BY id")
    # Two networks for the scores, and two of each arm, all of equally many steps.
    assert [row[2:] for row in before] == [["complete", "2"]] * 12
    [found] = tracker.json(*compare, "--seeds", "2", "--no-worker")
    assert tracker.sql("SELECT id, attempt, state, step FROM run ORDER BY id") == before
    for arm in found["arms"]:
        [[mean]] = tracker.sql(
            "SELECT avg(accuracy) FROM run_accuracy "
            f"WHERE ensemble = '{arm['ensemble']}' AND split = 'test' AND evaluation = 2"
        )
        assert float(mean) == pytest.approx(arm["mean"])
    told = tracker.json("list")
    assert len(told) == 6


@pytest.mark.embedded_only
def test_a_curriculum_is_drawn_recorded_shown_and_replayed(
    tracker: Tracker, settings: Settings, tmp_path: Path
) -> None:
    name = "digits-60-mlp-tiny-2epochs"
    with tracker.worker():
        tracker("enqueue", *TINY, "--seeds", "2", "--wait")
    picture = tmp_path / "preview.png"
    assert "wrote" in tracker("curriculum", "preview", name, "--balance", "--out", str(picture))
    assert imread(picture).shape[1] == 1600
    assert "no curricula yet" in tracker("curriculum", "show")

    engine = get_engine(settings)
    train = load_split("digits", "train", examples=60)
    sampler = CurriculumSampler(train, ensemble=name, epochs=5, record="mine", engine=engine)
    taken = {}
    for epoch in range(2):
        sampler.set_epoch(epoch)
        taken[epoch] = list(sampler)
    assert "mine" in tracker("curriculum", "show")
    shown = tracker("curriculum", "show", "mine")
    assert f"60 examples by accessibility.accessibility of {name}" in " ".join(shown.split())
    epochs = tracker.json("curriculum", "show", "mine")["epochs"]
    assert [(row["epoch"], row["pool_size"]) for row in epochs] == [(0, 12), (1, 24)]

    replay = ("curriculum", "replay", "mine", "--epoch", "1")
    assert [int(line) for line in tracker(*replay).split()] == taken[1]
    assert tracker(*replay, "--format", "json").strip() == str(taken[1])
    file = tmp_path / "epoch"
    assert "24 indices, as recorded" in tracker(*replay, "--format", "npy", "--out", str(file))
    assert np.load(file).tolist() == taken[1]

    for arguments, message in (
        (("replay", "mine", "--epoch", "2"), "has begun no epoch 2: choose one of 0 to 1"),
        (("replay", "mine", "--epoch", "0", "--format", "npy"), "--format npy needs --out"),
        (("preview", name, "--order", "easy"), "unknown order 'easy'"),
        (("compare", "--conditions", "dirty"), "unknown condition 'dirty'"),
    ):
        done = tracker.run("curriculum", *arguments)
        assert done.returncode == 2
        assert message in done.stderr
