"""Prediction depth through the real product, on digits of which a third have a wrong label."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.acceptance.conftest import Tracker

ENSEMBLE = "noisy"


@pytest.mark.embedded_only
def test_depth_shows_what_the_paper_reports(tracker: Tracker) -> None:
    """Baldock 2021 s.2.2, s.3.2, s.3.3: wrong labels are deep, shallow examples early and sure."""
    tracker(
        *("enqueue", "--name", ENSEMBLE, "--dataset", "digits", "--arch", "mlp-tiny"),
        *("--examples", "300", "--seeds", "2", "--epochs", "60", "--optimizer", "adam"),
        *("--lr", "0.02", "--batch-size", "16", "--label-noise", "0.3", "--probe", "final"),
        "--probe-votes",
    )
    tracker("worker", "--once")
    depth, margin, learned, wrong = np.array(
        tracker.sql(
            "SELECT run_depth.depth, signal.value, forgetting.learned, mislabelled::int"
            " FROM run_depth"
            " JOIN signal USING (run_id, example_id, evaluation)"
            " JOIN forgetting USING (run_id, example_id)"
            " JOIN example_label ON example_label.ensemble_id = run_depth.ensemble_id"
            " AND example_label.example_id = run_depth.example_id"
            " WHERE run_depth.split = 'train' AND signal.signal = 'output_margin'"
            " AND run_depth.depth IS NOT NULL AND forgetting.learned IS NOT NULL"
        ),
        dtype=float,
    ).T
    assert len(depth) > 200
    assert depth[wrong == 1].mean() > depth[wrong == 0].mean() + 0.3
    assert spearmanr(depth, learned).statistic > 0.2
    assert spearmanr(depth, margin).statistic < -0.2
    curve = {
        (group, int(layer)): float(accuracy)
        for group, layer, accuracy in tracker.sql(
            "SELECT example_group, layer, accuracy FROM inference_learning_curve"
        )
    }
    assert curve["clean", 0] > 0.7 > 0.2 > curve["mislabelled", 0], "the input shows the class"
    assert curve["mislabelled", 3] > curve["mislabelled", 0], "the network has learned wrong labels"
    assert curve["mislabelled_true_label", 3] < curve["mislabelled_true_label", 0]
    said = tracker("verify", ENSEMBLE)
    assert "4 blocks of prediction depths checked, nothing is wrong" in " ".join(said.split())
