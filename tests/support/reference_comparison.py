"""What the views that compare ensembles with each other and with chance must say.

See `tests.support.reference`. Views of two ensembles have references of two stories.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from itertools import count
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.support import reference, reference_runs
from tests.support.bits import bitmap
from tests.support.ensembles import Recorded, Story
from tests.support.reference import (
    Row,
    accessibilities,
    accuracy,
    accuracy_where,
    alike,
    answers,
    begun,
    examples,
    learned,
    mean,
    ordinals,
    present,
)
from tests.support.reference_blocks import blocks, split_at
from tests.support.reference_runs import most_votes, voters

# --- the null model of agreement ------------------------------------------------------------------


@cache
def no_box_above(most: int, balls: int, boxes: int) -> NDArray[np.float64]:
    """Probability that none of so many boxes gets more than `most` of 0 .. `balls` balls.

    Box by box, in halves: how many balls fall into the one half is binomial.
    """
    if boxes < 2:
        return (np.arange(balls + 1) <= (most if boxes else 0)).astype(float)
    half = boxes // 2
    one, other = (no_box_above(most, balls, part) for part in (half, boxes - half))
    return np.array(
        [
            (stats.binom.pmf(np.arange(n + 1), n, half / boxes) * one[: n + 1] * other[n::-1]).sum()
            for n in range(balls + 1)
        ]
    )


def agreement_mass(accuracies: list[float], num_classes: int) -> NDArray[np.float64]:
    """[5] Distribution of the most votes of independent runs, for 0 .. all of them.

    Wrong answers are any of the other classes.
    """
    runs = len(accuracies)
    right = reference.poisson_binomial(accuracies)
    up_to = [
        sum(right[c] * no_box_above(most, runs, num_classes - 1)[runs - c] for c in range(most + 1))
        for most in range(runs + 1)
    ]
    return np.diff(up_to, prepend=0)


def null_agreement(story: Story, evaluation: int, indices: range) -> NDArray[np.float64]:
    rates = [accuracy(story, run, evaluation, indices) for run in voters(story, evaluation)]
    return agreement_mass(rates, story.num_classes)


def agreement_histogram(recorded: Recorded) -> list[Row]:
    story = recorded.story
    ranges = story.split_ranges()
    rows = []
    for row in reference_runs.agreement_histogram(recorded):
        indices = ranges[row["split"]]
        mass = null_agreement(story, row["evaluation"], indices)
        rows.append(row | {"null_examples": float(mass[row["runs_agreeing"]] * len(indices))})
    return rows


def agreement_bimodality(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in range(story.evaluations):
        runs = len(voters(story, e))
        for split, indices in story.split_ranges().items() if runs else ():
            scores = np.array([most_votes(story, x, e) for x in indices]) / runs
            mass = null_agreement(story, e, indices)
            rows.append(
                {
                    "ensemble": story.name,
                    "ensemble_id": recorded.ensemble_id,
                    "split": split,
                    "evaluation": e,
                    "runs": runs,
                    "agreement": float(scores.mean()),
                    "null_agreement": float((mass * np.arange(runs + 1)).sum() / runs),
                    "bimodality": reference.bimodality_of(scores),
                    "null_bimodality": reference.bimodality_of_distribution(mass, runs),
                }
            )
    return rows


def bimodality(recorded: Recorded) -> list[Row]:
    known = {(row["split"], row["evaluation"]): row for row in agreement_bimodality(recorded)}
    rows = []
    for row in reference.bimodality(recorded):
        same = known.get((row["split"], row["evaluation"]), {})
        rows.append(
            row
            | {
                "agreement": same.get("agreement"),
                "null_agreement": same.get("null_agreement"),
                "agreement_bimodality": same.get("bimodality"),
                "null_agreement_bimodality": same.get("null_bimodality"),
            }
        )
    return rows


# --- one ensemble ---------------------------------------------------------------------------------


def mean_accuracy(story: Story, evaluation: int, indices: range) -> Fraction:
    """Mean over the runs, exactly."""
    right = story.correct[present(story, evaluation)][:, indices, evaluation]
    return Fraction(int(right.sum()), right.size)


def split_of(story: Story, example: int) -> tuple[str, range]:
    return next((s, found) for s, found in story.split_ranges().items() if example in found)


def ensemble_accuracy(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "dataset_id": recorded.dataset_id,
            "split": split,
            "evaluation": e,
            "runs": len(present(story, e)),
            "accuracy": float(mean_accuracy(story, e, indices)),
            "trained_on_accuracy": accuracy_where(
                story, present(story, e), e, indices, unseen=False
            ),
            "held_out_accuracy": accuracy_where(story, present(story, e), e, indices, unseen=True),
        }
        for e in ordinals(story)
        for split, indices in story.split_ranges().items()
    ]


def easiest(story: Story, evaluation: int) -> NDArray[np.bool_]:
    """[23] Tp-agreement above 0.9, [X]."""
    right = story.correct[present(story, evaluation), :, evaluation]
    return 10 * right.sum(axis=0) > 9 * len(right)


def comparison_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in ordinals(story):
        for block, indices in blocks(recorded):
            split, whole = split_of(story, indices.start)
            rows.append(
                {
                    "ensemble_id": recorded.ensemble_id,
                    "ensemble": story.name,
                    "dataset_id": recorded.dataset_id,
                    "block": block,
                    "evaluation": e,
                    "split": split,
                    "size": len(indices),
                    "runs": len(present(story, e)),
                    "accuracy": float(mean_accuracy(story, e, whole)),
                    "correct": [int(story.correct[present(story, e), x, e].sum()) for x in indices],
                    "easiest": bitmap(easiest(story, e)[list(indices)]),
                }
            )
    return rows


def majority_right(story: Story, evaluation: int) -> NDArray[np.bool_]:
    """[20] Is the class with most votes the label? A tie goes to the label, as in [13]; [X]."""
    verdicts = []
    for x, label in enumerate(story.labels.tolist()):
        votes = Counter(story.predicted[voters(story, evaluation), x, evaluation].tolist())
        verdicts.append(votes[label] == max(votes.values()))
    return np.array(verdicts)


def majority_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in ordinals(story):
        for block, indices in blocks(recorded) if voters(story, e) else ():
            right = story.correct[present(story, e)][:, indices, e]
            rows.append(
                {
                    "ensemble_id": recorded.ensemble_id,
                    "ensemble": story.name,
                    "dataset_id": recorded.dataset_id,
                    "block": block,
                    "evaluation": e,
                    "split": split_of(story, indices.start)[0],
                    "size": len(indices),
                    "runs": len(present(story, e)),
                    "voters": len(voters(story, e)),
                    "right_answers": int(right.sum()),
                    "correct": bitmap(majority_right(story, e)[list(indices)]),
                }
            )
    return rows


def majority_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["evaluation"] % 4} for row in majority_block(recorded)]


def converged(story: Story, run: int, example: int) -> int:
    """[8] Smallest t from which on the prediction equals the final one; 0 if always."""
    told = list(story.recorded[run])
    classes = story.predicted[run, example, told].tolist()
    start = next(i for i in range(len(told)) if len(set(classes[i:])) == 1)
    return told[start] if start else 0


def tellers(story: Story) -> list[int]:
    """The counted runs with an evaluation of which the classes are known."""
    return [run for run in begun(story) if story.classes_told[run]]


def convergence_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble_id": recorded.ensemble_id,
            "ensemble": story.name,
            "dataset_id": recorded.dataset_id,
            "run_id": recorded.run_ids[run],
            "seed": run,
            "block": block,
            "split": split_at(recorded, indices),
            "evaluations": len(story.recorded[run]),
            "planes": next(p for p in count(1) if 2**p > ordinals(story)[-1]),
            "converged": [converged(story, run, x) for x in indices],
        }
        for run in tellers(story)
        for block, indices in blocks(recorded)
    ]


def convergence_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["run_id"] % 4} for row in convergence_block(recorded)]


def convergence(recorded: Recorded) -> list[Row]:
    story = recorded.story
    runs = tellers(story)
    if not runs:
        return []
    epochs = np.array([[converged(story, run, x) for _, _, x in examples(story)] for run in runs])
    scale = float(np.percentile(epochs, 95))
    means = epochs.mean(axis=0)
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "split": split,
            "example_id": example,
            "position": position,
            "label": int(story.labels[example]),
            "runs": len(runs),
            "mean_converged": float(means[example]),
            "rescaled": float(means[example]) / scale if scale else None,
            "runs_held_out": len(alike(story, runs, example, unseen=True)),
        }
        | {
            f"mean_converged_{kind}": mean(
                [
                    float(converged(story, run, example))
                    for run in alike(story, runs, example, unseen=unseen)
                ]
            )
            for kind, unseen in (("trained_on", False), ("held_out", True))
        }
        for split, position, example in examples(story)
    ]


def median_interval(pairs: int, confidence: float = 0.95) -> tuple[int, int] | None:
    """Ranks of the order statistics around the median: the innermost that cover enough."""
    below = np.cumsum([comb(pairs, heads) for heads in range(pairs + 1)]) if pairs < 60 else None
    for rank in range(pairs // 2 + 1, 0, -1):
        tail = (
            float(below[rank - 1]) / 2**pairs
            if below is not None
            else float(stats.binom.cdf(rank - 1, pairs, 0.5))
        )
        if tail <= (1 - confidence) / 2:
            return rank, pairs + 1 - rank
    return None


def learning_by_band(recorded: Recorded) -> list[Row]:
    """Hacohen 2020 Fig. 6."""
    story = recorded.story
    runs = begun(story)
    rows = []
    for split, indices in story.split_ranges().items() if runs else ():
        scores = accessibilities(story).round(12)
        order = sorted(indices, key=lambda x: (-scores[x], x))
        for band, members in enumerate(np.array_split(order, min(20, len(order))), start=1):
            epochs = sorted(
                np.inf if (e := learned(answers(story, run, x))) is None else e
                for run in runs
                for x in members
            )
            interval = median_interval(len(epochs))
            low, high = [epochs[rank - 1] for rank in interval] if interval else [np.inf] * 2
            rows.append(
                {
                    "ensemble": story.name,
                    "ensemble_id": recorded.ensemble_id,
                    "split": split,
                    "band": band,
                    "examples": len(members),
                    "runs": len(runs),
                    "highest_accessibility": float(max(scores[members])),
                    "lowest_accessibility": float(min(scores[members])),
                    "median_learned": finite(
                        (epochs[(len(epochs) - 1) // 2] + epochs[len(epochs) // 2]) / 2
                    ),
                    "median_low": None if low == np.inf else int(low),
                    "median_high": None if high == np.inf else int(high),
                    "pairs": len(epochs),
                    "pairs_not_learned": sum(e == np.inf for e in epochs),
                }
            )
    return rows


def finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# --- two ensembles --------------------------------------------------------------------------------


def names(a: Recorded, b: Recorded, split: str) -> Row:
    return {
        "ensemble_a": a.story.name,
        "ensemble_a_id": a.ensemble_id,
        "ensemble_b": b.story.name,
        "ensemble_b_id": b.ensemble_id,
        "split": split,
    }


def evaluation_pairs(a: Recorded, b: Recorded) -> Iterator[tuple[Row, range, Fraction, Fraction]]:
    """The key, the examples and both mean accuracies of every two evaluations."""
    for split, indices in a.story.split_ranges().items():
        for e in ordinals(a.story):
            for f in ordinals(b.story):
                key = names(a, b, split) | {"evaluation_a": e, "evaluation_b": f}
                accuracy_a = mean_accuracy(a.story, e, indices)
                yield key, indices, accuracy_a, mean_accuracy(b.story, f, indices)


def match(one: Fraction, other: Fraction) -> bool:
    """[19]"""
    return abs(one - other) <= Fraction(1, 100)


def matched_evaluations(a: Recorded, b: Recorded) -> list[Row]:
    return [
        key
        | {
            "runs_a": len(present(a.story, key["evaluation_a"])),
            "runs_b": len(present(b.story, key["evaluation_b"])),
            "accuracy_a": float(one),
            "accuracy_b": float(other),
        }
        for key, _, one, other in evaluation_pairs(a, b)
        if match(one, other)
    ]


def correlation(
    method: Callable[..., object], one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """[22] r and p; None without variance, p for fewer than 3."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None, None
    r, p = method(one, other)  # type: ignore[misc]
    return float(r), float(p) if len(one) > 2 else None


