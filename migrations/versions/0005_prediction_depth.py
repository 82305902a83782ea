"""Prediction depth, probes and difficulty types.

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op
from migrations.frozen import run_scripts
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

# Frozen.
SCRIPTS = (
    "views/run_depth",
    "views/probe_vote",
    "views/inference_learning_curve",
    "functions/difficulty_corner",
    "views/final_depth_block",
    "views/prediction_depth_block",
    "views/prediction_depth",
    "views/difficulty_type",
    "views/difficulty_type_summary",
    "views/depth_accuracy",
    "views/depth_learned",
    "views/example_difficulty",
)
VIEWS = (
    "run_depth",
    "probe_vote",
    "inference_learning_curve",
    "final_depth_block",
    "prediction_depth_block",
    "prediction_depth",
    "difficulty_type",
    "difficulty_type_summary",
    "depth_accuracy",
    "depth_learned",
    "example_difficulty",
)
SIGNALS = "confidence, margin, loss, el2n, output_margin or input_margin."
OLD_SIGNALS = "confidence, margin, loss or el2n."
OF_VIEW = (
    "confidence (softmax of the label), margin (its logit minus the largest other), loss, el2n, "
    "output_margin (largest minus second-largest logit), or input_margin, of the last evaluation."
)
OLD_OF_VIEW = (
    "confidence (softmax of the label), margin (its logit minus the largest other), loss or el2n."
)
# End of frozen.

VARBIT = postgresql.BIT(varying=True)


def _create_tables() -> None:
    op.create_table(
        "probed_evaluation",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("evaluation", sa.Integer(), nullable=False),
        sa.Column(
            "layers",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="What each probe looks at: input, each block, softmax.",
        ),
        sa.Column("neighbours", sa.Integer(), nullable=False, comment="The k of k-NN."),
        sa.Column(
            "checksum",
            sa.LargeBinary(),
            nullable=False,
            comment="BLAKE2b-128 of all bitmaps of its depths and votes.",
        ),
        sa.CheckConstraint("cardinality(layers) > 0", name=op.f("probed_evaluation_layers_check")),
        sa.CheckConstraint("neighbours > 0", name=op.f("probed_evaluation_neighbours_check")),
        sa.ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["evaluation.run_id", "evaluation.evaluation"],
            name=op.f("probed_evaluation_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "evaluation", name=op.f("probed_evaluation_pkey")),
        comment="An evaluation at which k-NN probes were run on the network's embeddings.",
    )
    op.create_table(
        "depth_block",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("evaluation", sa.Integer(), nullable=False),
        sa.Column(
            "depth",
            postgresql.ARRAY(VARBIT),
            nullable=False,
            comment="Prediction depth as bit planes, least significant first: the first of "
            "probed_evaluation.layers, from 0, from which on all probes agree with the network.",
        ),
        sa.Column(
            "undefined",
            VARBIT,
            nullable=False,
            comment="One bit an example: it has no depth, for the last probe disagrees.",
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["probed_evaluation.run_id", "probed_evaluation.evaluation"],
            name=op.f("depth_block_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "block", "evaluation", name=op.f("depth_block_pkey")),
        comment="Prediction depths of one block of examples at one evaluation.",
        postgresql_with={"toast_tuple_target": 8160},
    )
    op.create_table(
        "probe_vote_block",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column(
            "layer",
            sa.Integer(),
            nullable=False,
            comment="Which of probed_evaluation.layers, from 0.",
        ),
        sa.Column("evaluation", sa.Integer(), nullable=False),
        sa.Column(
            "predicted",
            postgresql.ARRAY(VARBIT),
            nullable=False,
            comment="Class as bit planes, least significant first.",
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["probed_evaluation.run_id", "probed_evaluation.evaluation"],
            name=op.f("probe_vote_block_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "block", "layer", "evaluation", name=op.f("probe_vote_block_pkey")
        ),
        comment="The class that one probe gives each example of a block at one evaluation.",
        postgresql_with={"toast_tuple_target": 8160},
    )
    op.create_table(
        "probe_accuracy",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("evaluation", sa.Integer(), nullable=False),
        sa.Column(
            "example_group",
            sa.Text(),
            nullable=False,
            comment="trained_on, held_out, clean, mislabelled, mislabelled_true_label (the same "
            "examples by their original label), or a split's name.",
        ),
        sa.Column(
            "layer",
            sa.Integer(),
            nullable=False,
            comment="Which of probed_evaluation.layers, from 0.",
        ),
        sa.Column("examples", sa.Integer(), nullable=False, comment="Size of the group."),
        sa.Column(
            "correct",
            sa.Integer(),
            nullable=False,
            comment="Of them, those whose probe gives the label.",
        ),
        sa.Column(
            "network_correct",
            sa.Integer(),
            nullable=False,
            comment="Of them, those of which the network gives the label.",
        ),
        sa.CheckConstraint("examples > 0", name=op.f("probe_accuracy_examples_check")),
        sa.CheckConstraint(
            "correct BETWEEN 0 AND examples", name=op.f("probe_accuracy_correct_check")
        ),
        sa.CheckConstraint(
            "network_correct BETWEEN 0 AND examples",
            name=op.f("probe_accuracy_network_correct_check"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["probed_evaluation.run_id", "probed_evaluation.evaluation"],
            name=op.f("probe_accuracy_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "evaluation", "example_group", "layer", name=op.f("probe_accuracy_pkey")
        ),
        comment="How often one probe gives the label, in one group of examples.",
    )


def _explain_signals(of_table: str, of_view: str) -> None:
    for table in ("signal_block", "signal_summary"):
        op.execute(f"COMMENT ON COLUMN {table}.signal IS '{of_table}'")
    op.execute(f"COMMENT ON COLUMN signal.signal IS '{of_view}'")


def upgrade() -> None:
    _create_tables()
    _explain_signals(SIGNALS, OF_VIEW)
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    _explain_signals(OLD_SIGNALS, OLD_OF_VIEW)
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    op.execute("DROP FUNCTION difficulty_corner(double precision, double precision)")
    run_scripts("0003", ["views/example_difficulty"])
    for table in ("probe_accuracy", "probe_vote_block", "depth_block", "probed_evaluation"):
        op.drop_table(table)
