"""What the owner, the writer and the reader can do, and what they cannot: as each of them."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from tests.support.ensembles import record, story_of, with_changes
from tests.support.servers import Servers, connected, new_database
from tracker.analysis import analyze
from tracker.datasets import load_dataset
from tracker.db.engine import libpq_url
from tracker.db.migrate import ensure_current, upgrade
from tracker.db.models import Base
from tracker.db.roles import INSERTED, READING, UPDATED, Roles, find_roles, make_roles
from tracker.db.schema import FUNCTIONS, VIEWS, sql_text
from tracker.deletion import delete_ensemble, give_back_space
from tracker.ensembles import enqueue_runs
from tracker.errors import TrackerError, UsageError
from tracker.exports.query import Query, query_rows
from tracker.holdout import parse_holdout
from tracker.recipes import get_architecture
from tracker.registry import register_dataset
from tracker.runs import mark_sent, open_runs, reap, release, unsent_runs
from tracker.settings import Settings
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Probing, Recording
from workers.task import work

TABLES = sorted(Base.metadata.tables)
FILLED_BY_THE_OWNER = {
    *("dataset", "split", "block", "example", "ensemble", "run"),
    *("curriculum", "curriculum_epoch", "curriculum_snapshot"),
}
NOT_PERMITTED = "42501"
READ_ONLY = "25006"


@dataclass(frozen=True)
class Roled:
    """A database with the three roles, and connections as each."""

    roles: Roles
    admin: Engine
    owner: Engine
    writer: Engine
    reader: Engine


@pytest.fixture(scope="module")
def roled(servers: Servers) -> Iterator[Roled]:
    """Shared by the tests of this file: each leaves the roles as they were."""
    prefix = f"test_{secrets.token_hex(4)}"
    with new_database(servers.admin, servers.template) as url, ExitStack() as stack:
        admin = stack.enter_context(connected(url))
        with admin.begin() as connection:
            roles, new = make_roles(connection, prefix, dict.fromkeys(("owner", "writer"), "hush"))
        assert new == list(roles)
        yield Roled(
            roles, admin, *(stack.enter_context(connected(url.set(username=n))) for n in roles)
        )
    drop(servers.admin, roles)


def drop(admin: URL, roles: Roles) -> None:
    with closing(psycopg.connect(libpq_url(admin), autocommit=True)) as connection:
        for name in roles:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def refusal(engine: Engine, command: str) -> str:
    """SQLSTATE with which a command is refused; '' if it is not. Nothing is kept."""
    with engine.connect() as connection:
        try:
            connection.execute(text(command))
        except DBAPIError as error:
            return str(getattr(error.orig, "sqlstate", error))
    return ""


SPEC = EnsembleSpec(
    dataset="digits",
    examples=50,
    arch="mlp-tiny",
    recipe=get_architecture("mlp-tiny").stock.model_copy(update={"length": Span(2, "epoch")}),
    # All that a worker can write.
    recording=Recording(signals=("loss",), outputs=True),
    split=parse_holdout("90:10"),
    probe=Probing(votes=True),
)


def enqueued(connection: Connection, queue: str, seeds: int = 2) -> tuple[int, ...]:
    dataset = register_dataset(connection, load_dataset("digits", examples=50))
    name = f"digits-{secrets.token_hex(4)}"
    return enqueue_runs(connection, name, SPEC, dataset, range(seeds), queue).added


# --- what each cannot do --------------------------------------------------------------------------

DDL = (
    "CREATE TABLE mine (x int)",
    "CREATE TEMPORARY TABLE mine (x int)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "DROP TABLE public.outcome_block",
    "DROP VIEW el2n",
    "ALTER TABLE public.run ADD COLUMN mine int",
    "ALTER FUNCTION forget_evaluations(int, int, int) OWNER TO CURRENT_USER",
    "CREATE ROLE mine",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
)


@pytest.mark.parametrize("command", DDL)
def test_neither_writer_nor_reader_changes_the_schema(roled: Roled, command: str) -> None:
    assert refusal(roled.writer, command) == NOT_PERMITTED
    # The reader's transactions are read-only, which is looked at first; it may choose otherwise.
    with roled.reader.connect() as connection:
        connection.execute(text("SET TRANSACTION READ WRITE"))
        with pytest.raises(DBAPIError) as refused:
            connection.execute(text(command))
    assert getattr(refused.value.orig, "sqlstate", None) == NOT_PERMITTED


def test_every_table_is_the_writers_to_fill_or_it_is_not(roled: Roled) -> None:
    """A new table needs a decision: do workers fill it?"""
    assert set(INSERTED) | FILLED_BY_THE_OWNER == set(TABLES)
    assert not set(INSERTED) & FILLED_BY_THE_OWNER
    with roled.admin.connect() as connection:
        granted = connection.execute(
            text(
                "SELECT table_name, privilege_type FROM information_schema.table_privileges "
                "WHERE grantee = :writer AND table_schema = 'public' AND privilege_type <> 'SELECT'"
            ),
            {"writer": roled.roles.writer},
        ).all()
    assert {tuple(row) for row in granted} == {(table, "INSERT") for table in INSERTED}


@pytest.mark.parametrize("table", TABLES)
def test_the_writer_deletes_nothing(roled: Roled, table: str) -> None:
    assert refusal(roled.writer, f"DELETE FROM {table}") == NOT_PERMITTED
    assert refusal(roled.writer, f"TRUNCATE {table}") == NOT_PERMITTED
    with roled.admin.connect() as connection:
        [column, *_] = connection.scalars(
            text(
                "SELECT attname FROM pg_attribute "
                "WHERE attrelid = to_regclass(:t) AND attnum > 0 AND attidentity = ''"
            ),
            {"t": table},
        )
    assert column not in UPDATED.get(table, ())
    assert refusal(roled.writer, f'UPDATE {table} SET "{column}" = NULL') == NOT_PERMITTED
    assert refusal(roled.writer, f"SELECT 1 FROM {table}") == ""


def test_the_writer_neither_queues_nor_renames_nor_steals(roled: Roled) -> None:
    for command in (
        "INSERT INTO ensemble (name) VALUES ('mine')",
        "INSERT INTO run (ensemble_id, seed) VALUES (1, 1)",
        "UPDATE run SET ensemble_id = 1",
        "UPDATE run SET seed = 1",
        "UPDATE run SET queue = 'mine'",
        "UPDATE run SET cancel_requested = true",
        "UPDATE outcome_block SET correct = ~correct",
        "UPDATE score_block SET ensemble_id = 1",
        "UPDATE alembic_version SET version_num = '0001'",
    ):
        assert refusal(roled.writer, command) == NOT_PERMITTED, command
    assert refusal(roled.writer, "UPDATE run SET state = 'queued'") == ""


@pytest.mark.parametrize("table", [*TABLES, "alembic_version"])
def test_the_reader_reads_no_table_and_writes_none(roled: Roled, table: str) -> None:
    assert refusal(roled.reader, f"SELECT 1 FROM public.{table}") == NOT_PERMITTED
    assert refusal(roled.reader, f"SELECT 1 FROM {table}") == "", "a view of the same name"
    for name in (f"public.{table}", f"{READING}.{table}"):
        assert refusal(roled.reader, f"DELETE FROM {name}") in (NOT_PERMITTED, READ_ONLY)
        with roled.reader.connect() as connection:
            connection.execute(text("SET TRANSACTION READ WRITE"))
            with pytest.raises(DBAPIError) as refused:
                connection.execute(text(f"DELETE FROM {name}"))
        assert getattr(refused.value.orig, "sqlstate", None) == NOT_PERMITTED


def test_the_readers_sessions_are_read_only_and_end(roled: Roled) -> None:
    with roled.reader.connect() as connection:
        for setting, value in (
            ("transaction_read_only", "on"),
            ("statement_timeout", "10min"),
            ("idle_in_transaction_session_timeout", "10min"),
        ):
            assert connection.scalar(text(f"SHOW {setting}")) == value
        connection.execute(text("SET LOCAL statement_timeout = 20"))
        with pytest.raises(DBAPIError, match="statement timeout"):
            connection.execute(text("SELECT pg_sleep(10)"))
    assert refusal(roled.reader, "SELECT nextval('run_id_seq')") in (NOT_PERMITTED, READ_ONLY)


def test_only_the_writer_calls_what_deletes(roled: Roled) -> None:
    for call in (
        "forget_evaluations(1, 1, -1)",
        "forget_held_out(1)",
        "forget_summaries(1, '{margin}')",
    ):
        assert refusal(roled.writer, f"SELECT {call}") == ""
        with roled.reader.connect() as connection:
            connection.execute(text("SET TRANSACTION READ WRITE"))
            with pytest.raises(DBAPIError, match="permission denied for function"):
                connection.execute(text(f"SELECT {call}"))


def test_the_writer_forgets_only_what_its_attempt_holds(roled: Roled) -> None:
    story = story_of(np.ones((2, 8, 3)), signals={"margin": np.zeros((2, 8, 3), np.float32)})
    with roled.owner.begin() as connection:
        recorded = record(connection, story)
    [run, other] = recorded.run_ids
    with roled.owner.begin() as connection:
        connection.execute(
            text("UPDATE run SET state = 'running', attempt = 2 WHERE id = :run"), {"run": run}
        )

    def forget(connection: Connection, *arguments: int) -> int:
        query = text("SELECT forget_evaluations(:run, :attempt, :kept)")
        return connection.execute(
            query, dict(zip(("run", "attempt", "kept"), arguments, strict=True))
        ).scalar_one()

    summaries = text("SELECT forget_summaries(:run, '{margin}')")
    with roled.writer.connect() as connection:
        assert forget(connection, run, 1, -1) == 0, "another attempt"
        assert forget(connection, other, 1, -1) == 0, "a run that is complete"
        assert connection.scalar(summaries, {"run": other}) == 0
        assert connection.scalar(summaries, {"run": run}) > 0
        assert forget(connection, run, 2, story.recorded[0][0]) == 2
        counts = connection.execute(
            text("SELECT run_id, count(*) FROM outcome_block GROUP BY run_id")
        )
        assert {row.run_id: row.count for row in counts}[run] == 1


# --- what each can do -----------------------------------------------------------------------------


def test_a_worker_trains_a_whole_ensemble_as_the_writer(
    roled: Roled, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with roled.owner.begin() as connection:
        runs = enqueued(connection, settings.queue)
    ensure_current(roled.writer, migrate=False)
    assert [work(roled.writer, settings, run, "here:1") for run in runs] == ["complete"] * 2
    assert scored_as_the_writer(roled, runs[0])
    # Again, as after other hardware: the history is begun anew.
    with roled.owner.begin() as connection:
        connection.execute(
            text("UPDATE run SET state = 'queued', provenance = '{}' WHERE id = :run"),
            {"run": runs[0]},
        )
    assert work(roled.writer, settings, runs[0], "here:1") == "complete"
    assert scored_as_the_writer(roled, runs[0])
    with roled.writer.connect() as connection:
        empty = [
            table
            for table in INSERTED
            if table != "score_block"
            and not connection.scalar(
                text(f"SELECT count(*) FROM {table} WHERE run_id = :run"), {"run": runs[0]}
            )
        ]
    assert empty == []
    with roled.reader.connect() as connection:
        outcomes = connection.scalar(
            text("SELECT count(*) FROM outcome WHERE run_id = ANY(:runs)"), {"runs": list(runs)}
        )
    assert outcomes == 2 * 2 * 100


def scored_as_the_writer(roled: Roled, run: int) -> bool:
    """Was the score of the run's ensemble computed, and is it current now?"""
    with roled.writer.connect() as connection:
        of_run = "SELECT name FROM ensemble WHERE id = (SELECT ensemble_id FROM run WHERE id = :r)"
        name = connection.scalar(text(of_run), {"r": run})
        computed = analyze(roled.writer, name, "ensemble-agreement").computed
        current = "SELECT bool_and(NOT stale) FROM ensemble_agreement WHERE ensemble = :name"
        return computed and bool(connection.scalar(text(current), {"name": name}))


