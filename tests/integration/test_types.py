"""`tracker types`: the four corners in numbers and pictures, and probes beside the network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from sqlalchemy import Engine, update
from typer.testing import CliRunner

from tests.integration.test_depth import STORY
from tests.integration.test_held_out import STORY as UNPROBED
from tests.support.ensembles import LAYERS, dataset_of, record, spec_of
from tracker import plots
from tracker.cli import types
from tracker.db.models import Ensemble
from tracker.errors import TrackerError, UsageError
from tracker.holdout import parse_holdout
from tracker.plots.types import draw_types
from tracker.reports import snapshot
from tracker.reports.types import TYPES, difficulty_types
from tracker.specs import Probing

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
        name: [(one.position, one.label, one.consensus_class, one.original_label) for one in some]
        for name, some in found.purest.items()
    } == {TYPES[0]: [(0, 0, 0, None)], TYPES[2]: [(2, 2, 0, 0)], TYPES[3]: [(1, 1, 1, None)]}
    assert (found.probed_runs, found.probed_at, found.counted_runs) == (3, (2,), 3)


def test_probes_beside_the_network_on_what_was_held_out(told: Engine) -> None:
    """Example 2 is the only ambiguous one; runs 1 and 2 held it out, at depths 3 and 2."""
    with snapshot(told) as connection:
        ambiguous = difficulty_types(connection, TOLD.name).ambiguous
    assert ambiguous is not None
    assert (ambiguous.examples, ambiguous.answers, ambiguous.network_accuracy) == (1, 2, 0.0)
    votes = np.array([TOLD.probe_votes(run, 2)[:, 2] for run in (1, 2)])
    assert [layer.name for layer in ambiguous.layers] == list(LAYERS)
    assert [layer.accuracy for layer in ambiguous.layers] == (votes == 2).mean(axis=0).tolist()


def show(*arguments: str) -> tuple[str, str]:
    """What the command prints, and what it notes beside it, each in one line."""
    app = typer.Typer()
    app.command()(types.types)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.stdout.split()), " ".join(result.stderr.split())


def test_the_command_prints_and_draws(told: Engine, tmp_path: Path) -> None:
    picture = tmp_path / "types.png"
    printed, noted = show(TOLD.name, "--out", str(picture))
    assert "without a type: 1 training example, held out by no run" in printed
    assert noted == (
        "only 3 probed runs: depths and consensus of fewer than 10 are doubtful; "
        "enqueue again with more --seeds"
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    show(TOLD.name, "--json")


def test_each_ensemble_has_a_picture_of_its_own(
    told: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with told.begin() as connection:
        record(connection, replace(TOLD, name="../other"))
    monkeypatch.chdir(tmp_path)
    printed, _ = show(TOLD.name)
    assert printed.endswith("wrote depth-difficulty-types.png")
    assert [path.name for path in tmp_path.iterdir()] == ["depth-difficulty-types.png"]
    with pytest.raises(UsageError, match=r"'../other-difficulty-types.png' leads to another fold"):
        show("../other")


def test_why_there_is_no_layer_to_compare(told: Engine, tmp_path: Path) -> None:
    depths = STORY.depths.copy()  # type: ignore[union-attr]
    depths[:, 2] = depths[:, 0]  # as easy as example 0
    with told.begin() as connection:
        record(connection, replace(STORY, name="voteless"))
        record(connection, replace(TOLD, name="clear", depths=depths))
    for name, reason in (
        ("voteless", "no votes of probes are stored (enqueue --probe-votes): no layer to"),
        ("clear", "no example is ambiguous unless the label is given: no layer to compare"),
    ):
        _, noted = show(name, "--out", str(tmp_path / "types.png"))
        assert reason in noted
        assert noted.count("no layer to compare") == 1


def test_while_runs_train_it_is_said_how_far_the_depths_are(told: Engine, tmp_path: Path) -> None:
    training = replace(
        TOLD,
        name="training",
        states=("complete", "running", "queued"),
        recorded=((1, 2), (1,), ()),
        probed=[1, 2],
    )
    with told.begin() as connection:
        record(connection, training)
    _, noted = show("training", "--out", str(tmp_path / "types.png"))
    assert (
        "2 of 3 runs probed, at evaluations 1 to 2; still training: the depths of each run's last "
        "are averaged"
    ) in noted
    assert "only 2 probed runs" in noted
    assert "--seeds" not in noted


def test_before_the_first_probe_there_are_no_types_yet(told: Engine) -> None:
    asked = {"split": parse_holdout("90:10"), "probe": Probing()}
    unprobed = replace(UNPROBED, name="soon", states=("running", "queued", "queued"))
    spec = spec_of(unprobed).model_copy(update=asked).model_dump(mode="json")
    with told.begin() as connection:
        record(connection, unprobed)
        connection.execute(update(Ensemble).where(Ensemble.name == "soon").values(spec=spec))
    with (
        snapshot(told) as connection,
        pytest.raises(TrackerError, match=r"no difficulty types yet: 0 of 3 runs probed, 3 still"),
    ):
        difficulty_types(connection, "soon")


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
    assert {"a\n→ a", "c\nwas a\n→ a", "b\n→ b"} <= set(words)
    assert "its label, what that was before label noise, and" in words[-1]
    assert len(figure.axes[0].images) == 3
