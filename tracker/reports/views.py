"""The views (`tracker/sql/views`) as far as reports read them: names for queries, not models."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Double, Integer, Text, column, table
from sqlalchemy.dialects.postgresql import ARRAY

from tracker.db.models import TIMESTAMPTZ, VARBIT

if TYPE_CHECKING:
    from sqlalchemy import ColumnClause, TableClause

run_accuracy = table(
    "run_accuracy",
    column("ensemble", Text),
    column("ensemble_id", Integer),
    column("run_id", Integer),
    column("split", Text),
    column("evaluation", Integer),
    column("accuracy", Double),
    column("trained_on_accuracy", Double),
    column("held_out_accuracy", Double),
)

ensemble_evaluation = table(
    "ensemble_evaluation",
    column("ensemble", Text),
    column("ensemble_id", Integer),
    column("evaluation", Integer),
    column("runs", Integer),
    column("step", Integer),
    column("epoch", Double),
)

learning_order = table(
    "learning_order",
    column("ensemble", Text),
    column("split", Text),
    column("position", Integer),
    column("label", Integer),
    column("runs", Integer),
    column("evaluations", Integer),
    column("accessibility", Double),
    column("mean_learned", Double),
    column("learned_share", Double),
    column("forgetting_events", Double),
)

history_block = table(
    "history_block",
    column("ensemble", Text),
    column("dataset_id", Integer),
    column("run_id", Integer),
    column("block", Integer),
    column("forgotten", ARRAY(VARBIT)),
    column("ever", VARBIT),
)

tp_agreement_histogram = table(
    "tp_agreement_histogram",
    column("ensemble", Text),
    column("split", Text),
    column("evaluation", Integer),
    column("runs", Integer),
    column("runs_correct", Integer),
    column("examples", Integer),
    column("null_examples", Double),
)

bimodality = table(
    "bimodality",
    column("ensemble", Text),
    column("split", Text),
    column("evaluation", Integer),
    column("runs", Integer),
    column("tp_agreement", Double),
    column("bimodality", Double),
    column("null_bimodality", Double),
)

run_progress = table(
    "run_progress",
    column("ensemble", Text),
    column("ensemble_id", Integer),
    column("run_id", Integer),
    column("seed", Integer),
    column("state", Text),
    column("attempt", Integer),
    column("evaluations", Integer),
    column("evaluations_in_all", Integer),
    column("share", Double),
    column("examples_per_second", Double),
    column("seconds_left", Double),
    column("worker", Text),
    column("started_at", TIMESTAMPTZ),
    column("heartbeat_at", TIMESTAMPTZ),
    column("finished_at", TIMESTAMPTZ),
    column("error", Text),
)

run_history = table(
    "run_history",
    column("run_id", Integer),
    column("event_number", Integer),
    column("at", TIMESTAMPTZ),
    column("event", Text),
    column("attempt", Integer),
    column("worker", Text),
    column("detail", Text),
)

error_consistency = table(
    "error_consistency",
    column("ensemble", Text),
    column("split", Text),
    column("evaluation", Integer),
    column("kappa", Double),
)


def _of_two(name: str, *columns: "ColumnClause[Any]") -> "TableClause":
    """A view of two ensembles of one dataset."""
    key = (column("ensemble_a", Text), column("ensemble_b", Text), column("split", Text))
    return table(name, *key, *columns)


def _matched(name: str, *columns: "ColumnClause[Any]") -> "TableClause":
    """The same at pairs of evaluations."""
    key = (column("evaluation_a", Integer), column("evaluation_b", Integer))
    return _of_two(name, *key, *columns)


order_correlation = _of_two(
    "order_correlation",
    column("examples", Integer),
    column("pearson", Double),
    column("pearson_p", Double),
    column("spearman", Double),
    column("spearman_p", Double),
)

both_or_only = _matched(
    "both_or_only",
    column("accuracy_a", Double),
    column("accuracy_b", Double),
    column("both_right", Integer),
    column("only_a", Integer),
    column("only_b", Integer),
    column("neither", Integer),
)

cross_consistency = _matched(
    "cross_consistency", column("cross_consistency", Double), column("bimodality", Double)
)

easiest_overlap = _matched(
    "easiest_overlap",
    column("easiest_a", Integer),
    column("easiest_b", Integer),
    column("shared", Integer),
    column("expected", Double),
)

difficulty_type = table(
    "difficulty_type",
    column("ensemble", Text),
    column("split", Text),
    column("example_id", Integer),
    column("position", Integer),
    column("label", Integer),
    column("type", Text),
    column("distance", Double),
    column("rank", Integer),
    column("block", Integer),
)

difficulty_type_summary = table(
    "difficulty_type_summary",
    column("ensemble", Text),
    column("split", Text),
    column("type", Text),
    column("examples", Integer),
    column("share", Double),
    column("mislabelled", Integer),
    column("mislabelled_share", Double),
    column("depth_held_out", Double),
    column("depth_trained_on", Double),
    column("consistency", Double),
    column("consensus_consistency", Double),
)

probe_vote = table(
    "probe_vote",
    column("ensemble", Text),
    column("run_id", Integer),
    column("example_id", Integer),
    column("evaluation", Integer),
    column("label", Integer),
    column("layer", Integer),
    column("layer_name", Text),
    column("predicted", Integer),
    column("block", Integer),
)

consistency = table(
    "consistency",
    column("ensemble", Text),
    column("example_id", Integer),
    column("consensus_class", Integer),
    column("block", Integer),
)

example_label = table(
    "example_label",
    column("ensemble", Text),
    column("example_id", Integer),
    column("original_label", Integer),
    column("block", Integer),
)

outcome = table(
    "outcome",
    column("ensemble", Text),
    column("run_id", Integer),
    column("example_id", Integer),
    column("evaluation", Integer),
    column("correct", Boolean),
    column("held_out", Boolean),
)
