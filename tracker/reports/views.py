"""The views (`tracker/sql/views`) as far as reports read them: names for queries, not models."""

from sqlalchemy import Double, Integer, Text, column, table
from sqlalchemy.dialects.postgresql import ARRAY

from tracker.db.models import TIMESTAMPTZ, VARBIT

run_accuracy = table(
    "run_accuracy",
    column("ensemble", Text),
    column("ensemble_id", Integer),
    column("run_id", Integer),
    column("split", Text),
    column("evaluation", Integer),
    column("accuracy", Double),
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