def test_a_caretaker_works_as_the_writer(roled: Roled, settings: Settings) -> None:
    from datetime import timedelta

    with roled.owner.begin() as connection:
        [run] = enqueued(connection, settings.queue, seeds=1)
    with roled.writer.begin() as connection:
        mark_sent(connection, [run])
        assert unsent_runs(connection, settings.queue, timedelta(0)) == [run]
        silent = (
            "UPDATE run SET state = 'running', worker = 'gone:1', attempt = 1, "
            "started_at = now() - interval '1 h' WHERE id = :run"
        )
        connection.execute(text(silent), {"run": run})
        assert [
            (silent.run_id, silent.worker, silent.state)
            for silent in reap(connection, settings.queue, timedelta(seconds=1))
        ] == [(run, "gone:1", "queued")]
        connection.execute(text("UPDATE run SET state = 'running' WHERE id = :r"), {"r": run})
        assert release(connection, "gone:1") == [run]
        assert open_runs(connection, settings.queue) == 1


@pytest.fixture(scope="module")
def told(roled: Roled) -> tuple[str, str]:
    """Two ensembles of a dataset, so that every view has something to say."""
    rng = np.random.default_rng(3)
    signals = {
        name: rng.random((3, 12, 3)).astype(np.float32)
        for name in ("confidence", "margin", "el2n", "loss")
    }
    one = story_of(rng.random((3, 12, 3)) < 0.7, signals=signals)
    other = with_changes(one, predicted=rng.permuted(one.predicted, axis=0))
    with roled.owner.begin() as connection:
        return record(connection, one).story.name, record(connection, other).story.name


