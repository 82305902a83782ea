"""What every format is read into: runs of other people's training, one evaluation at a time.

Nothing is held but what one evaluation, or one run where a file is laid out by runs, needs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError, printable
from tracker.outcomes.held_out import TRAIN

UNKNOWN = -1
"""Label of an example whose class the file does not tell."""

MAX_CLASSES = 65536
MAX_EXAMPLES = 50_000_000
MAX_ORDINAL = 1_000_000
MAX_SEED = 2**31 - 1
MAX_SUM = 2**31
DEFAULT_SPLIT = "train"
MAX_NAME = 1000
"""Characters of what a file calls an example or a run."""
LONGEST = 400
"""Characters of a reason."""


@dataclass(frozen=True)
class Options:
    """What the user said about the file."""

    split: str | None = None
    """Split that the examples are of; `DEFAULT_SPLIT` if the file does not say either."""
    first_evaluation: int | None = None
    """Ordinal of the first evaluation of the file; the format's choice if not given."""

    @property
    def split_name(self) -> str:
        """The split of a file that names none."""
        return DEFAULT_SPLIT if self.split is None else self.split

    def shift(self, first: int, unnumbered: int | None = None) -> int:
        """What to add to a file's ordinals, the least of which is `first`.

        `unnumbered` is the first ordinal where the file only has an order, and none was asked for.
        """
        wanted = unnumbered if self.first_evaluation is None else self.first_evaluation
        return 0 if wanted is None else wanted - first


@dataclass(frozen=True, eq=False)
class Examples:
    """The examples of one split, by position."""

    size: int
    labels: NDArray[np.int64] | None = None
    """Class of each, `UNKNOWN` where the file does not tell; None where it tells none."""
    ids: Sequence[int | str] | None = None
    """What the file calls them, each differently; None where it calls them nothing."""


@dataclass(frozen=True)
class ImportedRun:
    """One run of the file."""

    seed: int
    evaluations: tuple[int, ...]
    """Ordinals, ascending."""
    name: str | None = None
    """What the file calls it."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What one run says of all X examples, the splits one after the other, at one evaluation."""

    run: int
    """Index of the run."""
    evaluation: int
    correct: NDArray[np.bool_] | None
    """[X]; None where only predicted classes are told."""
    predicted: NDArray[np.integer] | None
    """[X], non-negative; None where only right and wrong are told."""
    signals: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """[X] each, by name; those that are recorded at this evaluation."""
    outputs: NDArray[np.float32] | None = None
    """Softmax outputs [X, K], of the last evaluation of a run that has recorded them."""


