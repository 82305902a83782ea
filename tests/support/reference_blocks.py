"""What each building-block view must say of a story; see `tests.support.reference`.

Slices stand here as the counts that they mean.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from tests.support.bits import bitmap
from tests.support.ensembles import Recorded, Story
from tests.support.reference import (
    Row,
    accessibilities,
    accessibility_where,
    alike,
    answers,
    begun,
    changes,
    first_correct,
    last_mistake,
    learned,
    ordinals,
    present,
)
from tests.support.reference_runs import most_votes, voters

HISTORY = ("forgotten", "learned", "first_correct", "last_mistake")
"""What is told of each run's history, as numbers."""

BLOCK = ("ensemble", "ensemble_id", "dataset_id", "block", "split")
"""What names a block of an ensemble."""


def blocks(recorded: Recorded) -> Iterator[tuple[int, range]]:
    """(number, example_ids) of every block: full ones and a rest, split by split."""
    number = 0
    for indices in recorded.story.split_ranges().values():
        for start in range(indices.start, indices.stop, recorded.block_size):
            yield number, range(start, min(start + recorded.block_size, indices.stop))
            number += 1


def split_at(recorded: Recorded, indices: range) -> str:
    """The split of a block's examples."""
    ranges = recorded.story.split_ranges().items()
    [split] = [split for split, whole in ranges if indices.start in whole]
    assert indices[-1] in recorded.story.split_ranges()[split]
    return split


def divides(story: Story, runs: list[int], split: str) -> bool:
    """Has one of these runs a bitmap of what it held out of the split?"""
    if story.held_out is None or split != "train":
        return False
    return bool(story.held_out[runs].any())


def tp_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble_id": recorded.ensemble_id,
            "ensemble": story.name,
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "evaluation": e,
            "runs": len(present(story, e)),
            "correct": [int(story.correct[present(story, e), x, e].sum()) for x in indices],
            "runs_held_out": [len(runs) for runs in unseen] if divided else None,
            "correct_held_out": [
                int(story.correct[runs, x, e].sum())
                for x, runs in zip(indices, unseen, strict=True)
            ]
            if divided
            else None,
        }
        for e in ordinals(story)
        for block, indices in blocks(recorded)
        for unseen in [[alike(story, present(story, e), x, unseen=True) for x in indices]]
        for divided in [divides(story, present(story, e), split_at(recorded, indices))]
    ]


def held_out_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "runs": len(begun(story)),
            "runs_held_out": [len(alike(story, begun(story), x, unseen=True)) for x in indices]
            if divides(story, begun(story), split_at(recorded, indices))
            else None,
        }
        for block, indices in (blocks(recorded) if begun(story) else ())
    ]


def accessibility_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "evaluations": len(ordinals(story)),
            "accessibility": accessibilities(story)[list(indices)].tolist(),
            "divided": divided,
        }
        | {
            f"accessibility_{name}": [accessibility_where(story, x, unseen=unseen) for x in indices]
            if divided
            else None
            for name, unseen in (("trained_on", False), ("held_out", True))
        }
        for block, indices in (blocks(recorded) if ordinals(story) else ())
        for divided in [divides(story, begun(story), split_at(recorded, indices))]
    ]


def agreement_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble_id": recorded.ensemble_id,
            "ensemble": story.name,
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "evaluation": e,
            "runs": len(voters(story, e)),
            "agreeing": [most_votes(story, x, e) for x in indices],
        }
        for e in range(story.evaluations)
        for block, indices in (blocks(recorded) if voters(story, e) else ())
    ]


def agreement_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["evaluation"] % 4} for row in agreement_block(recorded)]


def history_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for run in begun(story):
        for block, indices in blocks(recorded):
            histories = [answers(story, run, x) for x in indices]
            # Digits that make a number above every ordinal: that one is for "at none".
            planes = next(p for p in count() if 2**p - 1 > ordinals(story)[-1])
            never = 2**planes - 1
            epochs = [learned(history) for history in histories]
            firsts = [first_correct(history) for history in histories]
            rows.append(
                {
                    "ensemble_id": recorded.ensemble_id,
                    "ensemble": story.name,
                    "dataset_id": recorded.dataset_id,
                    "run_id": recorded.run_ids[run],
                    "seed": run,
                    "block": block,
                    "split": split_at(recorded, indices),
                    "evaluations": len(story.recorded[run]),
                    "last_evaluation": max(story.recorded[run]),
                    "planes": planes,
                    "forgotten": [changes(history, True) for history in histories],
                    "learned": [never if e is None else e for e in epochs],
                    "first_correct": [never if e is None else e for e in firsts],
                    "last_mistake": [last_mistake(history) for history in histories],
                    "ever": bitmap([e is not None for e in firsts]),
                    "at_first": bitmap([history[0][1] for history in histories]),
                    "at_last": bitmap([history[-1][1] for history in histories]),
                }
            )
    return rows


def learned_of(histories: list[Row], members: NDArray[np.bool_]) -> Row:
    """Rows of history_block of one block added up; `members` [runs, X] count."""
    told = {name: np.array([row[name] for row in histories]) for name in HISTORY}
    at_last = members & [[bit == "1" for bit in row["at_last"]] for row in histories]
    ever = members & [[bit == "1" for bit in row["ever"]] for row in histories]
    middles = []
    for mine, epochs in zip(members.T, told["learned"].T, strict=True):
        ordered = np.sort(epochs[mine])
        n = len(ordered)
        middles.append((int(ordered[(n - 1) // 2]), int(ordered[n // 2])) if n else (0, 0))
    return {
        "learned_runs": at_last.sum(axis=0).tolist(),
        "met_runs": ever.sum(axis=0).tolist(),
        "learned": np.where(at_last, told["learned"], 0).sum(axis=0).tolist(),
        "lower_median": [lower for lower, _ in middles],
        "upper_median": [upper for _, upper in middles],
        "first_correct": np.where(ever, told["first_correct"], 0).sum(axis=0).tolist(),
        "last_mistake": np.where(members, told["last_mistake"], 0).sum(axis=0).tolist(),
        "forgotten": np.where(members, told["forgotten"], 0).sum(axis=0).tolist(),
    }


def learned_block(recorded: Recorded) -> list[Row]:
    rows = []
    for block, indices in blocks(recorded) if begun(recorded.story) else ():
        runs = [row for row in history_block(recorded) if row["block"] == block]
        everyone = np.ones((len(runs), len(indices)), dtype=bool)
        rows.append(
            {name: runs[0][name] for name in BLOCK}
            | {"runs": len(runs)}
            | learned_of(runs, everyone)
        )
    return rows


def learned_held_out_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for block, indices in blocks(recorded) if begun(story) else ():
        runs = [row for row in history_block(recorded) if row["block"] == block]
        unseen = story.unseen[begun(story)][:, list(indices)]
        for held_out in (False, True):
            members = unseen if held_out else ~unseen
            if not members.any():
                continue
            rows.append(
                {name: runs[0][name] for name in BLOCK}
                | {"held_out": held_out, "runs": members.sum(axis=0).tolist()}
                | learned_of(runs, members)
            )
    return rows


def history_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["run_id"] % 4} for row in history_block(recorded)]
