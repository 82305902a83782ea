"""When a run takes its steps and is scored."""

from dataclasses import dataclass

from tracker.errors import UsageError
from tracker.specs import EnsembleSpec

MAX_STEPS = 2**31 - 1
MAX_EVALUATIONS = 1_000_000


@dataclass(frozen=True)
class Schedule:
    """A recipe laid out in optimizer steps for a training set of known size.

    An epoch is a pass over the examples that a run trains on, which are equally many in all runs.
    """

    steps_per_epoch: int
    total_steps: int
    evaluation_steps: tuple[int, ...]
    """Step after which each evaluation is made, in order."""
    first_evaluation: int
    """Ordinal of the first evaluation: 0 if the untrained network is scored, else 1."""

    @classmethod
    def of(cls, spec: EnsembleSpec, train_size: int) -> "Schedule":
        """The schedule of `spec` for `train_size` training examples, held-out ones included.

        The end of training is always an evaluation, also where `every` does not divide it.

        Raises
        ------
        UsageError
            If there are more steps or evaluations than the store has numbers for.
        """
        steps_per_epoch = -(-spec.trained_on(train_size) // spec.recipe.batch_size)
        total = spec.recipe.length.steps(steps_per_epoch)
        every = spec.recording.every.steps(steps_per_epoch)
        count = -(-total // every)
        if total > MAX_STEPS or count > MAX_EVALUATIONS:
            raise UsageError(
                f"{spec.recipe.length.words} of training, recorded every "
                f"{spec.recording.every.words}: that is {total} steps and {count} "
                f"evaluations, more than {MAX_STEPS} or {MAX_EVALUATIONS}"
            )
        points = [*range(every, total, every), total]
        if spec.recording.initial:
            points.insert(0, 0)
        return cls(steps_per_epoch, total, tuple(points), 0 if spec.recording.initial else 1)

    @property
    def epochs(self) -> int:
        """Number of epochs that are begun."""
        return -(-self.total_steps // self.steps_per_epoch)

    @property
    def evaluations(self) -> int:
        """Number of evaluations of one run."""
        return len(self.evaluation_steps)