@dataclass(frozen=True, eq=False)
class Trajectories:
    """What a file says, checked as far as it can be without a dataset."""

    splits: Mapping[str, Examples]
    """In storage order."""
    num_classes: int
    """One more than the largest class that is told, and those of outputs; 0 where none is."""
    runs: Sequence[ImportedRun]
    outcomes: Callable[[], Iterator[Outcomes]]
    """Reads the file: run after run in order, each with its evaluations in order."""
    place: Callable[[str, int, int, int], str]
    """Names an outcome for messages: from `correct` or `predicted`, index of the run, index of the
    example, and ordinal."""
    what: str
    """The file, for messages."""
    has_correct: bool
    has_predicted: bool
    partial: Sequence[str] = ()
    """Signals that some evaluations of some runs have not."""
    ignored: Sequence[str] = ()
    """Parts of the file that nothing is made of."""
    held_out: NDArray[np.bool_] | None = None
    """What each run did not train on, [runs, X]; None where the file does not tell: then it is all
    but the split train."""
    output_classes: int | None = None
    """K, the number of classes of the softmax outputs; None where no run has any."""
    all_outputs: bool = False
    """Whether every run has softmax outputs."""

    @property
    def size(self) -> int:
        """X: examples of all splits."""
        return sum(examples.size for examples in self.splits.values())

    @property
    def has_labels(self) -> bool:
        """Whether the file tells classes of examples."""
        return all(examples.labels is not None for examples in self.splits.values())

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Classes of all X examples, or None."""
        parts = [examples.labels for examples in self.splits.values()]
        told = [part for part in parts if part is not None]
        return np.concatenate(told) if len(told) == len(parts) else None


def trainable(splits: Mapping[str, Examples]) -> NDArray[np.bool_]:
    """Whether each of all X examples is of the split that runs train on."""
    return np.concatenate([np.full(part.size, name == TRAIN) for name, part in splits.items()])


def refuse(what: str, why: str) -> UsageError:
    """The error for a file that cannot be imported: which, and why.

    Of a long reason, which repeats the file, beginning and end.
    """
    if len(why) > LONGEST:
        why = f"{why[: LONGEST * 3 // 4]} ... {why[-LONGEST // 4 :]}"
    return UsageError(printable(f"cannot import {what[:LONGEST]}: {why}"))


def first(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    """Index of the first True, in row-major order."""
    return tuple(int(place) for place in np.unravel_index(int(wrong.argmax()), wrong.shape))


@contextmanager
def within_memory(what: str) -> Iterator[None]:
    """Refuse a file that turns out to need more memory than there is."""
    try:
        yield
    except MemoryError:
        raise refuse(what, "it needs more memory than this machine has") from None


def check_numbers(trajectories: Trajectories) -> None:
    """Refuse evaluations numbered so high that they, or sums of them over runs, have no room.

    Raises
    ------
    UsageError
        If one is more than `MAX_ORDINAL`, or if runs times 2^planes passes 2^31: the view
        learning_order adds up ordinals of so many planes (see history_part) in four bytes.
    """
    last = max(run.evaluations[-1] for run in trajectories.runs)
    if last > MAX_ORDINAL:
        raise refuse(
            trajectories.what,
            f"an evaluation would be numbered {last}: more than {MAX_ORDINAL}",
        )
    runs, planes = len(trajectories.runs), (last + 1).bit_length()
    if runs << planes > MAX_SUM:
        most = MAX_SUM >> planes
        raise refuse(
            trajectories.what,
            f"{runs} runs with evaluations up to {last} are more than can be added up: at most "
            f"{most} runs reach that far, import fewer or begin lower (--first-evaluation)",
        )


def at(name: str, index: Sequence[int]) -> str:
    """An element of an array as a user writes it: `correct[0, 7, 3]`."""
    return f"{name}[{', '.join(map(str, index))}]"


def check_split_name(name: str, what: str) -> str:
    """`name` if it can name a split."""
    if not name or len(name) > 100 or not name.isprintable():
        raise refuse(what, f"{name!r} cannot name a split: use up to 100 letters")
    return name


def settle(
    outcomes: Outcomes, labels: NDArray[np.int64] | None, trajectories: Trajectories
) -> NDArray[np.bool_]:
    """Which examples are right [X], after checking what is told twice.

    Parameters
    ----------
    outcomes
        Of one evaluation.
    labels
        Classes of the dataset, int64 [X]; None where nobody knows them.

    Raises
    ------
    UsageError
        If `correct` says something else than predicted class and label; the first is named.
    """
    correct, predicted = outcomes.correct, outcomes.predicted
    if predicted is None or labels is None:
        assert correct is not None  # noqa: S101 - files without either were refused
        return correct
    expected: NDArray[np.bool_] = predicted == labels
    if correct is None:
        return expected
    if (correct != expected).any():
        (example,) = first(correct != expected)
        place = trajectories.place("correct", outcomes.run, example, outcomes.evaluation)
        says = "right" if correct[example] else "wrong"
        raise refuse(
            trajectories.what,
            f"{place} is {says}, but the predicted class is {int(predicted[example])} and the "
            f"label {int(labels[example])}",
        )
    return correct
