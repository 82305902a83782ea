"""What can be wrong, and how it is told."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where; a place is None where the whole is meant."""

    seed: int | None
    evaluation: int | None
    block: int | None
    what: str

    def __str__(self) -> str:
        places = (("run seed", self.seed), ("evaluation", self.evaluation), ("block", self.block))
        at = ", ".join(f"{word} {number}" for word, number in places if number is not None)
        return f"{at or 'ensemble'}: {self.what}"


@dataclass
class Verification:
    """What was checked, and what is wrong."""

    ensemble: str
    limit: int
    """Problems that are kept; more are only counted."""
    runs: int = 0
    """Runs that have recorded something."""
    unrecorded: dict[str, int] = field(default_factory=dict)
    """Runs that have recorded nothing, by state."""
    evaluations: int = 0
    blocks: int = 0
    outcomes: int = 0
    signal_blocks: int = 0
    output_blocks: int = 0
    depth_blocks: int = 0
    unchecked: dict[int, int] = field(default_factory=dict)
    """Evaluations without a checksum, by seed: an older tracker has recorded them."""
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    def add(self, problem: Problem) -> None:
        """Count a problem, and keep it if there are not too many."""
        self.problem_count += 1
        if len(self.problems) < self.limit:
            self.problems.append(problem)


def listed(numbers: list[int], most: int = 5) -> str:
    """The first numbers, and how many there are."""
    more = f", ... ({len(numbers)} in all)" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more