def rows_of(engine: Engine, relation: str) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.scalars(text(f"SELECT CAST(t AS text) FROM {relation} AS t")))


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_answers_the_reader_as_the_owner(
    roled: Roled, told: tuple[str, str], view: str
) -> None:
    assert rows_of(roled.reader, view) == rows_of(roled.owner, view)


def test_the_reader_asks_for_the_blocks_of_an_example(roled: Roled, told: tuple[str, str]) -> None:
    """Of tables, which it may read in a schema of its own."""
    asked = Query("forgetting", ("example_id = 7",), ensemble=told[0])
    with roled.reader.connect() as connection:
        answer = query_rows(connection, asked)
        assert " AND block = " in answer.asked.as_string(None)
        with answer.stream() as batches:
            assert sum(batch.num_rows for batch in batches) == 3


CALLS = (
    "cross_consistency_of('{0}', 1, '{0}', 2)",
    "forgetting_ranking('{0}', 'zero')",
    "dichotomy_summary_at('{0}', 1)",
    "error_consistency_between('{0}', '{1}')",
    "induced_class_at('{0}', 1)",
    "example_block('{0}', 1)",
    "first_correct_last_mistake_by('{0}', 'train', (SELECT array_agg(1 + position) FROM "
    "learning_order WHERE ensemble = '{0}' AND split = 'train'))",
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.partition("(")[0])
def test_functions_that_read_answer_the_reader_as_the_owner(
    roled: Roled, told: tuple[str, str], call: str
) -> None:
    ours = rows_of(roled.reader, call.format(*told))
    assert ours == rows_of(roled.owner, call.format(*told))
    assert ours


