"""The tables. Views over them are in `tracker/sql/views`, and are what people query.

The comments on tables and columns are stored in the database too, so that `\\d+` in psql
explains itself. Defaults are the database's, because bulk loads pass by Python.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DDL,
    REAL,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RUN_STATES = ("queued", "running", "complete", "failed", "cancelled")

RUN_EVENTS = (
    "queued",
    "claimed",
    "resumed",
    "begun_anew",
    "checkpoint",
    "given_back",
    "data_missing",
    "lost",
    "retried",
    "cancel_requested",
    "complete",
    "failed",
    "cancelled",
)

VARBIT = BIT(varying=True)
TIMESTAMPTZ = TIMESTAMP(timezone=True)
NOW = text("now()")
SIGNAL_NAMES = "confidence, margin, loss, el2n, output_margin or input_margin."


class Base(DeclarativeBase):
    """Base of the models; names every constraint by one rule."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "ix": "%(table_name)s_%(column_0_name)s_idx",
        }
    )


class Dataset(Base):
    """A named labelled set with splits. A subset is a dataset of its own."""

    __tablename__ = "dataset"
    __table_args__ = (
        CheckConstraint("num_classes BETWEEN 1 AND 65536", name="num_classes"),
        CheckConstraint("block_size > 0 AND block_size % 8 = 0", name="block_size"),
        {"comment": "A named labelled set with splits; a subset is a dataset of its own."},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    num_classes: Mapped[int]
    class_names: Mapped[list[str]] = mapped_column(
        ARRAY(Text), comment="Name of each class, by index."
    )
    fingerprint: Mapped[str] = mapped_column(
        Text, comment="SHA-256 over the fingerprints of the splits."
    )
    block_size: Mapped[int] = mapped_column(
        comment="Examples of a full block; a later version may lay out new datasets otherwise."
    )
    created_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)


class Split(Base):
    """A part of a dataset; a run trains on `train` and is scored on all of them."""

    __tablename__ = "split"
    __table_args__ = (
        PrimaryKeyConstraint("dataset_id", "split"),
        CheckConstraint("size > 0", name="size"),
        {"comment": "A part of a dataset; runs train on `train` and are scored on every split."},
    )

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    split: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(comment="Number of examples.")
    first_example: Mapped[int] = mapped_column(comment="example_id of position 0.")
    first_block: Mapped[int] = mapped_column(comment="Block of position 0; no block spans splits.")
    fingerprint: Mapped[str] = mapped_column(
        Text, comment="SHA-256 over content hash and label of every example, in order."
    )


class Block(Base):
    """A range of consecutive examples of one split: the unit in which outcomes are stored."""

    __tablename__ = "block"
    __table_args__ = (
        PrimaryKeyConstraint("dataset_id", "block"),
        ForeignKeyConstraint(
            ["dataset_id", "split"], ["split.dataset_id", "split.split"], ondelete="CASCADE"
        ),
        CheckConstraint("size > 0", name="size"),
        {"comment": "A range of consecutive examples of one split: the unit of outcome storage."},
    )

    dataset_id: Mapped[int]
    block: Mapped[int]
    split: Mapped[str] = mapped_column(Text)
    first_example: Mapped[int] = mapped_column(comment="example_id of slot 0.")
    first_position: Mapped[int] = mapped_column(comment="Position in its split of slot 0.")
    size: Mapped[int] = mapped_column(comment="Number of examples, hence of bits of each bitmap.")
    label: Mapped[list[str]] = mapped_column(
        ARRAY(VARBIT), comment="Label of each example as bit planes, least significant first."
    )
    original_label: Mapped[list[str] | None] = mapped_column(
        ARRAY(VARBIT),
        comment="The labels before label noise, as bit planes; NULL where none was changed.",
    )


class Example(Base):
    """One example, identified by (dataset, split, position) and by its content."""

    __tablename__ = "example"
    __table_args__ = (
        PrimaryKeyConstraint("dataset_id", "example_id"),
        ForeignKeyConstraint(
            ["dataset_id", "block"], ["block.dataset_id", "block.block"], ondelete="CASCADE"
        ),
        UniqueConstraint("dataset_id", "block", "slot", name="example_slot_key"),
        Index("example_content_hash_idx", "content_hash"),
        {"comment": "One example, identified by (dataset, split, position) and by its content."},
    )

    dataset_id: Mapped[int]
    example_id: Mapped[int] = mapped_column(
        comment="Number within the dataset: splits follow each other."
    )
    split: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(comment="0-based place in its split.")
    source_position: Mapped[int] = mapped_column(
        comment="Place in the split of the full dataset; differs in subsets."
    )
    label: Mapped[int]
    content_hash: Mapped[bytes] = mapped_column(
        LargeBinary, comment="BLAKE2b-128 of the picture without its label."
    )
    block: Mapped[int]
    slot: Mapped[int] = mapped_column(comment="Bit of the block's bitmaps that is this example's.")
    original_label: Mapped[int | None] = mapped_column(
        comment="Label before label noise; NULL where it is the label."
    )