def order_correlation(a: Recorded, b: Recorded) -> list[Row]:
    rows = []
    if not ordinals(a.story) or not ordinals(b.story):
        return []
    for split, indices in a.story.split_ranges().items():
        scores = [accessibilities(one.story).round(12)[list(indices)] for one in (a, b)]
        pearson, pearson_p = correlation(stats.pearsonr, *scores)
        ranks = [stats.rankdata(score) for score in scores]
        spearman, spearman_p = correlation(stats.pearsonr, *ranks)
        rows.append(
            names(a, b, split)
            | {
                "examples": len(indices),
                "pearson": pearson,
                "pearson_p": pearson_p,
                "spearman": spearman,
                "spearman_p": spearman_p,
            }
        )
    return rows


def majority_pair(a: Recorded, b: Recorded) -> list[Row]:
    """[20] at any evaluations."""
    rows = []
    for key, indices, one, other in evaluation_pairs(a, b):
        e, f = key["evaluation_a"], key["evaluation_b"]
        if not voters(a.story, e) or not voters(b.story, f):
            continue
        pairs = list(
            zip(
                majority_right(a.story, e)[list(indices)].tolist(),
                majority_right(b.story, f)[list(indices)].tolist(),
                strict=True,
            )
        )
        rows.append(
            key
            | {
                "accuracy_a": float(one),
                "accuracy_b": float(other),
                "examples": len(indices),
                "both_right": pairs.count((True, True)),
                "only_a": pairs.count((True, False)),
                "only_b": pairs.count((False, True)),
                "neither": pairs.count((False, False)),
            }
        )
    return rows


