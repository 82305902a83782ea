"""Whatever is typed, a command ends with exit code 0, 1 or 2 and one line, and leaves no halves."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tests.support.ensembles import record, story_of
from tests.support.recorded import row_counts
from tests.support.servers import Servers, connected, new_database
from tests.support.typed import typed
from tracker.cli.main import app
from tracker.db import get_engine
from tracker.db.engine import libpq_url
from tracker.db.schema import VIEWS
from tracker.settings import get_settings

pytestmark = pytest.mark.embedded_only

HOSTILE = (
    "", " ", "\n", "\0", "a\0b", "\udcff", "é", "日本", "🙂", "\u202e", "a" * 5_000, "-", "--",
    "-1", "--x", "=", "'; DROP TABLE run; --", '"', "%s", "%(name)s", "%", ":name", "{}",
    "{0.__class__}", "$1", "\\", "`id`", "$(id)", "..", "../../x", "/dev/null", "/", "~", "0",
    "1e400", "nan", "inf", "-inf", "1_000", "٣", str(2**31), str(2**63), str(-(2**63) - 1),
    "9" * 400, "0x10", "1.5", "true", "null", "[bold]x[/bold]", "[/]", ",", ",,", "a,b", "a=b",
    "x\r\ny", "\t", "\x1b[2J",
)  # fmt: skip
"""What could be taken for SQL, a format, markup, a path, an option or another number."""

FITTING = {
    "ensemble": ("told", "open"),
    "a": ("told",),
    "b": ("told", "open"),
    "name": ("told", "new"),
    "kind": ("learning-order", "tp-agreement"),
    "score": ("accessibility", "ensemble-agreement"),
    "view": sorted(VIEWS),
    "files": ("told.npz", "none.npz"),
    "--ensemble": ("told",),
    "--arch": ("mlp-tiny", "resnet18"),
    "--dataset": ("digits", "mnist", "told"),
    "--seeds": ("1", "2"),
    "--seed": ("0", "7"),
    "--split": ("train", "test", "full", "90:10", "parts:2", "part:1/2"),
    "--epochs": ("1", "2"),
    "--examples": ("16",),
    "--lr": ("0.1",),
    "--optimizer": ("sgd", "adam"),
    "--record-every": ("1epoch", "3steps"),
    "--record": ("loss", "outputs,el2n"),
    "--probe": ("final", "every:2"),
    "--label-noise": ("0.4",),
    "--curriculum": ("easy-first", "random"),
    "--curriculum-scores": ("told", "told,open"),
    "--curriculum-score": ("accessibility", "rank"),
    "--easy": ("high", "low"),
    "--order": ("easy-first", "random"),
    "--score": ("accessibility", "rank"),
    "--pacing": ("linear", "root", "step"),
    "--start": ("0.2",),
    "--grow": ("0.8",),
    "--name": ("told", "new"),
    "--where": ("label=1", "accessibility<0.5", "split=train", "label is null"),
    "--columns": ("label", "position,label"),
    "--order-by": ("label", "-label"),
    "--limit": ("1", "3"),
    "--format": ("text", "json", "csv", "npz", "parquet", "lines"),
    "--out": ("written.csv", "written.npz", "-", "."),
    "--table": ("outcome", "learning_order"),
    "--first-evaluation": ("0", "5"),
    "--conditions": ("noise", "short,noise"),
    "--gpus": ("all", "0,1"),
    "--prefix": ("fuzz",),
    "--epoch": ("0",),
}
"""Values that lead further into a command, by argument."""

SAYS_ON_STDOUT = ("verify", "doctor", "psql")
"""What ends with exit code 1 where it has found something, or where psql has failed."""

LEFT_OUT = {
    "--wait": "waits for a worker",
    "--watch": "redraws a terminal",
    "--log-json": "would send the log of these tests there",
    "--worker": "trains",
}


@dataclass(frozen=True)
class Command:
    """One command of the command line, and what may follow it."""

    words: tuple[str, ...]
    arguments: tuple[tuple[str, bool], ...]
    """Name, and whether it must be there."""
    options: tuple[tuple[str, bool, bool], ...]
    """Name, whether it is a flag, and whether it must be there."""


def commands(group: Any, *words: str) -> Iterator[Command]:
    """Every command below `group`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *words, name)
            continue
        plain = [p for p in command.params if p.param_type_name == "argument"]
        named = [p for p in command.params if p.param_type_name == "option"]
        yield Command(
            (*words, name),
            tuple((p.name, p.required) for p in plain),
            tuple((p.opts[-1], p.is_flag, p.required) for p in named if p.opts[-1] not in LEFT_OUT),
        )


