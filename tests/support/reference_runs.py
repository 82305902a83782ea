"""What the views that compare runs and evaluations must say; see `tests.support.reference`."""

from collections import Counter
from itertools import combinations, pairwise

from tests.support.ensembles import Recorded, Story
from tests.support.reference import Row, counted, examples, mean, present

# --- agreement ------------------------------------------------------------------------------------


def voters(story: Story, evaluation: int) -> list[int]:
    """The counted runs whose predicted classes at an evaluation are known."""
    return [run for run in present(story, evaluation) if story.classes_told[run]]


def most_votes(story: Story, example: int, evaluation: int) -> int:
    """[3] Runs that predict the class that most predict."""
    votes = Counter(story.predicted[voters(story, evaluation), example, evaluation].tolist())
    return max(votes.values())


def agreement(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "split": split,
            "example_id": example,
            "position": position,
            "label": int(story.labels[example]),
            "evaluation": e,
            "runs": len(runs),
            "runs_agreeing": most_votes(story, example, e),
            "agreement": most_votes(story, example, e) / len(runs),
        }
        for e in range(story.evaluations)
        if (runs := voters(story, e))
        for split, position, example in examples(story)
    ]


def agreement_histogram(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in range(story.evaluations):
        runs = len(voters(story, e))
        for split, indices in story.split_ranges().items() if runs else ():
            found = Counter(most_votes(story, x, e) for x in indices)
            rows += [
                {
                    "ensemble": story.name,
                    "ensemble_id": recorded.ensemble_id,
                    "split": split,
                    "evaluation": e,
                    "runs": runs,
                    "runs_agreeing": k,
                    "agreement": k / runs,
                    "examples": found[k],
                }
                for k in range(1, runs + 1)
            ]
    return rows


# --- errors ---------------------------------------------------------------------------------------


def error_consistency(recorded: Recorded) -> list[Row]:
    """[17]"""
    story = recorded.story
    rows = []
    for e in range(story.evaluations):
        for a, b in combinations(present(story, e), 2):
            for split, indices in story.split_ranges().items():
                right_a, right_b = (story.correct[run, indices, e] for run in (a, b))
                p1, p2 = float(right_a.mean()), float(right_b.mean())
                observed = float((right_a == right_b).mean())
                expected = p1 * p2 + (1 - p1) * (1 - p2)
                rows.append(
                    {
                        "ensemble": story.name,
                        "ensemble_id": recorded.ensemble_id,
                        "split": split,
                        "evaluation": e,
                        "run_a": recorded.run_ids[a],
                        "run_b": recorded.run_ids[b],
                        "seed_a": a,
                        "seed_b": b,
                        "examples": len(indices),
                        "accuracy_a": p1,
                        "accuracy_b": p2,
                        "observed": observed,
                        "expected": expected,
                        # Chance is everything where both are always right, or both always wrong.
                        "kappa": None
                        if p1 == p2 and p1 in (0, 1)
                        else (observed - expected) / (1 - expected),
                    }
                )
    return rows


def decision_swaps(recorded: Recorded) -> list[Row]:
    """[18], between evaluations that follow each other among those recorded."""
    story = recorded.story
    rows = []
    for run in counted(story):
        for before, e in pairwise(story.recorded[run]):
            for split, indices in story.split_ranges().items():
                pairs = [tuple(story.correct[run, x, [before, e]].tolist()) for x in indices]
                forgotten, learned = pairs.count((True, False)), pairs.count((False, True))
                rows.append(
                    {
                        "ensemble": story.name,
                        "ensemble_id": recorded.ensemble_id,
                        "run_id": recorded.run_ids[run],
                        "seed": run,
                        "split": split,
                        "evaluation": e,
                        "previous_evaluation": before,
                        "swaps": forgotten + learned,
                        "forgotten": forgotten,
                        "learned": learned,
                        "examples": len(indices),
                        "swap_share": (forgotten + learned) / len(indices),
                    }
                )
                for kind, unseen in (("trained_on", False), ("held_out", True)):
                    mine = [one != other for x, (one, other) in zip(indices, pairs, strict=True)
                            if story.unseen[run, x] == unseen]  # fmt: skip
                    rows[-1] |= {
                        f"{kind}_examples": len(mine),
                        f"{kind}_swap_share": mean([float(swap) for swap in mine]),
                    }
    return rows
