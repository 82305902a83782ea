"""Queries of any view: the rows that SQL would give, whatever is asked."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text, update
from typer.testing import CliRunner

from tests.support.ensembles import Recorded, block_size, record, spec_of, story_of
from tracker.cli import query as command
from tracker.cli.narrowing import ASIDE, INPUTS, KEYS, SAID_BY
from tracker.db.models import Ensemble, Run
from tracker.db.schema import VIEWS
from tracker.errors import UsageError
from tracker.exports import csv_text, json_lines, parquet
from tracker.exports.choices import DIFFICULTIES
from tracker.exports.query import Query, count_rows, list_views, query_rows
from tracker.holdout import parse_holdout
from tracker.reports.absence import IS_ASKED_FOR, WITHOUT_OUTCOMES
from tracker.reports.needs import VIEW_NEEDS
from tracker.reports.types import TYPES
from tracker.specs import Probing


def told(connection: Connection, **others: Any) -> Recorded:
    """Three runs, two splits, several blocks, evaluations 1 to 3."""
    right = np.random.default_rng(0).random((3, 30, 3)) < 0.5
    with block_size(8):
        return record(
            connection, story_of(right, sizes={"train": 20, "test": 10}, first=1, **others)
        )


def ask(connection: Connection, view: str, *where: str, **others: Any) -> list[dict[str, Any]]:
    """The rows of a query; `others` as of `Query`."""
    with query_rows(connection, Query(view, where, **others)).stream() as batches:
        return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_without_bitmaps(connection: Connection, view: str) -> None:
    recorded = told(connection)
    if view not in list_views(connection):
        with pytest.raises(UsageError, match=f"view '{view}' holds bitmaps.*`tracker psql`"):
            ask(connection, view)
        return
    expected = connection.execute(text(f"SELECT * FROM {view}")).mappings().all()
    found = ask(connection, view)
    assert len(found) == len(expected)
    assert [list(row) for row in found[:1]] == [list(row) for row in expected[:1]]
    assert count_rows(connection, Query(view, limit=1), 60) == len(expected)
    assert recorded.ensemble_id


CONDITIONS = [
    ("learning_order", ["accessibility<0.5"], "accessibility < 0.5"),
    ("learning_order", ["rank > 5 ", "split=test"], "rank > 5 AND split = 'test'"),
    ("learning_order", ["median_learned is null"], "median_learned IS NULL"),
    ("learning_order", ["last_mistake is not null", "label!=2"], "label <> 2"),
    ("learning_order", ["rank<=3"], "rank <= 3"),
    ("outcome", ["correct=true", "evaluation>1"], "correct AND evaluation > 1"),
    ("run_progress", ["started_at>2020-01-01", "state=complete"], "started_at > '2020-01-01'"),
]


@pytest.mark.parametrize(("view", "where", "sql"), CONDITIONS, ids=str)
def test_conditions_are_those_of_sql(
    connection: Connection, view: str, where: list[str], sql: str
) -> None:
    recorded = told(connection)
    count = connection.scalar(text(f"SELECT count(*) FROM {view} WHERE {sql}"))
    assert count
    assert len(ask(connection, view, *where)) == count
    assert len(ask(connection, view, *where, ensemble=recorded.story.name)) == count
    assert count_rows(connection, Query(view, tuple(where), limit=1), 60) == count


def test_one_ensemble(connection: Connection) -> None:
    one, other = told(connection), told(connection)
    rows = ask(connection, "run_accuracy", ensemble=one.story.name)
    assert {row["ensemble_id"] for row in rows} == {one.ensemble_id}
    assert len(ask(connection, "run_accuracy")) == 2 * len(rows)
    rows = ask(connection, "run_accuracy", f"ensemble!={one.story.name}")
    assert {row["ensemble_id"] for row in rows} == {other.ensemble_id}


def test_columns_order_and_limit(connection: Connection) -> None:
    told(connection)
    whole = ask(connection, "learning_order")
    rows = ask(
        connection,
        "learning_order",
        columns=("position", "median_learned", "split"),
        order_by=("-median_learned", "split", "-position"),
        limit=25,
    )
    assert [list(row) for row in rows] == [["position", "median_learned", "split"]] * 25
    late = -np.inf  # NULL comes last, also where the order is reversed
    expected = sorted(
        whole,
        key=lambda row: (
            -(late if row["median_learned"] is None else row["median_learned"]),
            row["split"],
            -row["position"],
        ),
    )
    assert rows == [{name: row[name] for name in rows[0]} for row in expected[:25]]


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        (Query("learning_orde"), ["unknown view 'learning_orde'", "mean 'learning_order'", r"\dv"]),
        (Query("zzz"), [r"unknown view 'zzz': `tracker psql -c '\dv'` lists all"]),
        (Query("run"), ["unknown view 'run': did you mean 'run_accuracy'"]),
        (Query('x" CROSS JOIN run --'), ["unknown view"]),
        (Query("outcome", ("predictd=1",)), ["column of outcome 'predictd'", "predicted"]),
        (Query("outcome", ("correct;=1",)), ["column of outcome 'correct;'"]),
        (Query("outcome", columns=("seed", "sed")), ["'sed'", "seed"]),
        (Query("outcome", columns=("*",)), ["'*'", "seed"]),
        (Query("outcome", columns=()), []),
        (Query("outcome", columns=("seed", "seed")), ["--columns names 'seed' twice"]),
        (Query("outcome", order_by=("--seed",)), ["'-seed'", "seed"]),
        (Query("outcome", order_by=("seed desc",)), ["'seed desc'"]),
        (Query("outcome", ("label~3",)), ["'label~3'", "is not null"]),
        (Query("outcome", ("label==3",)), ["operator '=='", "is not null"]),
        (Query("outcome", ("label=three",)), ["label is of type integer, which 'three' is not"]),
        (Query("outcome", ("label=99999999999",)), ["integer", "'99999999999'"]),
        (Query("outcome", ("label=",)), ["integer", "''"]),
        (Query("outcome", ("correct=perhaps",)), ["boolean", "'perhaps'", "true, false"]),
        (Query("outcome", ("split=trian",)), ["unknown split 'trian'", "test, train"]),
        (Query("run_progress", ("state=done",)), ["unknown state 'done'", "complete"]),
        (Query("run_signal", ("signal=los",)), ["unknown signal 'los'", "confidence", "loss"]),
        (
            Query("dichotomy", ("difficulty=in_between",)),
            [
                "unknown difficulty 'in_between': did you mean 'in between'? choose one of "
                "trivial, in between, impossible"
            ],
        ),
        (
            Query("difficulty_type", ("type!=easyy",)),
            ["unknown type 'easyy': did you mean 'easy'? choose", "looks_like_a_different_class"],
        ),
        (Query("example_difficulty", ("difficulty_type=hard",)), ["'hard': choose one of easy, "]),
        (Query("example_difficulty", ("difficulty_held_out=easy",)), ["one of trivial, in betwee"]),
        (Query("run_history", ("event=claim",)), ["did you mean 'claimed'", "data_missing"]),
        (
            Query("inference_learning_curve", ("example_group=train",)),
            ["did you mean 'trained_on'? choose one of trained_on, clean", "held_out, test"],
        ),
        (
            Query("learning_order", ("accesibility>0.5",)),
            ["'accesibility': did you mean 'accessibility'", "choose one of ensemble, "],
        ),
        (Query("learning_order", order_by=("-rnk",)), ["'rnk': did you mean 'rank'"]),
        (
            Query("order_correlation", ensemble="digits"),
            [
                "order_correlation is a view of two ensembles",
                "--where ensemble_a=digits --where ensemble_b=",
            ],
        ),
        (Query("outcome", ("ensemble=nobody",)), ["no ensemble 'nobody'", "story-"]),
        (Query("outcome", ensemble="nobody"), ["no ensemble 'nobody'", "story-"]),
        (Query("order_correlation", ("ensemble_a=nobody",)), ["no ensemble 'nobody'", "story-"]),
        (Query("both_or_only", ("ensemble_b=nobody",)), ["no ensemble 'nobody'", "story-"]),
        (Query("outcome", ensemble="nul\0"), ["ensemble"]),
        (Query("outcome", ensemble="\udcff"), ["ensemble"]),
        (Query("run_progress", ("started_at>soon",)), ["'soon'", "timestamp"]),
        (Query("outcome", limit=0), ["--limit must be at least 1, got 0"]),
    ],
    ids=str,
)
def test_what_is_not_there_is_an_error_that_lists_the_choices(
    undone: Callable[[], Any], query: Query, parts: list[str]
) -> None:
    with undone() as connection:
        told(connection)
        if not parts:
            assert len(ask(connection, "outcome")) == 270
            return
        with pytest.raises(UsageError) as error:
            query_rows(connection, query)
        for part in parts:
            assert part in str(error.value)


def test_the_choices_are_what_the_functions_say(connection: Connection) -> None:
    difficulties = connection.scalars(
        text("SELECT DISTINCT dichotomous_difficulty(n, 3) FROM generate_series(0, 3) AS n")
    )
    assert set(difficulties) == set(DIFFICULTIES)
    corners = connection.scalars(
        text("SELECT DISTINCT difficulty_corner(a, b) FROM (VALUES (0.0), (1.0)) AS one (a), "
             "(VALUES (0.0), (1.0)) AS other (b)")
    )  # fmt: skip
    assert set(corners) == set(TYPES)


HOSTILE = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.sampled_from(
        [
            "'; DROP TABLE outcome_block; --",
            "' OR '1'='1",
            "\\'; SELECT pg_sleep(9); --",
            "$$; DELETE FROM run; $$",
            "$1 %s %(x)s {} :x ?",
            'x" OR "1"="1',
            "current_setting('tracker.value_0')",
            "NULL",
            "is null",
            "line\nbreak\r\n\ttab",
            "\\.",
            '"',
            "",
            "€😀\u202e",
        ]
    ),
).map(str.strip)


@pytest.mark.embedded_only
@given(stored=HOSTILE, asked=HOSTILE)
@example(stored="x", asked="' OR '1'='1")
@example(stored="' OR '1'='1", asked="' OR '1'='1")
def test_values_are_values(undone: Callable[[], Any], stored: str, asked: str) -> None:
    with undone() as connection:
        recorded = told(connection)
        connection.execute(
            text("UPDATE run SET error = :error WHERE id = :id"),
            {"error": stored, "id": recorded.run_ids[0]},
        )
        assert [row["error"] for row in ask(connection, "run_progress", f"error = {stored}")] == [
            stored
        ]
        found = ask(connection, "run_progress", f"error = {asked}")
        assert len(found) == (stored == asked)
        found = ask(connection, "run_progress", f"error != {asked}", "seed=0", f"error={stored}")
        assert len(found) == (stored != asked)


@pytest.mark.embedded_only
@given(name=HOSTILE)
def test_names_are_looked_up(undone: Callable[[], Any], name: str) -> None:
    with undone() as connection:
        names = {"seed", "state", "run_id", "ensemble"}
        for query in (
            Query(name),
            Query("counted_run", columns=(name,)),
            Query("counted_run", order_by=(name,)),
            Query("counted_run", ensemble=name),
        ):
            if name in names:
                continue
            with pytest.raises(UsageError):
                query_rows(connection, query)


@pytest.mark.embedded_only
@pytest.mark.parametrize("rows", [0, 1, 30])
def test_formats_say_the_same(connection: Connection, tmp_path: Any, rows: int) -> None:
    recorded = told(connection)
    where = (f"position<{rows}",)
    query = Query("learning_order", where, order_by=("example_id",))
    expected = ask(connection, "learning_order", *where, order_by=("example_id",))
    written = {}
    for write in (json_lines.write, json_lines.write_array, csv_text.write, parquet.write):
        file = io.BytesIO()
        assert write(query_rows(connection, query), file, lambda _: None) == len(expected)
        written[write] = file.getvalue()
    assert json.loads(written[json_lines.write_array]) == expected
    assert [json.loads(line) for line in written[json_lines.write].splitlines()] == expected
    for write, reader in ((csv_text.write, "read_csv"), (parquet.write, "read_parquet")):
        path = tmp_path / reader
        path.write_bytes(written[write])
        relation = duckdb.sql(f"SELECT count(*), sum(CAST(rank AS BIGINT)) FROM {reader}('{path}')")
        assert relation.fetchall()[0] == (
            len(expected),
            sum(row["rank"] for row in expected) if expected else None,
        )
    assert recorded.story.name


@pytest.mark.embedded_only
def test_counting_gives_up(connection: Connection) -> None:
    told(connection)
    connection.execute(text("CREATE VIEW slow AS SELECT 1 AS one FROM pg_sleep(60)"))
    assert count_rows(connection, Query("slow"), 0.05) is None
    assert len(ask(connection, "run_accuracy")) == 18


def test_filters_reach_the_blocks(connection: Connection) -> None:
    """A value that is a setting is as good as a constant."""
    connection.execute(text("SELECT set_config('tracker.value_0', 'demo', true)"))
    query = text(
        "EXPLAIN (FORMAT JSON) SELECT * FROM learning_order "
        "WHERE ensemble = CAST(current_setting('tracker.value_0') AS text)"
    )
    [plan] = connection.execute(query).scalar_one()
    scans = [node for node in nodes(plan["Plan"]) if node.get("Relation Name") == "ensemble"]
    assert scans
    for scan in scans:
        conditions = f"{scan.get('Filter')} {scan.get('Index Cond')} {scan.get('Recheck Cond')}"
        assert "(name = current_setting(" in conditions, scan


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A query's plan and every part of it."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


@pytest.fixture
def typed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function of what is typed behind `tracker query`."""
    monkeypatch.setattr(command, "open_reader", lambda: engine)
    app = typer.Typer()
    app.command()(command.query)
    return lambda *words: CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.mark.embedded_only
