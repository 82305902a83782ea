"""What is learned: datasets, their splits, blocks and examples."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db.models.base import NOW, TIMESTAMPTZ, VARBIT, Base


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
