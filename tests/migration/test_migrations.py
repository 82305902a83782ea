"""Migrating gives the schema of the models and of the current SQL; back and forth, and at once."""

import ast
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from sqlalchemy import Engine, text

import migrations
from tests.support import first_revision
from tests.support.catalog import catalog
from tests.support.ensembles import Story, record, story_of
from tests.support.servers import Servers, connected, new_database
from tests.support.views import VIEWS as ONE_ENSEMBLE
from tests.support.views import check
from tracker.db import migrate
from tracker.db.migrate import HEAD, current_revision, ensure_current, script_head, upgrade
from tracker.db.models import Base
from tracker.db.schema import FUNCTIONS, VIEWS, schema_scripts, sql_text
from tracker.errors import SchemaMismatchError, TrackerError
from tracker.outcomes.writer import insert_evaluations

FOLDER = Path(migrations.__file__).parent
REVISIONS = sorted(FOLDER.glob("versions/[0-9]*.py"))


def downgrade(engine: Engine, revision: str) -> None:
    config = migrate._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def set_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


# --- what migrating gives -------------------------------------------------------------------------


def test_migrating_gives_the_models_and_the_current_sql(
    servers: Servers, engine: Engine, empty_engine: Engine
) -> None:
    with empty_engine.begin() as connection:
        Base.metadata.create_all(connection)
        for script in schema_scripts():
            connection.connection.cursor().execute(script)
    migrated, made = catalog(engine), catalog(empty_engine)
    for what, rows in made.items():
        assert migrated[what] == rows, what
    # And the comparison has something to compare.
    tables = [row[0] for row in made["relations"] if row[1] == "r"]
    assert sorted(tables) == sorted(Base.metadata.tables)
    assert {row[0] for row in made["views"]} == set(VIEWS)
    assert Counter(row[0].partition("(")[0] for row in made["functions"]) == defined("FUNCTION")
    assert Counter(row[0].partition("(")[0] for row in made["aggregates"]) == defined("AGGREGATE")


def defined(kind: str) -> Counter[str]:
    """How often the files of the schema define a function or an aggregate of each name."""
    texts = [sql_text("functions", name) for name in FUNCTIONS]
    found = Counter(re.findall(rf"^CREATE {kind} (\w+)", "\n".join(texts), re.MULTILINE))
    assert found
    return found


OF_STORED = {
    "cross_consistency_of",
    "dichotomy_summary_at",
    "error_consistency_between",
    "example_block",
    "first_correct_last_mistake_by",
    "forgetting_ranking",
    "induced_class_at",
}
"""Functions that read what is stored: the same for the same within one statement."""

WRITING = {"forget_evaluations", "forget_held_out", "forget_summaries"}
"""Functions that delete: with the owner's rights, and only for those who were given them."""


