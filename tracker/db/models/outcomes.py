"""What is recorded: evaluations, outcomes, signals, outputs, and scores computed from them."""

from datetime import datetime

from sqlalchemy import (
    REAL,
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db.models.base import NOW, SIGNAL_NAMES, TIMESTAMPTZ, VARBIT, Base, raw_numbers


class Evaluation(Base):
    """A point of one run's training at which all examples were scored."""

    __tablename__ = "evaluation"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "evaluation"),
        CheckConstraint("evaluation >= 0", name="evaluation"),
        {"comment": "A point of one run's training at which all examples were scored."},
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    evaluation: Mapped[int] = mapped_column(
        comment="Ordinal; the papers' e. 0 is the untrained network."
    )
    step: Mapped[int] = mapped_column(comment="Optimizer steps before it.")
    epoch: Mapped[float] = mapped_column(Double, comment="Passes over the training set before it.")
    train_loss: Mapped[float | None] = mapped_column(
        Double, comment="Mean training loss of the steps since the evaluation before."
    )
    recorded_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)
    checksum: Mapped[bytes | None] = mapped_column(
        LargeBinary,
        comment="BLAKE2b-128 of all its bitmaps; NULL where recorded before revision 0002.",
    )


class OutcomeBlock(Base):
    """What one run said of one block of examples at one evaluation; append-only."""

    __tablename__ = "outcome_block"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block", "evaluation"),
        ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["evaluation.run_id", "evaluation.evaluation"],
            ondelete="CASCADE",
        ),
        {
            "comment": "What one run said of one block of examples at one evaluation; append-only.",
            # Rows stay whole in their page: block sizes are chosen so that pages are full.
            "postgresql_with": {"toast_tuple_target": 8160},
        },
    )

    run_id: Mapped[int]
    block: Mapped[int]
    evaluation: Mapped[int]
    correct: Mapped[str] = mapped_column(
        VARBIT, comment="One bit an example: was the predicted class the label?"
    )
    predicted: Mapped[list[str] | None] = mapped_column(
        ARRAY(VARBIT),
        comment="Predicted class as bit planes, least significant first; NULL where only right "
        "and wrong are known (some imported ensembles).",
    )


class SignalBlock(Base):
    """One signal of one run for one block of examples at one evaluation; append-only."""

    __tablename__ = "signal_block"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block", "signal", "evaluation"),
        ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["evaluation.run_id", "evaluation.evaluation"],
            ondelete="CASCADE",
        ),
        {"comment": "One signal of a run for one block of examples at one evaluation."},
    )

    run_id: Mapped[int]
    block: Mapped[int]
    signal: Mapped[str] = mapped_column(Text, comment=SIGNAL_NAMES)
    evaluation: Mapped[int]
    value: Mapped[list[float]] = mapped_column(ARRAY(REAL), comment="One number an example.")


class SignalSummary(Base):
    """Mean and standard deviation of one signal over a run's evaluations, for one block."""

    __tablename__ = "signal_summary"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block", "signal"),
        {
            "comment": "Mean and standard deviation of a signal over the evaluations of one run, "
            "for one block of examples."
        },
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    block: Mapped[int]
    signal: Mapped[str] = mapped_column(Text, comment=SIGNAL_NAMES)
    evaluations: Mapped[int] = mapped_column(comment="Evaluations that it covers.")
    mean: Mapped[list[float]] = mapped_column(ARRAY(REAL), comment="One number an example.")
    deviation: Mapped[list[float]] = mapped_column(
        ARRAY(REAL), comment="Population standard deviation; one number an example."
    )


class OutputBlock(Base):
    """The final softmax outputs of one run for one block of examples; of complete runs only."""

    __tablename__ = "output_block"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block"),
        ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["evaluation.run_id", "evaluation.evaluation"],
            ondelete="CASCADE",
        ),
        {"comment": "Softmax outputs of a run at its last evaluation, for one block of examples."},
    )

    run_id: Mapped[int]
    block: Mapped[int]
    evaluation: Mapped[int] = mapped_column(comment="The run's last evaluation.")
    value: Mapped[list[float]] = mapped_column(
        ARRAY(REAL), comment="K probabilities an example, example by example."
    )


class ScoreBlock(Base):
    """A score that an analysis task has computed, for one block of examples."""

    __tablename__ = "score_block"
    __table_args__ = (
        PrimaryKeyConstraint("ensemble_id", "score", "block"),
        CheckConstraint("runs > 0", name="runs"),
        {"comment": "A score that `tracker analyze` has computed, for one block of examples."},
    )

    ensemble_id: Mapped[int] = mapped_column(ForeignKey("ensemble.id", ondelete="CASCADE"))
    score: Mapped[str] = mapped_column(Text, comment="Name of the score: ensemble-agreement.")
    block: Mapped[int]
    version: Mapped[str] = mapped_column(
        Text, comment="Digest of what it was computed from: see the view output_version."
    )
    runs: Mapped[int] = mapped_column(comment="Runs that it was computed from.")
    value: Mapped[list[float]] = mapped_column(ARRAY(REAL), comment="One number an example.")


raw_numbers(SignalBlock, "value")
raw_numbers(SignalSummary, "mean", "deviation")
raw_numbers(OutputBlock, "value")
raw_numbers(ScoreBlock, "value")
