"""What views with a row for runs that trained on an example and one for the others must say.

See `tests.support.reference`.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from tests.support.bits import bitmap
from tests.support.ensembles import Recorded
from tests.support.reference import (
    Row,
    accessibility_where,
    alike,
    begun,
    counted,
    examples,
    learning,
    present,
)
from tests.support.reference_blocks import blocks, divides, split_at
from tests.support.reference_difficulty import names, place
from tests.support.reference_runs import voters
from tests.support.reference_scores import deviations, means, stored


def kinds(recorded: Recorded, runs: list[int]) -> Iterator[tuple[int, list[int], Row]]:
    """(example, runs of the kind, columns that name both) wherever there are such runs."""
    story = recorded.story
    for split, position, example in examples(story):
        for held_out in (False, True):
            mine = alike(story, runs, example, unseen=held_out)
            where = names(recorded) | place(story, split, position, example)
            if mine:
                yield example, mine, where | {"held_out": held_out, "runs": len(mine)}


def run_side(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for run in counted(story):
        # Of a run that never began nothing is stored.
        stored_of = [] if story.states[run] == "queued" and not story.recorded[run] else [run]
        for block, indices in blocks(recorded):
            split = split_at(recorded, indices)
            unseen = story.unseen[run, list(indices)]
            apart = divides(story, stored_of, split)
            rows += [
                names(recorded)
                | {
                    "dataset_id": recorded.dataset_id,
                    "run_id": recorded.run_ids[run],
                    "block": block,
                    "split": split,
                    "held_out": held_out,
                    "members": bitmap(unseen == held_out) if apart else None,
                }
                for held_out in (False, True)
                if apart or held_out == (split != "train")
            ]
    return rows


def learning_by_held_out(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        row
        | learning(story, runs, example)
        | {"accessibility": accessibility_where(story, example, unseen=row["held_out"])}
        for example, runs, row in kinds(recorded, begun(story))
    ]


def agreement_by_held_out(recorded: Recorded) -> list[Row]:
    """[3]"""
    story = recorded.story
    rows = []
    for e in range(story.evaluations):
        for example, runs, row in kinds(recorded, voters(story, e)):
            most = max(Counter(story.predicted[runs, example, e].tolist()).values())
            told = {"evaluation": e, "runs_agreeing": most, "agreement": most / len(runs)}
            rows.append(row | told)
    return rows


def signal_by_held_out(recorded: Recorded) -> list[Row]:
    """[26], [27]"""
    story = recorded.story
    everything = range(len(story.labels))
    rows = []
    for signal in story.signals if begun(story) else ():
        mean = stored(means(story, signal, everything))
        deviation = stored(deviations(story, signal, everything))
        for example, runs, row in kinds(recorded, begun(story)):
            at = [begun(story).index(run) for run in runs]
            rows.append(
                row
                | {
                    "signal": signal,
                    "mean": float(mean[at, example].mean()),
                    "deviation": float(deviation[at, example].mean()),
                }
            )
    return rows


def el2n_by_held_out(recorded: Recorded) -> list[Row]:
    """[28]"""
    story = recorded.story
    if "el2n" not in story.signals:
        return []
    values = story.signals["el2n"].astype(np.float64)
    return [
        row | {"evaluation": e, "el2n": float(values[runs, example, e].mean())}
        for e in range(story.evaluations)
        for example, runs, row in kinds(recorded, present(story, e))
    ]
