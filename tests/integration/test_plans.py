"""What queries read: a view asked for one ensemble, split or example leaves other blocks alone.

The plans are run and the rows counted that each scan gives: how PostgreSQL does it is its business.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from tests.support.ensembles import LAYERS, Story, record
from tests.support.servers import Servers, connected, new_database
from tests.support.views import VIEWS
from tracker.exports.tables import list_views
from tracker.outcomes.layout import block_size

CLASSES = 1000
SIZES = {
    "train": block_size(CLASSES) + 100,
    "test": 50,
    **dict.fromkeys(("test a", "test b", "test c", "test d"), 10),
}
"""Seven blocks, of which the first fills a page. A view in four shares has a scan for each, which
reads more of all blocks than there is of one."""
RUNS, EVALUATIONS = 4, 5
SIGNALS = ("confidence", "el2n", "margin")

TABLES = {
    *("outcome_block", "signal_block", "signal_summary"),
    *("depth_block", "probe_vote_block", "probe_accuracy"),
}
"""Those that grow with what is recorded."""

WITHOUT_BLOCKS = {
    *("counted_run", "ensemble_evaluation", "example_label", "run_history", "run_progress"),
    *("output_version", "ensemble_agreement", "held_out_block", "run_held_out"),
}
"""Views that read none of them."""

BY_FUNCTION = {"dichotomy_summary"}
"""Views that ask a function for each ensemble: plans do not show what functions read."""

NEEDS_ALL_SPLITS = {
    "convergence": "rescaled by the 95th percentile over all examples of the ensemble",
    "depth_learned": "as convergence",
}
"""Views with a split whose rows depend on examples of the other splits too."""

WITHOUT_SPLIT = {"inference_learning_curve"}
"""Views of groups of examples that are no splits."""

SHOWS_EXAMPLES = {"outcome", "signal"}
"""Views that look up the block of each example by themselves, and read one number of it."""

OVER_ALL_EXAMPLES = {
    "accessibility": "the rank is over all examples of the split",
    "learning_order": "as accessibility",
    "example_difficulty": "as accessibility, and as difficulty_type",
    "difficulty_type": "depths are rescaled by the least and the most over all examples",
    "convergence": NEEDS_ALL_SPLITS["convergence"],
}
"""Views of examples whose rows depend on the other examples: PostgreSQL hands a filter on the block
down to no window that is not partitioned by it, whether what it gives is read or not."""

OF_EXAMPLES = [view for view, told in VIEWS.items() if told.blocks and "example_id" in told.key]

PAIRS = {"error_consistency", "run_pair", "error_consistency_in_between"}

JOINING = {"Nested Loop", "Hash Join", "Merge Join", "Hash", "Sort", "Materialize", "Memoize"}
"""Parts of a plan that bring rows together and make nothing of them."""

READERS = dict.fromkeys(PAIRS, RUNS)
"""How often one scan may come back to a block, where it is more than once: each run's blocks may
be looked up for each of the others."""


def ensemble(name: str, runs: int, evaluations: int) -> Story:
    """Random predictions and signals; every ensemble is of a dataset of its own."""
    rng = np.random.default_rng([runs, evaluations])
    shape = (runs, sum(SIZES.values()), evaluations)
    labels = rng.integers(0, CLASSES, shape[1])
    chosen = rng.integers(0, CLASSES, shape)
    return Story(
        sizes=SIZES,
        num_classes=CLASSES,
        labels=labels,
        predicted=np.where(rng.random(shape) < 0.7, labels[:, None], chosen),
        recorded=[range(evaluations)] * runs,
        signals={name: rng.random(shape, dtype=np.float32) for name in SIGNALS},
        depths=rng.integers(0, len(LAYERS) + 1, shape),
        probed=[evaluations - 1],
        votes_told=True,
        name=name,
    )


@dataclass(frozen=True)
class Scan:
    """One scan of a table of blocks in a plan that was run."""

    table: str
    kind: str
    rows: float
    """Rows that it reads, those included that its filter drops, over all times that it runs."""
    used: float
    """Rows of it that are left where something is made of them: after the joins above it."""


@pytest.fixture(scope="module")
def store(servers: Servers) -> Iterator[Engine]:
    """Some ensembles, of which `asked` is much smaller than the others together."""
    with new_database(servers.admin, servers.template) as url, connected(url) as engine:
        with engine.begin() as connection:
            for story in (
                *(ensemble(f"before {number}", 10, 6) for number in range(3)),
                ensemble("asked", RUNS, EVALUATIONS),
                ensemble("after", 30, 6),
            ):
                record(connection, story)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        yield engine


@pytest.fixture
def connection(store: Engine) -> Iterator[Connection]:
    with store.connect() as connection:
        connection.execute(text("SET statement_timeout = '60s'"))
        yield connection


def scans(connection: Connection, query: str) -> list[Scan]:
    """The scans of tables of blocks in the query's plan."""
    command = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}"
    [plan] = connection.execute(text(command)).scalar_one()
    return [scan_of(way) for way in ways(plan["Plan"]) if way[-1].get("Relation Name") in TABLES]