class Ensemble(Base):
    """N runs of one frozen recipe."""

    __tablename__ = "ensemble"
    __table_args__ = (
        Index("ensemble_dataset_id_idx", "dataset_id"),
        {"comment": "N runs of one frozen recipe."},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="The recipe, whole.")
    spec_digest: Mapped[str] = mapped_column(Text, comment="SHA-256 of the recipe.")
    evaluations: Mapped[int] = mapped_column(comment="Evaluations of a complete run.")
    total_steps: Mapped[int] = mapped_column(comment="Optimizer steps of a complete run.")
    created_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)
    curriculum_snapshot: Mapped[bytes | None] = mapped_column(
        ForeignKey("curriculum_snapshot.digest"),
        comment="Digest of the scores that give its runs their order; NULL without a curriculum.",
    )


class CurriculumSnapshot(Base):
    """What a curriculum goes by, of every example, as it was when it was used."""

    __tablename__ = "curriculum_snapshot"
    __table_args__ = (
        CheckConstraint("size = cardinality(scores)", name="size"),
        {
            "comment": "Scores of all examples, as they were when a curriculum used them; stored "
            "once, however many curricula and epochs used the same."
        },
    )

    digest: Mapped[bytes] = mapped_column(
        LargeBinary, primary_key=True, comment="BLAKE2b-128 of all that follows."
    )
    size: Mapped[int] = mapped_column(comment="Number of examples.")
    scores: Mapped[list[float]] = mapped_column(
        ARRAY(Double), comment="One number an example, by position; NaN: missing."
    )
    labels: Mapped[list[int] | None] = mapped_column(
        ARRAY(Integer), comment="Class of each example, where the order is balanced over classes."
    )
    weights: Mapped[list[float] | None] = mapped_column(
        ARRAY(Double), comment="Weight of each example, 0: left out; NULL: all alike."
    )


class Curriculum(Base):
    """What a `CurriculumSampler` was told: with its scores, all that gives its epochs again."""

    __tablename__ = "curriculum"
    __table_args__ = (
        {
            "comment": "What a CurriculumSampler was told. Needs nothing else that is stored: "
            "the ensembles may have been deleted meanwhile."
        },
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    parameters: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="Order, pacing and all the rest that decides its epochs."
    )
    seed: Mapped[int]
    source: Mapped[dict[str, Any]] = mapped_column(
        JSONB,
        comment="Where the scores came from: ensembles, column, split; {}: an array of the user's.",
    )
    fingerprint: Mapped[str | None] = mapped_column(
        Text,
        comment="That of the split (split.fingerprint); NULL where the dataset is not known.",
    )
    snapshot: Mapped[bytes] = mapped_column(
        ForeignKey("curriculum_snapshot.digest"), comment="Digest of the scores it began with."
    )
    versions: Mapped[dict[str, str]] = mapped_column(
        JSONB, comment="Of tracker, NumPy, torch and Python."
    )
    created_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)


class CurriculumEpoch(Base):
    """One epoch that a curriculum has begun."""

    __tablename__ = "curriculum_epoch"
    __table_args__ = (
        PrimaryKeyConstraint("curriculum", "epoch"),
        CheckConstraint("epoch >= 0", name="epoch"),
        {
            "comment": "One epoch that a curriculum has begun: its pool, and a checksum of its "
            "order."
        },
    )

    curriculum: Mapped[str] = mapped_column(
        ForeignKey("curriculum.name", ondelete="CASCADE", onupdate="CASCADE"), comment="Its name."
    )
    epoch: Mapped[int] = mapped_column(comment="From 0.")
    pool_size: Mapped[int] = mapped_column(
        comment="Examples that could be drawn; at its end, where the pool grows by step."
    )
    examples: Mapped[int] = mapped_column(
        comment="Indices of the epoch, over all processes, before any are repeated to make their "
        "shares equal."
    )
    checksum: Mapped[bytes] = mapped_column(
        LargeBinary, comment="BLAKE2b-128 of the indices in order, 8 bytes each, little endian."
    )
    snapshot: Mapped[bytes] = mapped_column(
        ForeignKey("curriculum_snapshot.digest"), comment="Digest of the scores that it used."
    )
    begun_at: Mapped[datetime] = mapped_column(
        TIMESTAMPTZ, server_default=NOW, comment="When it was begun, by the trainer's clock."
    )