def test_where_no_rows_come_from(typed: Callable[..., Any]) -> None:
    assert VIEW_NEEDS.keys() == IS_ASKED_FOR.keys()
    assert VIEW_NEEDS.keys() | set(WITHOUT_OUTCOMES) <= set(VIEWS)
    for view, said in (
        ("ensemble_agreement", "--record outputs"),
        *((view, "--record el2n") for view in ("el2n", "el2n_by_held_out")),
        ("signal", "--record confidence"),
        *(("aum", "imported files that hold margin"), ("data_map", "that hold confidence")),
        *((view, "that hold signals") for view in ("run_signal", "signal_by_held_out")),
    ):
        result = typed(view)
        assert result.stdout == "no rows\n"
        assert said in result.stderr
    for asked in (["learning_order"], ["el2n", "--where", "position<0"]):
        result = typed(*asked)
        assert (result.stdout, result.stderr) == ("no rows\n", "")


@pytest.mark.embedded_only
def test_an_ensemble_without_outcomes_says_so(
    engine: Engine, typed: Callable[..., Any], tmp_path: Path
) -> None:
    with engine.begin() as connection:
        for name, state in (("waits", "queued"), ("stopped", "cancelled")):
            empty = story_of(np.ones((2, 3, 2)), recorded=[(), ()], name=name)
            record(connection, replace(empty, states=[state] * 2))
        told(connection, name="told")
    waits = "ensemble 'waits' has no outcomes yet (runs: 2 queued): `tracker status` says"
    for words in (
        ("learning_order", "--ensemble", "waits"),
        ("learning_order", "--where", "ensemble=waits", "--where", "rank<0"),
        ("difficulty_type", "--ensemble", "waits"),
        ("learning_order", "--ensemble", "waits", "--format", "csv"),
        ("learning_order", "--ensemble", "waits", "--out", str(tmp_path / "order.csv")),
    ):
        assert waits in " ".join(typed(*words).stderr.split())
    stopped = typed("learning_order", "--ensemble", "stopped").stderr
    assert "(runs: 2 cancelled): `tracker retry stopped` queues" in " ".join(stopped.split())
    for words in (
        ("run_progress", "--ensemble", "waits", "--where", "state=failed"),
        ("learning_order", "--ensemble", "told", "--where", "rank<0"),
        ("learning_order", "--ensemble", "told", "--format", "csv"),
    ):
        assert typed(*words).stderr == ""