def test_functions_give_the_same_for_the_same_in_any_process(engine: Engine) -> None:
    """Or the planner would not inline them, nor hand them to parallel workers."""
    query = text(
        "SELECT proname, provolatile::text, proparallel::text FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace"
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    assert len(rows) == (defined("FUNCTION") + defined("AGGREGATE")).total()
    for name, volatility, parallel in rows:
        if name in WRITING:
            assert (volatility, parallel) == ("v", "u"), name
            continue
        expected = "s" if name in OF_STORED else "i"
        assert (volatility, parallel) == (expected, "s"), name


def test_functions_with_the_owners_rights_are_closed_to_others(engine: Engine) -> None:
    """And look names up in the schema alone, never in a caller's temporary tables."""
    query = text(
        "SELECT proname, proacl::text, proconfig FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    assert {row.proname for row in rows} == WRITING
    for row in rows:
        assert row.proconfig == ["search_path=public, pg_temp"]
        assert "{=" not in row.proacl
        assert ",=" not in row.proacl


@pytest.mark.parametrize("name", FUNCTIONS)
def test_file_of_a_function_opens_with_its_title(name: str) -> None:
    assert re.match(rf"-- ([a-z_]+, )*{name}(, [a-z_]+)*: \S", sql_text("functions", name))


def test_every_constraint_has_a_name_by_the_rule(engine: Engine) -> None:
    endings = {"p": "_pkey", "f": "_fkey", "u": "_key", "c": "_check"}
    for table, name, kind, *_ in catalog(engine)["constraints"]:
        if kind in endings:  # PostgreSQL 18 also lists NOT NULL
            assert name.startswith(table), name
            assert name.endswith(endings[kind]), name


def test_elements_of_measured_numbers_are_not_counted(engine: Engine) -> None:
    query = """
        SELECT attrelid::regclass || '.' || attname, coalesce(attstattarget, -1)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
            AND atttypid = 'real[]'::regtype
    """
    with engine.connect() as connection:
        targets = {row[0]: row[1] for row in connection.execute(text(query))}
    assert "signal_block.value" in targets
    assert set(targets.values()) == {0}, targets


def test_every_table_has_a_comment(engine: Engine) -> None:
    for name, kind, *_, comment in catalog(engine)["relations"]:
        if kind == "r":
            assert comment, name


# --- structure ------------------------------------------------------------------------------------


def test_head_is_the_newest_migration() -> None:
    assert script_head() == HEAD
    assert [path.name.partition("_")[0] for path in REVISIONS][-1] == HEAD


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_migrations_run_nothing_but_frozen_sql(path: Path) -> None:
    allowed = {"sqlalchemy", "sqlalchemy.dialects", "alembic", "migrations.frozen"}
    for module in (path, FOLDER / "frozen.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= allowed
            elif isinstance(node, ast.ImportFrom) and module == path:
                assert node.module in allowed
            elif isinstance(node, ast.ImportFrom):
                assert not str(node.module).startswith("tracker")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                # `tracker` is also the default of a column.
                assert node.value != "tracker.sql"
                assert node.value != "tracker" or module == path


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)
def test_every_frozen_file_is_run(path: Path) -> None:
    revision = path.name.partition("_")[0]
    folder = FOLDER / "sql" / revision
    frozen = {str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.sql")}
    namespace: dict[str, object] = {}
    exec(compile(path.read_text("utf-8"), path, "exec"), namespace)  # noqa: S102
    scripts = namespace.get("SCRIPTS", ())
    assert isinstance(scripts, tuple)
    assert set(scripts) == frozen
    assert len(scripts) == len(frozen)


def test_every_sql_file_of_the_schema_is_listed() -> None:
    folder = Path(migrate.__file__).parents[1] / "sql"
    assert {file.stem for file in folder.glob("functions/*.sql")} == set(FUNCTIONS)
    assert {file.stem for file in folder.glob("views/*.sql")} == set(VIEWS)


# --- current or not -------------------------------------------------------------------------------


def test_empty_database_is_migrated_only_when_allowed(empty_engine: Engine) -> None:
    assert current_revision(empty_engine) is None
    message = f"revision none, this tracker needs {HEAD}: run `tracker db upgrade`"
    with pytest.raises(SchemaMismatchError, match=message):
        ensure_current(empty_engine, migrate=False)
    assert current_revision(empty_engine) is None
    ensure_current(empty_engine, migrate=True)
    assert current_revision(empty_engine) == HEAD
    ensure_current(empty_engine, migrate=False)


@pytest.mark.parametrize("allowed", [True, False])
def test_newer_database_is_refused(engine: Engine, allowed: bool) -> None:
    set_revision(engine, "9999")
    before = catalog(engine)
    message = f"revision 9999, newer than this tracker's {HEAD}: install the newer version"
    with pytest.raises(SchemaMismatchError, match=message):
        ensure_current(engine, migrate=allowed)
    assert current_revision(engine) == "9999"
    assert catalog(engine) == before


def test_older_database_is_refused_unless_it_may_be_migrated(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_revision(engine, "0000")
    message = f"revision 0000, this tracker needs {HEAD}: run `tracker db upgrade`"
    with pytest.raises(SchemaMismatchError, match=message):
        ensure_current(engine, migrate=False)
    upgraded: list[Engine] = []
    monkeypatch.setattr(migrate, "upgrade", upgraded.append)
    ensure_current(engine, migrate=True)
    assert upgraded == [engine]


# --- back and forth -------------------------------------------------------------------------------


def test_down_to_nothing_and_up_again(engine: Engine) -> None:
    before = catalog(engine)
    downgrade(engine, "base")
    assert {what: rows for what, rows in catalog(engine).items() if rows} == {}
    upgrade(engine)
    assert catalog(engine) == before
    assert current_revision(engine) == HEAD


def test_every_migration_can_be_undone(empty_engine: Engine) -> None:
    """Its downgrade gives what the revision before it gave, comments and all."""
    before = [catalog(empty_engine)]
    for revision in [path.name.partition("_")[0] for path in REVISIONS]:
        upgrade(empty_engine, revision)
        before.append(catalog(empty_engine))
    for path in reversed(REVISIONS):
        assert catalog(empty_engine) == before.pop(), path.stem
        downgrade(empty_engine, "-1")
    assert catalog(empty_engine) == before.pop()


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    before = catalog(engine)
    upgrade(engine)
    assert catalog(engine) == before


# --- with data in it ------------------------------------------------------------------------------

STORED = ("dataset", "split", "block", "example", "ensemble", "run", "evaluation", "outcome_block")

WITHOUT_EVENTS = [view for view in ONE_ENSEMBLE if view != "run_history"]
"""What happened to runs before there were events is not known."""


def old_story(**others: Any) -> Story:
    """Two splits, blocks of the first version's size and rests, runs that differ in length."""
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 5, 4110)
    guesses = rng.integers(0, 5, (3, 4110, 4))
    return Story(
        sizes={"train": 4100, "test": 10},
        num_classes=5,
        labels=labels,
        predicted=np.where(rng.random(guesses.shape) < 0.4, labels[:, None], guesses),
        recorded=[[0, 1, 2, 3], [0, 2, 3], [0, 1, 3]],
        **others,
    )


def rows_of(engine: Engine, relation: str) -> list[str]:
    """Every row as text, in order."""
    with engine.connect() as connection:
        return sorted(connection.scalars(text(f"SELECT CAST(t AS text) FROM {relation} AS t")))


def test_data_of_the_first_revision_survives(empty_engine: Engine) -> None:
    upgrade(empty_engine, "0001")
    with empty_engine.begin() as connection:
        recorded = first_revision.write(connection, old_story(), evaluations=2)
    tables = {name: rows_of(empty_engine, name) for name in STORED}
    views = {row[0] for row in catalog(empty_engine)["views"]}
    before = {view: rows_of(empty_engine, view) for view in views}
    assert all(tables.values())
    assert all(before.values())

    upgrade(empty_engine)
    told = replace(recorded.story, recorded=[run[:2] for run in recorded.story.recorded])
    with empty_engine.connect() as connection:
        for view in WITHOUT_EVENTS:
            check(connection, view, replace(recorded, story=told))

    downgrade(empty_engine, "0001")
    assert {name: rows_of(empty_engine, name) for name in STORED} == tables
    assert {view: rows_of(empty_engine, view) for view in views} == before


def test_runs_of_the_first_revision_go_on(empty_engine: Engine) -> None:
    """In blocks of the size in which their dataset was registered."""
    upgrade(empty_engine, "0001")
    story = old_story()
    with empty_engine.begin() as connection:
        recorded = first_revision.write(connection, story, evaluations=2)
    upgrade(empty_engine)
    with empty_engine.begin() as connection:
        for run, run_id in enumerate(recorded.run_ids):
            for evaluation in story.recorded[run][2:]:
                outcomes = story.evaluation_record(run, evaluation)
                layout = first_revision.layout_of(story)
                assert insert_evaluations(connection, run_id, layout, [outcomes]) == []
        for view in WITHOUT_EVENTS:
            check(connection, view, recorded)


def test_ensembles_without_classes_have_no_place_before(empty_engine: Engine) -> None:
    """Going back deletes them, whole, and nothing else."""
    upgrade(empty_engine, "0001")
    with empty_engine.begin() as connection:
        first_revision.write(connection, old_story(), evaluations=4)
    tables = {name: rows_of(empty_engine, name) for name in STORED}
    upgrade(empty_engine)
    signals = {"margin": np.zeros((2, 8, 2), dtype=np.float32)}
    told = story_of(np.ones((2, 8, 2)), classes_known=[True, False], signals=signals)
    with empty_engine.begin() as connection:
        recorded = record(connection, told)
    downgrade(empty_engine, "0001")
    with empty_engine.begin() as connection:
        # Datasets stay: others may be of them.
        connection.execute(text("DELETE FROM dataset WHERE id = :id"), {"id": recorded.dataset_id})
    assert {name: rows_of(empty_engine, name) for name in STORED} == tables


# --- what goes wrong, and at once -----------------------------------------------------------------


def test_failed_migration_leaves_nothing(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE VIEW learning_order AS SELECT 1 AS x"))
    before = catalog(empty_engine)
    with pytest.raises(Exception, match=r"learning_order.* already exists"):
        upgrade(empty_engine)
    assert catalog(empty_engine) == before
    assert current_revision(empty_engine) is None


def test_two_upgrades_at_once_both_succeed(servers: Servers) -> None:
    barrier = threading.Barrier(2)
    with new_database(servers.admin) as url:

        def migrator(_: int) -> str | None:
            with connected(url) as engine:
                barrier.wait(10)
                ensure_current(engine, migrate=True)
                return current_revision(engine)

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(migrator, range(2))) == [HEAD, HEAD]


def test_a_migration_gives_up_where_a_table_stays_in_use(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, with nothing changed, and soon enough that workers do not pile up behind it."""
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT", "200ms")
    upgrade(empty_engine, "0006")
    with empty_engine.connect() as connection:
        connection.execute(text("SELECT 1 FROM run"))
        with pytest.raises(TrackerError, match=r"in use \(.*lock timeout\): nothing is changed"):
            upgrade(empty_engine)
    assert current_revision(empty_engine) == "0006"
