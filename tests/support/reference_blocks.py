"""What each building-block view must say of a story; see `tests.support.reference`.

Slices stand here as the counts that they mean.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np

from tests.support.bits import bitmap
from tests.support.ensembles import Recorded
from tests.support.reference import (
    Row,
    accessibilities,
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
        }
        for e in ordinals(story)
        for block, indices in blocks(recorded)
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
        }
        for block, indices in (blocks(recorded) if ordinals(story) else ())
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


def learned_block(recorded: Recorded) -> list[Row]:
    rows = []
    for block, indices in blocks(recorded) if begun(recorded.story) else ():
        runs = [row for row in history_block(recorded) if row["block"] == block]
        never = 2 ** runs[0]["planes"] - 1
        told = {name: np.array([row[name] for row in runs]) for name in HISTORY}
        at_last = np.array([[bit == "1" for bit in row["at_last"]] for row in runs])
        ever = np.array([[bit == "1" for bit in row["ever"]] for row in runs])
        middle = np.sort(told["learned"], axis=0)
        assert (told["learned"][~at_last] == never).all()
        rows.append(
            {name: runs[0][name] for name in BLOCK}
            | {
                "runs": len(runs),
                "learned_runs": at_last.sum(axis=0).tolist(),
                "met_runs": ever.sum(axis=0).tolist(),
                "learned": np.where(at_last, told["learned"], 0).sum(axis=0).tolist(),
                "lower_median": middle[(len(runs) - 1) // 2].tolist(),
                "upper_median": middle[len(runs) // 2].tolist(),
                "first_correct": np.where(ever, told["first_correct"], 0).sum(axis=0).tolist(),
                "last_mistake": told["last_mistake"].sum(axis=0).tolist(),
                "forgotten": told["forgotten"].sum(axis=0).tolist(),
            }
        )
        assert len(rows[-1]["learned"]) == len(indices)
    return rows


def history_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["run_id"] % 4} for row in history_block(recorded)]
