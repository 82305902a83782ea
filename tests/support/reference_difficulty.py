"""What the views on difficulty within one ensemble must say; see `tests.support.reference`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.support.bits import bitmap
from tests.support.ensembles import Recorded, Story
from tests.support.reference import (
    Row,
    accessibilities,
    accessibility_where,
    accuracy,
    accuracy_where,
    alike,
    answers,
    begun,
    changes,
    examples,
    mean,
    ordinals,
    poisson_binomial,
    present,
)
from tests.support.reference_blocks import blocks, split_at
from tests.support.reference_runs import voters


def names(recorded: Recorded) -> Row:
    """The columns that say which ensemble."""
    return {"ensemble": recorded.story.name, "ensemble_id": recorded.ensemble_id}


def place(story: Story, split: str, position: int, example: int) -> Row:
    """The columns that say which example."""
    return {
        "split": split,
        "example_id": example,
        "position": position,
        "label": int(story.labels[example]),
    }


# --- consensus ------------------------------------------------------------------------------------


def final(story: Story, run: int) -> int:
    """The last evaluation that a run has recorded."""
    return max(story.recorded[run])


def winner(votes: Counter[int], label: int) -> int:
    """[13] The class with most votes; of a tie the label if among the tied, else the lowest."""
    tied = [k for k in votes if votes[k] == max(votes.values())]
    return label if label in tied else min(tied)


def entropy(votes: Counter[int]) -> float:
    """[15] In nats."""
    shares = [count / votes.total() for count in votes.values()]
    return -sum(share * log(share) for share in shares)


def last_votes(story: Story, runs: Sequence[int], example: int) -> Counter[int]:
    """How many of these runs predict each class in the end, of those whose classes are known."""
    told = [run for run in runs if story.classes_told[run]]
    return Counter(int(story.predicted[run, example, final(story, run)]) for run in told)


def final_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    planes = max(1, (story.num_classes - 1).bit_length())
    return [
        names(recorded)
        | {
            "dataset_id": recorded.dataset_id,
            "run_id": recorded.run_ids[run],
            "seed": run,
            "block": block,
            "split": split_at(recorded, indices),
            "evaluation": final(story, run),
            "correct": bitmap(story.correct[run, indices, final(story, run)]),
            "predicted": [
                bitmap(story.predicted[run, indices, final(story, run)] >> plane & 1)
                for plane in range(planes)
            ]
            if story.classes_told[run]
            else None,
            "everyone": "1" * len(indices),
            "held_out": bitmap(story.unseen[run, indices]),
        }
        for run in begun(story)
        for block, indices in blocks(recorded)
    ]


def consensus(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for split, position, example in examples(story):
        votes = last_votes(story, begun(story), example)
        if not votes:
            continue
        label = int(story.labels[example])
        top = winner(votes, label)
        rows.append(
            names(recorded)
            | place(story, split, position, example)
            | {
                "runs": votes.total(),
                "consensus_class": top,
                "consensus_share": votes[top] / votes.total(),
                "label_share": votes[label] / votes.total(),
                "prediction_entropy": entropy(votes),
            }
        )
    return rows


def consensus_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for block, indices in blocks(recorded):
        votes = [last_votes(story, begun(story), example) for example in indices]
        if not votes[0]:
            continue
        labels = [int(story.labels[example]) for example in indices]
        tops = [winner(told, label) for told, label in zip(votes, labels, strict=True)]
        rows.append(
            names(recorded)
            | {
                "dataset_id": recorded.dataset_id,
                "block": block,
                "split": split_at(recorded, indices),
                "runs": votes[0].total(),
                "correct": [told[label] for told, label in zip(votes, labels, strict=True)],
                "consensus_class": tops,
                "votes": [told[top] for told, top in zip(votes, tops, strict=True)],
                "prediction_entropy": [entropy(told) for told in votes],
            }
        )
    return rows


def consistency(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for split, position, example in examples(story) if begun(story) else ():
        runs = [run for run in begun(story) if story.unseen[run, example]]
        votes = last_votes(story, runs, example)
        top = winner(votes, int(story.labels[example])) if votes else None
        rows.append(
            names(recorded)
            | place(story, split, position, example)
            | {
                "runs_held_out": len(runs),
                # [12]
                "consistency": mean(
                    [float(story.correct[run, example, final(story, run)]) for run in runs]
                ),
                "consensus_class": top,
                # [14]
                "consensus_consistency": votes[top] / votes.total() if top is not None else None,
                "prediction_entropy": entropy(votes) if votes else None,
            }
        )
    return rows


# --- trivial and impossible -----------------------------------------------------------------------


def difficulty_of(story: Story, runs: Sequence[int], example: int, evaluation: int) -> str | None:
    """[16] of an example in these runs, if there are any."""
    rights = story.correct[list(runs), example, evaluation]
    return difficulty(int(rights.sum()), len(runs)) if runs else None


def difficulty(right: int, runs: int, tolerance: int = 0) -> str:
    """[16]"""
    if right >= runs - tolerance:
        return "trivial"
    return "impossible" if right <= tolerance else "in between"


def dichotomy(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        names(recorded)
        | place(story, split, position, example)
        | {
            "evaluation": e,
            "runs": len(runs),
            "runs_correct": int(story.correct[runs, example, e].sum()),
            "difficulty": difficulty_of(story, runs, example, e),
            "runs_held_out": len(unseen),
            "runs_correct_held_out": int(story.correct[unseen, example, e].sum()),
            "difficulty_trained_on": difficulty_of(
                story, alike(story, runs, example, unseen=False), example, e
            ),
            "difficulty_held_out": difficulty_of(story, unseen, example, e),
        }
        for e in ordinals(story)
        for runs in [present(story, e)]
        for split, position, example in examples(story)
        for unseen in [alike(story, runs, example, unseen=True)]
    ]


def dichotomy_summary(recorded: Recorded, tolerance: int = 0) -> list[Row]:
    story = recorded.story
    rows = []
    for e in ordinals(story):
        runs = present(story, e)
        if len(runs) <= 2 * tolerance:
            continue
        for split, indices in story.split_ranges().items():
            rights = story.correct[runs][:, indices, e].sum(axis=0)
            found = Counter(difficulty(int(k), len(runs), tolerance) for k in rights)
            mass = poisson_binomial([accuracy(story, run, e, indices) for run in runs])
            expected = {"trivial": 0.0, "in between": 0.0, "impossible": 0.0}
            for k, probability in enumerate(mass):
                expected[difficulty(k, len(runs), tolerance)] += float(probability)
            row = names(recorded) | {
                "split": split,
                "evaluation": e,
                "runs": len(runs),
                "examples": len(indices),
            }
            for kind, share in expected.items():
                column = kind.replace(" ", "_")
                row[column] = found[kind]
                row[f"{column}_share"] = found[kind] / len(indices)
                row[f"null_{column}_share"] = share
            rows.append(row)
    return rows


# --- curves ---------------------------------------------------------------------------------------


def deciles(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """1 for the lowest tenth to 10 for the highest, equals in order of position, [X]."""
    order = np.argsort(scores.round(12), kind="stable")
    bands = np.empty(len(scores), dtype=np.int64)
    for band, part in enumerate(np.array_split(order, 10), start=1):
        bands[part] = band
    return bands


def curves(story: Story, indices: range, bands: NDArray[np.int64]) -> Iterator[Row]:
    """[9] of one split, whose examples are in these bands."""
    for band in sorted({0, *bands.tolist()} - {-1}):
        members = [x for x, of in zip(indices, bands, strict=True) if band in (0, of)]
        for e in ordinals(story):
            runs = present(story, e)
            once, now, ever_after = [], [], []
            for run in runs:
                for x in members:
                    history = answers(story, run, x)
                    once.append(any(right for at, right in history if at <= e))
                    now.append(dict(history)[e])
                    ever_after.append(all(right for at, right in history if at >= e))
            yield {
                "band": band,
                "evaluation": e,
                "runs": len(runs),
                "examples": len(members),
                "first_correct": mean(once),
                "accuracy": mean(now),
                "last_mistake": mean(ever_after),
            }


def first_correct_last_mistake(recorded: Recorded) -> list[Row]:
    story = recorded.story
    if not ordinals(story):
        return []
    return [
        names(recorded) | {"split": split} | row
        for split, indices in story.split_ranges().items()
        for row in curves(story, indices, deciles(accessibilities(story)[list(indices)]))
    ]


# --- pairs of runs --------------------------------------------------------------------------------


def run_pair(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        names(recorded)
        | {
            "split": split,
            "evaluation": e,
            "run_a": recorded.run_ids[a],
            "run_b": recorded.run_ids[b],
            "seed_a": a,
            "seed_b": b,
            "examples": len(indices),
            "correct_a": int(story.correct[a, indices, e].sum()),
            "correct_b": int(story.correct[b, indices, e].sum()),
            "both_correct": int((story.correct[a] & story.correct[b])[indices, e].sum()),
        }
        for e in ordinals(story)
        for a, b in combinations(present(story, e), 2)
        for split, indices in story.split_ranges().items()
    ]


def kappa(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> Row:
    """[17] of two runs, right or wrong about the same examples, [X] each."""
    nothing = dict.fromkeys(("accuracy_a", "accuracy_b", "observed", "expected", "kappa"))
    if len(right_a) == 0:
        return nothing
    p1, p2 = float(right_a.mean()), float(right_b.mean())
    observed = float((right_a == right_b).mean())
    expected = p1 * p2 + (1 - p1) * (1 - p2)
    return {
        "accuracy_a": p1,
        "accuracy_b": p2,
        "observed": observed,
        "expected": expected,
        "kappa": None if p1 == p2 and p1 in (0, 1) else (observed - expected) / (1 - expected),
    }


def error_consistency_in_between(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in ordinals(story):
        rights = story.correct[present(story, e), :, e].sum(axis=0)
        kept = (rights > 0) & (rights < len(present(story, e)))
        for a, b in combinations(present(story, e), 2):
            for split, indices in story.split_ranges().items():
                members = [x for x in indices if kept[x]]
                rows.append(
                    names(recorded)
                    | {
                        "split": split,
                        "evaluation": e,
                        "run_a": recorded.run_ids[a],
                        "run_b": recorded.run_ids[b],
                        "seed_a": a,
                        "seed_b": b,
                        "examples": len(members),
                    }
                    | kappa(story.correct[a, members, e], story.correct[b, members, e])
                )
    return rows


# --- classes --------------------------------------------------------------------------------------


def class_ranks(scores: dict[int, float] | dict[int, Fraction]) -> dict[int, int]:
    """Place by falling score, equals sharing the best one."""
    places = stats.rankdata([-round(float(score), 12) for score in scores.values()], "min")
    return dict(zip(scores, places.astype(int).tolist(), strict=True))


def members_of_classes(story: Story, indices: range) -> dict[int, list[int]]:
    """The examples of each class that occurs."""
    found: dict[int, list[int]] = {}
    for x in indices:
        found.setdefault(int(story.labels[x]), []).append(x)
    return found


def class_difficulty(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for split, indices in story.split_ranges().items() if begun(story) else ():
        classes = members_of_classes(story, indices)
        scores = {k: float(accessibilities(story)[xs].mean()) for k, xs in classes.items()}
        for k, xs in classes.items():
            histories = [answers(story, run, x) for run in begun(story) for x in xs]
            rows.append(
                names(recorded)
                | {
                    "split": split,
                    "class": k,
                    "class_name": f"class {k}",
                    "examples": len(xs),
                    "accessibility": scores[k],
                    "accuracy": mean([history[-1][1] for history in histories]),
                    "forgetting_events": mean([changes(history, True) for history in histories]),
                    "rank": class_ranks(scores)[k],
                }
                | {
                    f"accessibility_{name}": mean(
                        [
                            score
                            for x in xs
                            if (score := accessibility_where(story, x, unseen=unseen)) is not None
                        ]
                    )
                    for name, unseen in (("trained_on", False), ("held_out", True))
                }
            )
    return rows


def class_order(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in ordinals(story):
        runs = present(story, e)
        for split, indices in story.split_ranges().items():
            classes = members_of_classes(story, indices)
            scores = {
                k: Fraction(int(story.correct[runs][:, xs, e].sum()), len(runs) * len(xs))
                for k, xs in classes.items()
            }
            rows += [
                names(recorded)
                | {
                    "split": split,
                    "class": k,
                    "class_name": f"class {k}",
                    "evaluation": e,
                    "runs": len(runs),
                    "examples": len(xs),
                    "tp_agreement": float(scores[k]),
                    "rank": class_ranks(scores)[k],
                    "tp_agreement_trained_on": accuracy_where(story, runs, e, xs, unseen=False),
                    "tp_agreement_held_out": accuracy_where(story, runs, e, xs, unseen=True),
                }
                for k, xs in classes.items()
            ]
    return rows


def votes_at(story: Story, example: int, evaluation: int) -> Counter[int]:
    """How many runs predict each class at an evaluation."""
    runs = voters(story, evaluation)
    return Counter(story.predicted[runs, example, evaluation].tolist())


def class_vote_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in range(story.evaluations):
        for block, indices in blocks(recorded):
            votes = [votes_at(story, x, e) for x in indices]
            rows += [
                names(recorded)
                | {
                    "dataset_id": recorded.dataset_id,
                    "block": block,
                    "split": split_at(recorded, indices),
                    "evaluation": e,
                    "runs": len(voters(story, e)),
                    "class": k,
                    "votes": [of_example[k] for of_example in votes],
                }
                for k in sorted(set().union(*votes))
            ]
    return rows


def class_vote_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["evaluation"] % 4} for row in class_vote_block(recorded)]


def induced_class(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for split, position, example in examples(story):
        votes: Counter[int] = Counter()
        for e in range(story.evaluations):
            votes += votes_at(story, example, e)
        if not votes:
            continue
        top = winner(votes, int(story.labels[example]))
        rows.append(
            names(recorded)
            | place(story, split, position, example)
            | {
                "predictions": votes.total(),
                "induced_class": top,
                "induced_share": votes[top] / votes.total(),
            }
        )
    return rows