def ways(plan: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """To each part of a plan the parts on the way, from the top."""
    below = [way for part in plan.get("Plans", []) for way in ways(part)]
    return [[plan], *([plan, *way] for way in below)]


def brings_together(part: dict[str, Any]) -> bool:
    """Does it bring rows together, and make nothing of them by a function for each row?"""
    kinds = {below["Node Type"] for below in part.get("Plans", [])}
    return part["Node Type"] in JOINING and "Function Scan" not in kinds


def scan_of(way: list[dict[str, Any]]) -> Scan:
    node = way[-1]
    # Numbers are means over the times that the node ran.
    dropped = sum(value for key, value in node.items() if key.startswith("Rows Removed"))
    rows = (node["Actual Rows"] + dropped) * node["Actual Loops"]
    joins = takewhile(brings_together, reversed(way[:-1]))
    used = min(part["Actual Rows"] * part["Actual Loops"] for part in (node, *joins))
    return Scan(node["Relation Name"], node["Node Type"], rows, used)


def rows_of(
    connection: Connection,
    table: str,
    ensemble: str,
    split: str | None = None,
    example: int | None = None,
) -> int:
    """How many rows a table of blocks has of an ensemble, of one split or of one block of it."""
    query = (
        f"SELECT count(*) FROM {table} JOIN run ON run.id = run_id "
        "JOIN ensemble ON ensemble.id = ensemble_id"
    )
    if split is not None or example is not None:
        query += (
            f" JOIN block ON block.dataset_id = ensemble.dataset_id AND block.block = {table}.block"
        )
    query += " WHERE name = :name"
    if split is not None:
        query += " AND split = :split"
    if example is not None:
        query += " AND :example BETWEEN first_example AND first_example + size - 1"
    values = {"name": ensemble, "split": split, "example": example}
    return int(connection.execute(text(query), values).scalar_one())


def test_other_ensembles_are_most_of_what_is_stored(connection: Connection) -> None:
    """Or the tests below would show nothing."""
    for table in TABLES:
        in_all = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        assert in_all > 2 * RUNS * rows_of(connection, table, "asked")


@pytest.mark.parametrize(
    "view", [view for view in VIEWS if view not in WITHOUT_BLOCKS | BY_FUNCTION]
)
def test_a_view_reads_no_blocks_of_other_ensembles(connection: Connection, view: str) -> None:
    found = scans(connection, f"SELECT * FROM {view} WHERE ensemble = 'asked'")
    assert found
    for scan in found:
        own = rows_of(connection, scan.table, "asked")
        assert scan.rows <= own * READERS.get(view, 1), f"{scan}; the ensemble has {own}"


@pytest.mark.parametrize(
    "view",
    [
        view
        for view in VIEWS
        if view not in WITHOUT_BLOCKS | BY_FUNCTION | SHOWS_EXAMPLES | WITHOUT_SPLIT
    ],
)
def test_a_view_makes_nothing_of_other_splits(connection: Connection, view: str) -> None:
    """Their rows are dropped, read or not, before bits are counted or numbers added up."""
    for split in ("train", "test"):
        found = scans(
            connection, f"SELECT * FROM {view} WHERE ensemble = 'asked' AND split = '{split}'"
        )
        whole = None if view in NEEDS_ALL_SPLITS else split
        for scan in found:
            own = rows_of(connection, scan.table, "asked", whole)
            assert scan.used <= own * READERS.get(view, 1), f"{scan}; {split} has {own}"


@pytest.mark.parametrize("view", sorted(WITHOUT_BLOCKS))
def test_views_of_runs_read_no_blocks(connection: Connection, view: str) -> None:
    assert scans(connection, f"SELECT * FROM {view}") == []


EXAMPLES = pytest.mark.parametrize("example", [0, SIZES["train"] - 1, sum(SIZES.values()) - 1])
"""Of the first block of all, of the second, and of the last."""


def test_every_view_of_examples_has_their_block(connection: Connection) -> None:
    """Or filters on it would be of some views only."""
    views = list_views(connection)
    examples = {view for view, columns in views.items() if "example_id" in columns}
    assert examples - {view for view in examples if "block" in views[view]} == SHOWS_EXAMPLES
    assert examples == SHOWS_EXAMPLES | set(OF_EXAMPLES)


def test_the_block_of_an_example(connection: Connection) -> None:
    query = "SELECT example_id, block, example_block('asked', example_id) FROM example_label"
    rows = connection.execute(text(f"{query} WHERE ensemble = 'asked'")).all()
    assert len(rows) == sum(SIZES.values())
    assert len({block for _, block, _ in rows}) == 1 + len(SIZES)
    assert all(block == found for _, block, found in rows)
    for nobody in ("'asked', -1", "'asked', 1000000", "'asked', NULL", "NULL, 1"):
        assert connection.scalar(text(f"SELECT example_block({nobody})")) is None


@EXAMPLES
@pytest.mark.parametrize("view", [view for view in OF_EXAMPLES if view not in WITHOUT_BLOCKS])
def test_a_view_makes_nothing_of_other_blocks(
    connection: Connection, view: str, example: int
) -> None:
    """Of one example, with its block: the others' rows are dropped before anything is counted."""
    where = f"ensemble = 'asked' AND example_id = {example}"
    found = scans(
        connection,
        f"SELECT * FROM {view} WHERE {where} AND block = example_block('asked', {example})",
    )
    assert found
    for scan in found:
        whole = rows_of(connection, scan.table, "asked")
        own = rows_of(connection, scan.table, "asked", example=example)
        assert 0 < own < whole
        assert scan.used <= (whole if view in OVER_ALL_EXAMPLES else own), f"{scan}; has {own}"


@pytest.mark.parametrize("view", OVER_ALL_EXAMPLES)
def test_a_view_over_all_examples_makes_something_of_every_block(
    connection: Connection, view: str
) -> None:
    """Or it is no exception."""
    found = scans(connection, f"SELECT * FROM {view} WHERE ensemble = 'asked' AND block = 1")
    example = SIZES["train"] - 1
    own = {scan.table: rows_of(connection, scan.table, "asked", example=example) for scan in found}
    assert any(scan.used > own[scan.table] for scan in found)


@pytest.mark.parametrize(
    "view",
    [
        *("agreement", "agreement_by_held_out", "el2n", "el2n_by_held_out", "forgetting"),
        "signal_by_held_out",
    ],
)
@pytest.mark.parametrize("block", ["", "AND block = example_block('asked', 0)"])
def test_blocks_are_shared_out_to_parallel_workers(
    connection: Connection, view: str, block: str
) -> None:
    """Of whole ensembles and of one block, where starting them costs a tenth: these are small."""
    with connection.begin_nested():
        connection.execute(text("SET LOCAL parallel_setup_cost = 100"))
        query = f"EXPLAIN (FORMAT JSON) SELECT * FROM {view} WHERE ensemble = 'asked' {block}"
        [plan] = connection.execute(text(query)).scalar_one()
    found = [way for way in ways(plan["Plan"]) if way[-1].get("Relation Name") in TABLES]
    assert found
    for way in found:
        assert any(part["Node Type"].startswith("Gather") for part in way)


@EXAMPLES
def test_one_example_reads_one_block_of_each_evaluation(
    connection: Connection, example: int
) -> None:
    query = f"SELECT * FROM outcome WHERE ensemble = 'asked' AND example_id = {example}"
    found = scans(connection, query)
    assert [(scan.table, scan.rows) for scan in found] == [("outcome_block", RUNS * EVALUATIONS)]


@EXAMPLES
def test_numbers_of_one_example_are_taken_from_one_block(
    connection: Connection, example: int
) -> None:
    """Rows are narrow, their numbers elsewhere: reading a few more rows may be the cheaper way."""
    query = f"SELECT * FROM signal WHERE ensemble = 'asked' AND example_id = {example}"
    found = scans(connection, query)
    each = RUNS * EVALUATIONS * len(SIGNALS)
    assert [(scan.table, scan.used) for scan in found] == [("signal_block", each)]