class Run(Base):
    """One seed of an ensemble. The row is the truth about the run's state; Celery only wakes."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("ensemble_id", "seed"),
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        CheckConstraint("attempt BETWEEN 0 AND max_attempts", name="attempt"),
        Index("run_state_idx", "state", postgresql_where=text("state IN ('queued', 'running')")),
        {"comment": "One seed of an ensemble; this row is the truth about its state."},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    ensemble_id: Mapped[int] = mapped_column(ForeignKey("ensemble.id", ondelete="CASCADE"))
    seed: Mapped[int]
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    attempt: Mapped[int] = mapped_column(
        server_default="0", comment="Number of times a worker has claimed the run."
    )
    max_attempts: Mapped[int] = mapped_column(server_default="3")
    cancel_requested: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Read by the worker at every evaluation."
    )
    queue: Mapped[str] = mapped_column(
        Text, server_default="tracker", comment="Celery queue whose workers train the run."
    )
    queued_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)
    sent_at: Mapped[datetime | None] = mapped_column(
        TIMESTAMPTZ, comment="When its message last went to the broker."
    )
    started_at: Mapped[datetime | None] = mapped_column(
        TIMESTAMPTZ, comment="Start of the latest attempt."
    )
    heartbeat_at: Mapped[datetime | None] = mapped_column(TIMESTAMPTZ)
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMPTZ)
    worker: Mapped[str | None] = mapped_column(
        Text, comment="host:pid of the latest attempt's worker."
    )
    step: Mapped[int] = mapped_column(
        server_default="0", comment="Optimizer steps done, as of the last heartbeat."
    )
    examples_per_second: Mapped[float | None] = mapped_column(
        Double, comment="Training speed of the latest attempt, evaluations included."
    )
    error: Mapped[str | None] = mapped_column(Text)
    provenance: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB,
        comment="Of the latest attempt: versions, device, threads; command line, git commit.",
    )
    uid: Mapped[UUID] = mapped_column(
        Uuid,
        server_default=text("gen_random_uuid()"),
        comment="Names its checkpoints: unlike id, unique among databases that share a folder.",
    )
    retry_at: Mapped[datetime | None] = mapped_column(
        TIMESTAMPTZ, comment="A queued run is not claimed before; NULL: at once."
    )


class RunEvent(Base):
    """Something that happened to a run; written with the change of state that it tells of."""

    __tablename__ = "run_event"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "id"),
        CheckConstraint(f"event IN {RUN_EVENTS}", name="event"),
        {
            "comment": "Something that happened to a run; evaluations are in their own table.",
        },
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), comment="Later events have higher numbers."
    )
    event: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(comment="The run's latest attempt at that time.")
    worker: Mapped[str | None] = mapped_column(Text, comment="host:pid of that attempt's worker.")
    at: Mapped[datetime] = mapped_column(
        TIMESTAMPTZ, server_default=text("clock_timestamp()"), comment="By the database's clock."
    )
    detail: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="What else is to be said, by the kind of event."
    )


class RunBlock(Base):
    """What one run held out of one block of the split train; no row where it is nothing."""

    __tablename__ = "run_block"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block"),
        {
            "comment": "What one run held out of one block of the split train. Without a row, a "
            "run holds out all blocks of the other splits and none of train.",
            "postgresql_with": {"toast_tuple_target": 8160},
        },
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    block: Mapped[int]
    held_out: Mapped[str] = mapped_column(
        VARBIT, comment="One bit an example: did the run not train on it?"
    )


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


# Numbers that nothing would compress: trying to costs time.
for _numbers, _columns in (
    (SignalBlock, ("value",)),
    (SignalSummary, ("mean", "deviation")),
    (OutputBlock, ("value",)),
    (ScoreBlock, ("value",)),
):
    event.listen(
        _numbers.__table__,
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"ALTER TABLE {_numbers.__tablename__} "
            + ", ".join(f"ALTER COLUMN {column} SET STORAGE EXTERNAL" for column in _columns)
        ),
    )
