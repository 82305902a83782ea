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
from tests.support.reference_blocks import blocks, split_at
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


def by_block(recorded: Recorded, told: list[Row], key: str, nothing: Row) -> list[Row]:
    """Rows of examples, with lists of each block; `nothing` of one without runs of the kind."""
    at = {(row[key], row["held_out"], row["example_id"]): row for row in told}
    rows = []
    for value in sorted({row[key] for row in told}):
        for block, indices in blocks(recorded):
            for held_out in (False, True):
                mine = [at.get((value, held_out, example), nothing) for example in indices]
                if any(row is not nothing for row in mine):
                    rows.append(
                        names(recorded)
                        | {
                            "dataset_id": recorded.dataset_id,
                            "block": block,
                            "split": split_at(recorded, indices),
                            "held_out": held_out,
                            key: value,
                        }
                        | {name: [row[name] for row in mine] for name in nothing}
                    )
    return rows


def run_held_out(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for run in counted(story):
        # Of a run that never began nothing is stored.
        stored = story.states[run] != "queued" or bool(story.recorded[run])
        for block, indices in blocks(recorded):
            split = split_at(recorded, indices)
            told = stored or split != "train"
            unseen = story.unseen[run, list(indices)]
            rows.append(
                names(recorded)
                | {
                    "dataset_id": recorded.dataset_id,
                    "run_id": recorded.run_ids[run],
                    "block": block,
                    "split": split,
                    "held_out": bitmap(unseen if told else np.zeros_like(unseen)),
                }
            )
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


def agreement_held_out_part(recorded: Recorded) -> list[Row]:
    nothing = {"runs": 0, "runs_agreeing": 0}
    return [
        row | {"part": row["evaluation"] % 4, "agreeing": row.pop("runs_agreeing")}
        for row in by_block(recorded, agreement_by_held_out(recorded), "evaluation", nothing)
    ]


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


def signal_held_out_part(recorded: Recorded) -> list[Row]:
    nothing = {"runs": 0, "mean": None, "deviation": None}
    return [
        row | {"part": row["block"] % 4, "mean": [row["mean"]], "deviation": [row["deviation"]]}
        for row in by_block(recorded, signal_by_held_out(recorded), "signal", nothing)
    ]


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


def el2n_held_out_part(recorded: Recorded) -> list[Row]:
    nothing = {"runs": 0, "el2n": None}
    return [
        row | {"part": row["evaluation"] % 4, "el2n": [row["el2n"]]}
        for row in by_block(recorded, el2n_by_held_out(recorded), "evaluation", nothing)
    ]