def test_the_owner_queues_retries_and_deletes(roled: Roled, settings: Settings) -> None:
    with roled.owner.begin() as connection:
        runs = enqueued(connection, settings.queue)
        name = connection.scalar(
            text(
                "SELECT name FROM ensemble JOIN run ON ensemble.id = ensemble_id WHERE run.id = :r"
            ),
            {"r": runs[0]},
        )
    with roled.owner.begin() as connection:
        assert delete_ensemble(connection, str(name), force=True).runs == 2
    assert give_back_space(roled.owner, dataset=False) is None


# --- making them ----------------------------------------------------------------------------------


def rights(engine: Engine) -> list[tuple[object, ...]]:
    """Who owns what and may do what."""
    query = text(
        "SELECT CAST(oid AS regclass)::text, relowner::regrole::text, relacl::text FROM pg_class "
        "WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', :reading))"
        " UNION ALL SELECT CAST(oid AS regprocedure)::text, proowner::regrole::text, proacl::text "
        "FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "UNION ALL SELECT attrelid::regclass || '.' || attname, '', attacl::text FROM pg_attribute "
        "WHERE attacl IS NOT NULL "
        "UNION ALL SELECT setrole::regrole::text, '', setconfig::text FROM pg_db_role_setting "
        "JOIN pg_database ON oid = setdatabase WHERE datname = current_database() ORDER BY 1, 2, 3"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"reading": READING})]


