"""`tracker types`: the four corners in numbers and pictures, and probes beside the network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from sqlalchemy import Engine
from typer.testing import CliRunner

from tests.integration.test_depth import STORY
from tests.integration.test_held_out import STORY as UNPROBED
from tests.support.ensembles import LAYERS, dataset_of, record
from tracker import plots
from tracker.cli import types
from tracker.errors import TrackerError
from tracker.plots.types import draw_types
from tracker.reports import snapshot
from tracker.reports.types import TYPES, difficulty_types

pytestmark = pytest.mark.embedded_only

TOLD = replace(STORY, votes_told=True)


@pytest.fixture
def told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    with engine.begin() as connection:
        record(connection, TOLD)
    monkeypatch.setattr(plots, "load_named", lambda _: dataset_of(TOLD))
    monkeypatch.setattr(types, "open_engine", lambda: engine)
    return engine


def test_the_purest_of_each_type_with_their_consensus(told: Engine) -> None:
    with snapshot(told) as connection:
        found = difficulty_types(connection, TOLD.name)
    assert [row.type for row in found.types] == [TYPES[0], TYPES[2], TYPES[3]]
    assert {
        name: [(one.position, one.label, one.consensus_class) for one in some]
        for name, some in found.purest.items()
    } == {TYPES[0]: [(0, 0, 0)], TYPES[2]: [(2, 2, 0)], TYPES[3]: [(1, 1, 1)]}


def test_probes_beside_the_network_on_what_was_held_out(told: Engine) -> None:
    """Example 2 is the only ambiguous one; runs 1 and 2 held it out, at depths 3 and 2."""
    with snapshot(told) as connection:
        ambiguous = difficulty_types(connection, TOLD.name).ambiguous
    assert ambiguous is not None
    assert (ambiguous.examples, ambiguous.answers, ambiguous.network_accuracy) == (1, 2, 0.0)
    votes = np.array([TOLD.probe_votes(run, 2)[:, 2] for run in (1, 2)])
    assert [layer.name for layer in ambiguous.layers] == list(LAYERS)
    assert [layer.accuracy for layer in ambiguous.layers] == (votes == 2).mean(axis=0).tolist()


def test_the_command_prints_and_draws(told: Engine, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(types.types)
    picture = tmp_path / "types.png"
    result = CliRunner().invoke(app, [TOLD.name, "--out", str(picture)])
    assert result.exit_code == 0, result.exception
    assert "without a type: 1 training example, held out by no run" in result.stdout
    assert "only 3 probed runs" in " ".join(result.stderr.split())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert CliRunner().invoke(app, [TOLD.name, "--json"]).exit_code == 0


def test_without_types_the_way_to_them_is_said(told: Engine) -> None:
    with told.begin() as connection:
        record(connection, replace(UNPROBED, name="unprobed"))
    with (
        snapshot(told) as connection,
        pytest.raises(TrackerError, match=r"no difficulty types: .*--split 90:10 --probe final"),
    ):
        difficulty_types(connection, "unprobed")


def test_every_example_stands_above_its_label_and_its_consensus(told: Engine) -> None:
    with snapshot(told) as connection:
        purest = difficulty_types(connection, TOLD.name).purest
    images = dataset_of(TOLD).splits["train"].images
    figure = draw_types(images, purest, ("a", "b", "c"), title="some, 3 runs")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert {"a\n→ a", "c\n→ a", "b\n→ b"} <= set(words)
    assert len(figure.axes[0].images) == 3
