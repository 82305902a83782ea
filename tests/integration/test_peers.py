"""Where peers define the same thing, the views say what their code says."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax
from sqlalchemy import Connection, Engine, text

from tests.support.ensembles import Story, record
from tests.support.views import read
from tracker.imports import import_ensemble

pytestmark = pytest.mark.embedded_only


def cartography_metrics(folder: Path) -> dict[int, tuple[float, float, int]]:
    """Confidence, variability and correctness by guid, as `compute_train_dy_metrics` of
    cartography/selection/train_dy_filtering.py has them, from the files of one training."""
    gold_probability, right = defaultdict(list), defaultdict(list)
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            told = json.loads(line)
            (logits,) = [told[key] for key in told if key.startswith("logits_epoch_")]
            probabilities = softmax(np.array(logits, dtype=np.float64))
            gold_probability[told["guid"]].append(probabilities[told["gold"]])
            right[told["guid"]].append(int(np.argmax(logits)) == told["gold"])
    return {
        guid: (float(np.mean(trend)), float(np.std(trend)), sum(right[guid]))
        for guid, trend in gold_probability.items()
    }


def test_data_maps_are_those_of_dataset_cartography(engine: Engine, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    examples, epochs, classes = 25, 6, 3
    gold = rng.integers(0, classes, examples)
    for epoch in range(epochs):
        logits = rng.standard_normal((examples, classes)) * 2
        logits[np.arange(examples), gold] += epoch / 2
        lines = [
            json.dumps(
                {"guid": guid, f"logits_epoch_{epoch}": row.tolist(), "gold": int(gold[guid])}
            )
            for guid, row in enumerate(logits)
        ]
        (tmp_path / f"dynamics_epoch_{epoch}.jsonl").write_text("\n".join(lines))
    expected = cartography_metrics(tmp_path)
    import_ensemble(engine, [tmp_path], "theirs")
    with engine.connect() as connection:
        rows = read(connection, "data_map", "theirs")
    assert len(rows) == examples == len(expected)
    for row in rows:
        confidence, variability, correctness = expected[row["position"]]
        assert row["confidence"] == pytest.approx(confidence, rel=1e-5)
        assert row["variability"] == pytest.approx(variability, rel=1e-5, abs=1e-6)
        # Theirs is the number of right epochs.
        assert row["correctness"] * epochs == pytest.approx(correctness)
    assert len({round(correctness) for _, _, correctness in expected.values()}) > 2


@pytest.fixture
def votes(connection: Connection) -> Story:
    """Nine runs that agree more or less, by example, on five classes."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, 40)
    guesses = rng.integers(0, 5, (9, 40, 3))
    story = Story(
        sizes={"train": 40},
        num_classes=5,
        labels=labels,
        predicted=np.where(
            rng.random(guesses.shape) < rng.random((40, 1)), labels[:, None], guesses
        ),
        recorded=[range(3)] * 9,
    )
    record(connection, story)
    return story


def test_prediction_entropy_is_scipys(connection: Connection, votes: Story) -> None:
    rows = read(connection, "consensus", votes.name)
    assert len(rows) == 40
    for row in rows:
        shares = np.bincount(votes.predicted[:, row["position"], -1], minlength=5) / 9
        assert row["prediction_entropy"] == pytest.approx(stats.entropy(shares), abs=1e-12)


def test_bimodality_is_scipys(connection: Connection, votes: Story) -> None:
    """Kurtosis and skewness of the whole population, the kurtosis not in excess of 3."""
    query = text("SELECT evaluation, bimodality FROM bimodality WHERE ensemble = :name")
    rows = connection.execute(query, {"name": votes.name})
    found = {row.evaluation: row.bimodality for row in rows}
    assert len(found) == 3
    for evaluation, bimodality in found.items():
        scores = votes.correct[:, :, evaluation].mean(0)
        kurtosis = stats.kurtosis(scores, fisher=False, bias=True)
        assert bimodality == pytest.approx(kurtosis - stats.skew(scores, bias=True) ** 2 - 1)