def both_or_only(a: Recorded, b: Recorded) -> list[Row]:
    """[20]"""
    keys = [tuple(row.values())[:7] for row in matched_evaluations(a, b)]
    return [row for row in majority_pair(a, b) if tuple(row.values())[:7] in keys]


def easiest_overlap(a: Recorded, b: Recorded) -> list[Row]:
    """[23]"""
    rows = []
    for key, indices, one, other in evaluation_pairs(a, b):
        first = {x for x in indices if easiest(a.story, key["evaluation_a"])[x]}
        second = {x for x in indices if easiest(b.story, key["evaluation_b"])[x]}
        rows.append(
            key
            | {
                "accuracy_a": float(one),
                "accuracy_b": float(other),
                "examples": len(indices),
                "easiest_a": len(first),
                "easiest_b": len(second),
                "shared": len(first & second),
                "jaccard": len(first & second) / len(first | second) if first | second else None,
                "expected": len(first) * len(second) / len(indices),
            }
        )
    return rows


def merged_right(a: Recorded, b: Recorded, key: Row) -> tuple[NDArray[np.int64], int]:
    """How many runs of both are right about each example, [X], and how many runs there are."""
    e, f = key["evaluation_a"], key["evaluation_b"]
    first = a.story.correct[present(a.story, e), :, e]
    second = b.story.correct[present(b.story, f), :, f]
    merged = np.concatenate([first, second])
    return merged.sum(axis=0), len(merged)


def cross_consistency_histogram(a: Recorded, b: Recorded) -> list[Row]:
    """[21]"""
    rows = []
    for key, indices, one, other in evaluation_pairs(a, b):
        counts, runs = merged_right(a, b, key)
        rows += [
            key
            | {
                "runs": runs,
                "runs_correct": k,
                "cross_consistency": k / runs,
                "examples": int((counts[list(indices)] == k).sum()),
            }
            for k in (range(runs + 1) if match(one, other) else ())
        ]
    return rows


def cross_consistency(a: Recorded, b: Recorded) -> list[Row]:
    rows = []
    for key, indices, one, other in evaluation_pairs(a, b):
        if match(one, other):
            counts, runs = merged_right(a, b, key)
            scores = counts[list(indices)] / runs
            rows.append(
                key
                | {
                    "runs": runs,
                    "cross_consistency": float(scores.mean()),
                    "bimodality": reference.bimodality_of(scores),
                }
            )
    return rows
