"""Migrating gives the schema of the models and of the current SQL; back and forth, and at once."""

import ast
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

import migrations
from tests.support.catalog import catalog
from tests.support.servers import Servers, connected, new_database
from tracker.db import migrate
from tracker.db.migrate import HEAD, current_revision, ensure_current, script_head, upgrade
from tracker.db.models import Base
from tracker.db.schema import FUNCTIONS, VIEWS, schema_scripts
from tracker.errors import SchemaMismatchError

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
    assert {row[0].partition("(")[0] for row in made["functions"]} == {
        *FUNCTIONS,
        "bitslice_add",
    } - {"bitslice_sum"}
    assert {row[0] for row in made["aggregates"]} == {
        "bitslice_sum(bit varying)",
        "bitslice_sum(bit varying[])",
        "bitslice_sum(bit varying,integer)",
    }
    assert {row[2] for row in made["aggregates"]} == {"s"}


def test_every_constraint_has_a_name_by_the_rule(engine: Engine) -> None:
    endings = {"p": "_pkey", "f": "_fkey", "u": "_key", "c": "_check"}
    for table, name, kind, *_ in catalog(engine)["constraints"]:
        if kind in endings:  # PostgreSQL 18 also lists NOT NULL
            assert name.startswith(table), name
            assert name.endswith(endings[kind]), name


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


# --- back, forth, and at once ---------------------------------------------------------------------


def test_down_to_nothing_and_up_again(engine: Engine) -> None:
    before = catalog(engine)
    downgrade(engine, "base")
    assert {what: rows for what, rows in catalog(engine).items() if rows} == {}
    upgrade(engine)
    assert catalog(engine) == before
    assert current_revision(engine) == HEAD


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    before = catalog(engine)
    upgrade(engine)
    assert catalog(engine) == before


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