@pytest.mark.embedded_only
def test_what_is_asked_for_is_not_there_yet(engine: Engine, typed: Callable[..., Any]) -> None:
    trains = replace(
        story_of(np.ones((2, 3, 3)), recorded=[(1,), ()], name="trains"),
        states=["running", "queued"],
    )
    asked = spec_of(trains).model_copy(
        update={"split": parse_holdout("90:10"), "probe": Probing(every=5)}
    )
    with engine.begin() as connection:
        recorded = record(connection, trains)
        connection.execute(update(Ensemble).values(spec=asked.model_dump(mode="json")))
    for view in ("difficulty_type", "prediction_depth", "aum"):
        noted = " ".join(typed(view, "--ensemble", "trains").stderr.split())
        assert noted == (
            f"ensemble 'trains' has no rows of {view} yet: it was enqueued for them, and still "
            "trains (runs: 1 queued, 1 running); `tracker status` says how far it is"
        )
    # What was not asked for will not come.
    for view, needed in (("probe_vote", "--probe-votes"), ("el2n", "--record el2n")):
        assert needed in typed(view, "--ensemble", "trains").stderr
    with engine.begin() as connection:
        connection.execute(
            update(Run).where(Run.ensemble_id == recorded.ensemble_id).values(state="cancelled")
        )
    noted = typed("prediction_depth", "--ensemble", "trains").stderr
    assert "rows of prediction_depth come from `tracker enqueue" in noted


def test_of_a_view_of_ones_own_no_reason_is_known(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its column `ensemble` may name anything."""
    with engine.begin() as connection:
        connection.execute(text("CREATE VIEW mine AS SELECT 'one' AS ensemble, 1 AS number"))
    monkeypatch.setattr(command, "open_reader", lambda: engine)
    app = typer.Typer()
    app.command()(command.query)
    result = CliRunner().invoke(app, ["mine", "--where", "ensemble=other"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "no rows\n", "")


@pytest.mark.embedded_only
def test_columns_that_a_narrow_table_knows_are_those_of_views(connection: Connection) -> None:
    known = {name for columns in list_views(connection).values() for name in columns}
    assert KEYS | ASIDE | INPUTS | SAID_BY.keys() | set(SAID_BY.values()) <= known
