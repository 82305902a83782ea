"""What k-NN probes say of an evaluation: depths, votes, accuracies."""

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db.models.base import VARBIT, Base


class ProbedEvaluation(Base):
    """An evaluation at which k-NN probes were run on the network's embeddings."""

    __tablename__ = "probed_evaluation"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "evaluation"),
        ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["evaluation.run_id", "evaluation.evaluation"],
            ondelete="CASCADE",
        ),
        CheckConstraint("cardinality(layers) > 0", name="layers"),
        CheckConstraint("neighbours > 0", name="neighbours"),
        {"comment": "An evaluation at which k-NN probes were run on the network's embeddings."},
    )

    run_id: Mapped[int]
    evaluation: Mapped[int]
    layers: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="What each probe looks at: input, each block, softmax."
    )
    neighbours: Mapped[int] = mapped_column(comment="The k of k-NN.")
    checksum: Mapped[bytes] = mapped_column(
        LargeBinary, comment="BLAKE2b-128 of all bitmaps of its depths and votes."
    )


class DepthBlock(Base):
    """Prediction depths of one run for one block of examples at one evaluation; append-only."""

    __tablename__ = "depth_block"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block", "evaluation"),
        ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["probed_evaluation.run_id", "probed_evaluation.evaluation"],
            ondelete="CASCADE",
        ),
        {
            "comment": "Prediction depths of one block of examples at one evaluation.",
            "postgresql_with": {"toast_tuple_target": 8160},
        },
    )

    run_id: Mapped[int]
    block: Mapped[int]
    evaluation: Mapped[int]
    depth: Mapped[list[str]] = mapped_column(
        ARRAY(VARBIT),
        comment="Prediction depth as bit planes, least significant first: the first of "
        "probed_evaluation.layers, from 0, from which on all probes agree with the network.",
    )
    undefined: Mapped[str] = mapped_column(
        VARBIT, comment="One bit an example: it has no depth, for the last probe disagrees."
    )


class ProbeVoteBlock(Base):
    """The class that one probe gives each example of a block at one evaluation; append-only."""

    __tablename__ = "probe_vote_block"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block", "layer", "evaluation"),
        ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["probed_evaluation.run_id", "probed_evaluation.evaluation"],
            ondelete="CASCADE",
        ),
        {
            "comment": "The class that one probe gives each example of a block at one evaluation.",
            "postgresql_with": {"toast_tuple_target": 8160},
        },
    )

    run_id: Mapped[int]
    block: Mapped[int]
    layer: Mapped[int] = mapped_column(comment="Which of probed_evaluation.layers, from 0.")
    evaluation: Mapped[int]
    predicted: Mapped[list[str]] = mapped_column(
        ARRAY(VARBIT), comment="Class as bit planes, least significant first."
    )


class ProbeAccuracy(Base):
    """How often one probe gives the label, in one group of examples."""

    __tablename__ = "probe_accuracy"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "evaluation", "example_group", "layer"),
        ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["probed_evaluation.run_id", "probed_evaluation.evaluation"],
            ondelete="CASCADE",
        ),
        CheckConstraint("examples > 0", name="examples"),
        CheckConstraint("correct BETWEEN 0 AND examples", name="correct"),
        CheckConstraint("network_correct BETWEEN 0 AND examples", name="network_correct"),
        {"comment": "How often one probe gives the label, in one group of examples."},
    )

    run_id: Mapped[int]
    evaluation: Mapped[int]
    example_group: Mapped[str] = mapped_column(
        Text,
        comment="trained_on, held_out, clean, mislabelled, mislabelled_true_label (the same "
        "examples by their original label), or a split's name.",
    )
    layer: Mapped[int] = mapped_column(comment="Which of probed_evaluation.layers, from 0.")
    examples: Mapped[int] = mapped_column(comment="Size of the group.")
    correct: Mapped[int] = mapped_column(comment="Of them, those whose probe gives the label.")
    network_correct: Mapped[int] = mapped_column(
        comment="Of them, those of which the network gives the label."
    )
