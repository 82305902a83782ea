"""Signals and summaries that a recipe or an import promises, and that are no longer there."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tests.support.ensembles import Story, block_size, record
from tracker.imports import import_ensemble
from tracker.outcomes.signals import ALWAYS
from tracker.sources import ImportedSource, imported_from
from tracker.verification import verify

pytestmark = pytest.mark.embedded_only

# Blocks of 8: 0 and 1 have 8 examples, 2 has 3.
EXAMPLES, RUNS, EVALUATIONS = 19, 2, 3


def trained(engine: Engine, **changes: object) -> None:
    """Two complete runs, evaluations 1 to 3, of a recipe that records `confidence` and `margin`."""
    shape = (RUNS, EXAMPLES, EVALUATIONS + 1)
    numbers = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    parts: dict[str, object] = {
        "sizes": {"train": EXAMPLES},
        "num_classes": 5,
        "labels": np.arange(EXAMPLES) % 5,
        "predicted": np.full(shape, 2),
        "recorded": [range(1, EVALUATIONS + 1)] * RUNS,
        "signals": dict.fromkeys(ALWAYS, numbers),
        "name": "told",
    }
    with block_size(8), engine.begin() as connection:
        record(connection, Story(**(parts | changes)))  # type: ignore[arg-type]
        connection.execute(text("UPDATE ensemble SET evaluations = 3"))
        connection.execute(
            text(
                "UPDATE ensemble SET spec = "
                """jsonb_set(spec::JSONB, '{recording,signals}', '["confidence", "margin"]')"""
            )
        )


def imported(engine: Engine, folder: Path) -> None:
    """The same outcomes and a margin, from a file."""
    shape = (RUNS, EXAMPLES, EVALUATIONS)
    np.savez(
        folder / "theirs.npz",
        predicted=np.full(shape, 2),
        label=np.arange(EXAMPLES) % 5,
        margin=np.ones(shape, dtype=np.float32),
    )
    with block_size(8):
        import_ensemble(engine, [folder / "theirs.npz"], "told")


def damage(engine: Engine, statement: str) -> None:
    """Run SQL in which SEED1 stands for the run of seed 1."""
    with engine.begin() as connection:
        statement = statement.replace("SEED1", "(SELECT id FROM run WHERE seed = 1)")
        assert connection.execute(text(statement)).rowcount > 0, statement


def problems(engine: Engine) -> list[str]:
    """What is wrong, one line each."""
    with block_size(8):
        found = verify(engine, "told")
    assert found.problem_count == len(found.problems)
    return [str(problem) for problem in found.problems]


DAMAGES = {
    "a signal at one evaluation": (
        "DELETE FROM signal_block WHERE run_id = SEED1 AND signal = 'margin' AND evaluation = 2",
        ["run seed 1, evaluation 2: signal margin is missing"],
    ),
    "all signals of a run": (
        "DELETE FROM signal_block WHERE run_id = SEED1",
        [f"run seed 1, evaluation {number}: signal {signal} is missing"
         for number in (1, 2, 3) for signal in ALWAYS],
    ),
    "a block of a signal": (
        "DELETE FROM signal_block WHERE run_id = SEED1 AND signal = 'margin' AND evaluation = 2 "
        "AND block = 1",
        ["run seed 1, evaluation 2, block 1: signal margin is missing"],
    ),
    "every summary of a signal": (
        "DELETE FROM signal_summary WHERE run_id = SEED1 AND signal = 'margin'",
        ["run seed 1: summary of margin is missing"],
    ),
    "every summary": (
        "DELETE FROM signal_summary WHERE run_id = SEED1",
        [f"run seed 1: summary of {signal} is missing" for signal in ALWAYS],
    ),
    "summaries that are behind": (
        "UPDATE signal_summary SET evaluations = 2 WHERE run_id = SEED1 AND signal = 'margin'",
        [f"run seed 1, block {block}: summary of margin covers 2 evaluations, 3 are recorded"
         for block in range(3)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), DAMAGES.values(), ids=DAMAGES)
def test_a_trained_ensemble_has_what_its_recipe_says(
    engine: Engine, sql: str, expected: list[str]
) -> None:
    trained(engine)
    assert problems(engine) == []
    damage(engine, sql)
    assert problems(engine) == expected


@pytest.mark.parametrize(("sql", "expected"), DAMAGES.values(), ids=DAMAGES)
def test_an_imported_ensemble_has_what_its_file_has(
    engine: Engine, tmp_path: Path, sql: str, expected: list[str]
) -> None:
    imported(engine, tmp_path)
    assert problems(engine) == []
    damage(engine, sql)
    assert problems(engine) == [line for line in expected if "confidence" not in line]


def test_an_import_that_names_its_signals_has_them(engine: Engine, tmp_path: Path) -> None:
    imported(engine, tmp_path)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE signal_block, signal_summary"))
    assert problems(engine) == [], "nothing tells that there were any"
    with engine.begin() as connection:
        connection.execute(
            text("""UPDATE ensemble SET spec =
                jsonb_set(spec::JSONB, '{imported,signals}', '["margin"]')""")
        )
    assert len(problems(engine)) == RUNS * (EVALUATIONS + 1)


def test_summaries_are_demanded_of_every_recipe(engine: Engine) -> None:
    trained(engine, signals={})
    with engine.begin() as connection:
        connection.execute(text("UPDATE ensemble SET spec = spec::JSONB #- '{recording,signals}'"))
    assert problems(engine) == [
        f"run seed {seed}: summary of {signal} is missing" for seed in (0, 1) for signal in ALWAYS
    ]


def test_runs_from_before_checksums_need_no_summaries(engine: Engine) -> None:
    trained(engine, signals={})
    with engine.begin() as connection:
        connection.execute(text("UPDATE ensemble SET spec = spec::JSONB #- '{recording,signals}'"))
        connection.execute(text("UPDATE evaluation SET checksum = NULL"))
    assert problems(engine) == []


@pytest.mark.parametrize("state", ["running", "failed", "cancelled"])
def test_runs_that_are_not_complete_need_signals_but_no_summaries(
    engine: Engine, state: str
) -> None:
    trained(engine, states=["complete", state])
    damage(engine, "DELETE FROM signal_summary WHERE run_id = SEED1 AND signal = 'margin'")
    damage(engine, "UPDATE signal_summary SET evaluations = 2 WHERE run_id = SEED1")
    assert problems(engine) == []
    damage(engine, "DELETE FROM signal_block WHERE run_id = SEED1 AND signal = 'margin'")
    assert problems(engine) == [
        f"run seed 1, evaluation {number}: signal margin is missing" for number in (1, 2, 3)
    ]


# --- sources --------------------------------------------------------------------------------------


def test_stored_sources_without_signals_still_parse() -> None:
    stored = {"file": "a.npz", "sha256": "0" * 64, "format": "npz", "splits": ["train"]}
    source = imported_from({"imported": stored})
    assert source is not None
    assert source.signals == ()
    assert source.spec == {"imported": stored}, "or its digest would be another"
    told = source.model_copy(update={"signals": ("margin",)})
    assert imported_from(told.spec) == told


@pytest.mark.parametrize("inner", ["", "training_dynamics"])
def test_only_files_that_are_read_make_a_folder_s_digest(tmp_path: Path, inner: str) -> None:
    place = tmp_path / inner
    place.mkdir(exist_ok=True)
    for epoch in range(2):
        (place / f"dynamics_epoch_{epoch}.jsonl").write_text(f"{epoch}\n")

    def digest() -> str:
        return ImportedSource.of([tmp_path], "cartography", ["train"]).sha256

    before = digest()
    for name in ("pytorch_model.bin", "dynamics_epoch_0.jsonl.bak", "deep/dynamics_epoch_9.jsonl"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("not read")
    assert digest() == before
    (place / "dynamics_epoch_1.jsonl").write_text("changed\n")
    assert digest() != before