def test_making_them_again_changes_nothing(roled: Roled) -> None:
    before = rights(roled.admin)
    assert {owner for _, owner, _ in before} == {roled.roles.owner, ""}
    with roled.admin.begin() as connection:
        again, new = make_roles(connection, roled.roles.prefix, {})
        assert (again, new) == (roled.roles, [])
        assert find_roles(connection) == roled.roles
    assert rights(roled.admin) == before


def test_rights_given_by_hand_are_taken_back(roled: Roled) -> None:
    before = rights(roled.admin)
    with roled.admin.begin() as connection:
        connection.execute(text(f"GRANT DELETE ON run TO {roled.roles.writer}"))
        connection.execute(text(f"GRANT UPDATE (seed) ON run TO {roled.roles.writer}"))
        connection.execute(text(f"GRANT SELECT ON outcome_block TO {roled.roles.reader}"))
        make_roles(connection, roled.roles.prefix, {})
    assert rights(roled.admin) == before


def test_what_a_migration_adds_is_the_owners_and_the_reader_sees_it(roled: Roled) -> None:
    before = rights(roled.admin)
    with roled.owner.begin() as connection:
        connection.execute(text("DROP VIEW el2n CASCADE"))
        connection.execute(text(f"DROP VIEW {READING}.example"))
    roled.owner.dispose()
    names = VIEWS[VIEWS.index("el2n") :]
    with roled.owner.begin() as connection:
        present = set(
            connection.scalars(text("SELECT viewname FROM pg_views WHERE schemaname = 'public'"))
        )
        for name in names:
            if name not in present:
                connection.connection.cursor().execute(sql_text("views", name))
    assert refusal(roled.reader, "SELECT 1 FROM el2n") == NOT_PERMITTED
    for engine in (roled.admin, roled.owner):
        upgrade(engine)
        assert refusal(roled.reader, "SELECT 1 FROM el2n") == ""
        assert rights(roled.admin) == before


def test_a_database_with_tables_of_others_is_left_alone(empty_engine: Engine) -> None:
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE TABLE payroll (x int)"))
        with pytest.raises(TrackerError, match=r"tables of others \(payroll\)"):
            make_roles(connection, "no_such", {})


def test_an_administrator_is_no_writer(servers: Servers, engine: Engine) -> None:
    name = f"test_{secrets.token_hex(4)}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name}_writer CREATEROLE"))
        with pytest.raises(TrackerError, match=f"{name}_writer exists and has rights of an admin"):
            make_roles(connection, name, {})


@pytest.mark.parametrize("prefix", ["", "Big", "1st", 'a"b', "a-b", "x" * 51])
def test_a_prefix_that_is_no_name_is_refused(roled: Roled, prefix: str) -> None:
    with roled.admin.connect() as connection, pytest.raises(UsageError, match="--prefix"):
        make_roles(connection, prefix, {})


def test_passwords_are_stored_as_hashes(roled: Roled) -> None:
    query = text("SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(:names)")
    with roled.admin.connect() as connection:
        rows = connection.execute(query, {"names": list(roled.roles)})
        stored = {row.rolname: row.rolpassword for row in rows}
    assert stored[roled.roles.reader] is None
    for name in (roled.roles.owner, roled.roles.writer):
        assert stored[name].startswith("SCRAM-SHA-256$")


def test_every_function_is_known_to_read_or_not() -> None:
    """Or one would be missing among `CALLS`."""
    reading = {
        name for name in FUNCTIONS
        if "counted_run" in sql_text("functions", name) or "FROM tp_" in sql_text("functions", name)
    }  # fmt: skip
    assert reading <= {call.partition("(")[0] for call in CALLS}
    assert len(reading) > 3