COMMANDS = list(commands(typer.main.get_command(app)))


def value(name: str) -> st.SearchStrategy[str]:
    """Something for an argument: what fits twice as often as what does not."""
    hostile = st.sampled_from(HOSTILE) | st.text(max_size=8)
    fitting = FITTING.get(name)
    return st.one_of(*[st.sampled_from(fitting)] * 2, hostile) if fitting else hostile


@st.composite
def lines(draw: st.DrawFn, command: Command) -> list[str]:
    """A command with some of its arguments; at times one too many or an unknown one."""
    line = list(command.words)
    for name, needed in command.arguments:
        if needed or draw(st.booleans()):
            line.append(draw(value(name)))
    options = [o for o in command.options if o[2]]
    if others := [o for o in command.options if not o[2]]:
        options += draw(st.lists(st.sampled_from(others), max_size=4, unique=True))
    for name, flag, _ in options:
        if flag:
            line.append(name)
        elif draw(st.booleans()):
            line.append(f"{name}={draw(value(name))}")
        else:
            line += [name, draw(value(name))]
    if draw(st.integers(0, 9)) == 0:
        line.append(draw(st.sampled_from(HOSTILE)))
    return line


def seed(engine: Engine) -> None:
    """The ensembles that a command may name: one with outcomes, one still queued."""
    right = np.random.default_rng(0).random((2, 16, 3)) < 0.6
    told: dict[str, Any] = {"sizes": {"train": 12, "test": 4}, "first": 1, "dataset": "told"}
    with engine.begin() as connection:
        known = set(connection.scalars(text("SELECT name FROM ensemble")))
        if "told" not in known:
            record(connection, story_of(right, name="told", **told))
        if "open" not in known:
            queued = {"recorded": [[], []], "states": ("queued", "queued")}
            record(connection, story_of(right, name="open", **told, **queued))


@pytest.fixture(scope="module")
def place(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database that the environment names, in a folder of its own; nothing is really started."""
    folder = tmp_path_factory.mktemp("fuzz") / "up" / "and" / "up"
    folder.mkdir(parents=True)

    def leave(*_: object, **__: object) -> None:
        raise typer.Exit

    with (
        new_database(servers.admin, servers.template) as url,
        connected(url) as engine,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(folder)
        patch.setenv("TRACKER_HOME", str(folder / "home"))
        patch.setenv("TRACKER_DATABASE_URL", libpq_url(url))
        patch.setenv("TRACKER_BROKER_URL", servers.broker_url)
        patch.setenv("TRACKER_QUEUE", "tracker-test-fuzz")
        patch.setattr("tracker.cli.curriculum_compare.train_queued", leave)
        patch.setattr("tracker.cli.worker._supervise", leave)
        patch.setattr("tracker.datasets.downloads.any_answers", lambda *_: False)
        get_settings.cache_clear()
        np.savez("told.npz", correct=np.arange(2 * 16 * 3).reshape(2, 16, 3) % 2)
        yield engine
        get_engine().dispose()
    get_settings.cache_clear()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.words))
@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_typed(place: Engine, command: Command, data: st.DataObject) -> None:
    line = data.draw(lines(command))
    seed(place)
    before, files = row_counts(place), set(os.listdir())
    code, _, error = typed(line)
    made = set(os.listdir()) - files
    for name in made:
        Path(name).unlink()
    assert code in (0, 1, 2)
    assert "Traceback" not in error
    assert "--debug ...` shows where" not in error, "a defect, which nobody expected"
    assert not [name for name in made if name.endswith(".part")]
    if code:
        assert not made
        assert row_counts(place) == before
    if code and command.words[0] not in SAYS_ON_STDOUT:
        said = [each for each in error.splitlines() if each.startswith("tracker: ")]
        assert len(said) == 1
        assert error.splitlines()[-1] == said[0]
