"""The rows of a view compared with those of its reference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from tests.support import (
    reference,
    reference_blocks,
    reference_comparison,
    reference_depth,
    reference_difficulty,
    reference_held_out,
    reference_probes,
    reference_runs,
    reference_scores,
    reference_signals,
)
from tests.support.bits import counts_of
from tests.support.ensembles import Recorded
from tests.support.reference import Row
from tests.support.reference_blocks import HISTORY, blocks

RELATIVE = 1e-9


@dataclass(frozen=True)
class View:
    """What one row of a view is, and what the rows must be.

    Attributes
    ----------
    key
        Columns of which no two rows have the same values.
    reference
        The rows that a story must give, without the block of an example.
    slices
        Columns that hold slices; compared as counts.
    clock
        Columns that depend on the time of day; not compared.
    blocks
        Does it say in which block an example is, if its rows are of one?
    """

    key: tuple[str, ...]
    reference: Callable[[Recorded], list[Row]]
    slices: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()
    blocks: bool = True

    def rows(self, recorded: Recorded) -> list[Row]:
        """What the reference says; of an example also in which block it is."""
        told = self.reference(recorded)
        if not self.blocks or "example_id" not in self.key:
            return told
        block_of = {example: block for block, indices in blocks(recorded) for example in indices}
        return [row | {"block": block_of[row["example_id"]]} for row in told]


@dataclass(frozen=True)
class PairView:
    """The same of a view of two ensembles."""

    key: tuple[str, ...]
    reference: Callable[[Recorded, Recorded], list[Row]]


LEARNED = ("learned_runs", "met_runs", "lower_median", "upper_median", *HISTORY)
TP_SLICES = ("correct", "runs_held_out", "correct_held_out")

VIEWS = {
    "counted_run": View(("run_id",), reference.counted_run),
    "ensemble_evaluation": View(("ensemble_id", "evaluation"), reference.ensemble_evaluation),
    "outcome": View(("run_id", "example_id", "evaluation"), reference.outcome, blocks=False),
    "example_label": View(("ensemble_id", "example_id"), reference.example_label),
    "run_accuracy": View(("run_id", "split", "evaluation"), reference.run_accuracy),
    "run_progress": View(
        ("run_id",),
        reference.run_progress,
        clock=("started_at", "heartbeat_at", "finished_at", "seconds_left"),
    ),
    "run_history": View(("run_id", "event_number"), reference.run_history, clock=("at",)),
    "tp_block": View(
        ("ensemble_id", "block", "evaluation"), reference_blocks.tp_block, slices=TP_SLICES
    ),
    "tp_agreement": View(("ensemble_id", "example_id", "evaluation"), reference.tp_agreement),
    "tp_agreement_histogram": View(
        ("ensemble_id", "split", "evaluation", "runs_correct"), reference.tp_agreement_histogram
    ),
    "history_part": View(("run_id", "block"), reference_blocks.history_part, slices=HISTORY),
    "history_block": View(("run_id", "block"), reference_blocks.history_block, slices=HISTORY),
    "forgetting": View(("run_id", "example_id"), reference.forgetting),
    "held_out_block": View(
        ("ensemble_id", "block"), reference_blocks.held_out_block, slices=("runs_held_out",)
    ),
    "accessibility_block": View(("ensemble_id", "block"), reference_blocks.accessibility_block),
    "accessibility": View(("ensemble_id", "example_id"), reference.accessibility),
    "learned_block": View(("ensemble_id", "block"), reference_blocks.learned_block, slices=LEARNED),
    "learning_order": View(("ensemble_id", "example_id"), reference.learning_order),
    "learned_held_out_block": View(
        ("ensemble_id", "block", "held_out"),
        reference_blocks.learned_held_out_block,
        slices=("runs", *LEARNED),
    ),
    "learning_by_held_out": View(
        ("ensemble_id", "example_id", "held_out"), reference_held_out.learning_by_held_out
    ),
    "agreement_part": View(
        ("ensemble_id", "block", "evaluation"),
        reference_blocks.agreement_part,
        slices=("agreeing",),
    ),
    "agreement_block": View(
        ("ensemble_id", "block", "evaluation"),
        reference_blocks.agreement_block,
        slices=("agreeing",),
    ),
    "agreement": View(("ensemble_id", "example_id", "evaluation"), reference_runs.agreement),
    "run_held_out": View(("run_id", "block"), reference_held_out.run_held_out),
    "agreement_held_out_part": View(
        ("ensemble_id", "block", "evaluation", "held_out"),
        reference_held_out.agreement_held_out_part,
        slices=("runs", "agreeing"),
    ),
    "agreement_by_held_out": View(
        ("ensemble_id", "example_id", "evaluation", "held_out"),
        reference_held_out.agreement_by_held_out,
    ),
    "agreement_histogram": View(
        ("ensemble_id", "split", "evaluation", "runs_agreeing"),
        reference_comparison.agreement_histogram,
    ),
    "agreement_bimodality": View(
        ("ensemble_id", "split", "evaluation"), reference_comparison.agreement_bimodality
    ),
    "bimodality": View(("ensemble_id", "split", "evaluation"), reference_comparison.bimodality),
    "run_pair": View(("run_a", "run_b", "split", "evaluation"), reference_difficulty.run_pair),
    "error_consistency": View(
        ("run_a", "run_b", "split", "evaluation"), reference_runs.error_consistency
    ),
    "decision_swaps": View(("run_id", "split", "evaluation"), reference_runs.decision_swaps),
    "final_block": View(("run_id", "block"), reference_difficulty.final_block),
    "consensus_block": View(
        ("ensemble_id", "block"),
        reference_difficulty.consensus_block,
        slices=("correct", "consensus_class", "votes"),
    ),
    "consensus": View(("ensemble_id", "example_id"), reference_difficulty.consensus),
    "consistency": View(("ensemble_id", "example_id"), reference_difficulty.consistency),
    "dichotomy": View(("ensemble_id", "example_id", "evaluation"), reference_difficulty.dichotomy),
    "dichotomy_summary": View(
        ("ensemble_id", "split", "evaluation"), reference_difficulty.dichotomy_summary
    ),
    "first_correct_last_mistake": View(
        ("ensemble_id", "split", "band", "evaluation"),
        reference_difficulty.first_correct_last_mistake,
    ),
    "error_consistency_in_between": View(
        ("run_a", "run_b", "split", "evaluation"),
        reference_difficulty.error_consistency_in_between,
    ),
    "class_difficulty": View(
        ("ensemble_id", "split", "class"), reference_difficulty.class_difficulty
    ),
    "class_order": View(
        ("ensemble_id", "split", "class", "evaluation"), reference_difficulty.class_order
    ),
    "class_vote_part": View(
        ("ensemble_id", "block", "evaluation", "class"),
        reference_difficulty.class_vote_part,
        slices=("votes",),
    ),
    "class_vote_block": View(
        ("ensemble_id", "block", "evaluation", "class"),
        reference_difficulty.class_vote_block,
        slices=("votes",),
    ),
    "induced_class": View(("ensemble_id", "example_id"), reference_difficulty.induced_class),
    "convergence_part": View(
        ("run_id", "block"), reference_comparison.convergence_part, slices=("converged",)
    ),
    "convergence_block": View(
        ("run_id", "block"), reference_comparison.convergence_block, slices=("converged",)
    ),
    "convergence": View(("ensemble_id", "example_id"), reference_comparison.convergence),
    "learning_by_band": View(
        ("ensemble_id", "split", "band"), reference_comparison.learning_by_band
    ),
    "ensemble_accuracy": View(
        ("ensemble_id", "split", "evaluation"), reference_comparison.ensemble_accuracy
    ),
    "comparison_block": View(
        ("ensemble_id", "block", "evaluation"),
        reference_comparison.comparison_block,
        slices=("correct",),
    ),
    "majority_part": View(
        ("ensemble_id", "block", "evaluation"), reference_comparison.majority_part
    ),
    "majority_block": View(
        ("ensemble_id", "block", "evaluation"), reference_comparison.majority_block
    ),
    "signal": View(
        ("run_id", "example_id", "evaluation", "signal"), reference_signals.signal, blocks=False
    ),
    "run_signal": View(("run_id", "example_id", "signal"), reference_signals.run_signal),
    "correctness_block": View(("ensemble_id", "block"), reference_scores.correctness_block),
    "signal_mean_part": View(("ensemble_id", "block", "signal"), reference_scores.signal_mean_part),
    "signal_mean_block": View(
        ("ensemble_id", "block", "signal"), reference_scores.signal_mean_block
    ),
    "data_map": View(("ensemble_id", "example_id"), reference_scores.data_map),
    "aum": View(("ensemble_id", "example_id"), reference_scores.aum),
    "signal_held_out_part": View(
        ("ensemble_id", "block", "signal", "held_out"),
        reference_held_out.signal_held_out_part,
        slices=("runs",),
    ),
    "signal_by_held_out": View(
        ("ensemble_id", "example_id", "signal", "held_out"), reference_held_out.signal_by_held_out
    ),
    "el2n_part": View(("ensemble_id", "block", "evaluation"), reference_scores.el2n_part),
    "el2n_block": View(("ensemble_id", "block", "evaluation"), reference_scores.el2n_block),
    "el2n": View(("ensemble_id", "example_id", "evaluation"), reference_scores.el2n),
    "el2n_held_out_part": View(
        ("ensemble_id", "block", "evaluation", "held_out"),
        reference_held_out.el2n_held_out_part,
        slices=("runs",),
    ),
    "el2n_by_held_out": View(
        ("ensemble_id", "example_id", "evaluation", "held_out"),
        reference_held_out.el2n_by_held_out,
    ),
    "run_depth": View(("run_id", "example_id", "evaluation"), reference_probes.run_depth),
    "probe_vote": View(
        ("run_id", "example_id", "evaluation", "layer"), reference_probes.probe_vote
    ),
    "inference_learning_curve": View(
        ("ensemble_id", "evaluation", "example_group", "layer"),
        reference_probes.inference_learning_curve,
    ),
    "output_version": View(("ensemble_id",), reference_scores.output_version, clock=("version",)),
    "ensemble_agreement": View(("ensemble_id", "example_id"), reference_scores.ensemble_agreement),
    "final_depth_block": View(
        ("run_id", "block"), reference_depth.final_depth_block, slices=("depth",)
    ),
    "prediction_depth_block": View(
        ("ensemble_id", "block"),
        reference_depth.prediction_depth_block,
        slices=(
            *("runs_trained_on", "depth_trained_on"),
            *("runs_held_out", "depth_held_out", "runs_without"),
        ),
    ),
    "prediction_depth": View(("ensemble_id", "example_id"), reference_depth.prediction_depth),
    "difficulty_type": View(("ensemble_id", "example_id"), reference_depth.difficulty_type),
    "difficulty_type_summary": View(
        ("ensemble_id", "split", "type"), reference_depth.difficulty_type_summary
    ),
    "depth_accuracy": View(
        ("ensemble_id", "split", "held_out", "depth"), reference_depth.depth_accuracy
    ),
    "depth_learned": View(
        ("ensemble_id", "split", "held_out", "depth"), reference_depth.depth_learned
    ),
    "difficulty_part": View(
        ("ensemble_id", "block", "score"), reference_scores.difficulty_part, slices=("slices",)
    ),
    "example_difficulty": View(("ensemble_id", "example_id"), reference_scores.example_difficulty),
    "suspected_label_errors": View(
        ("ensemble_id", "example_id"), reference_scores.suspected_label_errors
    ),
}

ENSEMBLES = ("ensemble_a_id", "ensemble_b_id", "split")
EVALUATIONS = (*ENSEMBLES, "evaluation_a", "evaluation_b")

PAIR_VIEWS = {
    "matched_evaluations": PairView(EVALUATIONS, reference_comparison.matched_evaluations),
    "order_correlation": PairView(ENSEMBLES, reference_comparison.order_correlation),
    "majority_pair": PairView(EVALUATIONS, reference_comparison.majority_pair),
    "both_or_only": PairView(EVALUATIONS, reference_comparison.both_or_only),
    "easiest_overlap": PairView(EVALUATIONS, reference_comparison.easiest_overlap),
    "cross_consistency_histogram": PairView(
        (*EVALUATIONS, "runs_correct"), reference_comparison.cross_consistency_histogram
    ),
    "cross_consistency": PairView(EVALUATIONS, reference_comparison.cross_consistency),
}
"""Views that have no column `ensemble`, but two of them."""


def read(connection: Connection, view: str, ensemble: str | None = None) -> list[Row]:
    """All rows of a view, or those of one ensemble, with counts in place of slices."""
    query = f"SELECT * FROM {view}" + (" WHERE ensemble = :ensemble" if ensemble else "")
    result = connection.execute(text(query), {"ensemble": ensemble} if ensemble else {})
    rows = [dict(row) for row in result.mappings()]
    for row in rows:
        for column in VIEWS[view].slices:
            row[column] = None if row[column] is None else counts_of(row[column])
        for column in VIEWS[view].clock:
            del row[column]
    return rows


def check(connection: Connection, view: str, recorded: Recorded) -> None:
    """Assert that the view says of the story, asked for by name, what the reference says."""
    assert_rows(view, read(connection, view, recorded.story.name), VIEWS[view].rows(recorded))


def assert_rows(view: str, actual: Sequence[Row], expected: Sequence[Row]) -> None:
    """Assert that two sets of rows are the same, and that there is one row per key."""
    key = VIEWS[view].key if view in VIEWS else PAIR_VIEWS[view].key

    def keyed(rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
        found = {tuple(row[column] for column in key): row for row in rows}
        assert len(found) == len(rows), f"{view}: more than one row for one {key}"
        return found

    got, wanted = keyed(actual), keyed(expected)
    assert got.keys() == wanted.keys(), f"{view}: other rows than the reference"
    for place, row in wanted.items():
        at = dict(zip(key, place, strict=True))
        assert got[place].keys() == row.keys(), f"{view}: other columns than the reference"
        for column, value in row.items():
            found = got[place][column]
            assert same(found, value), f"{view}.{column} is {found!r}, not {value!r}, at {at}"


def same(found: object, expected: object) -> bool:
    """Equal and of one type; floats nearly equal, also in lists."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, list):
        assert isinstance(found, list)
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float):
        assert isinstance(found, float)
        return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=RELATIVE)
    return found == expected
