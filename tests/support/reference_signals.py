"""What the views of signals must say of a story; see `tests.support.reference`."""

from typing import Any

import numpy as np

from tests.support.ensembles import Recorded
from tests.support.reference import Row, counted, examples


def as_real(value: Any) -> float:
    """A number as a `real` column gives it: the shortest digits that are this float32."""
    return float(str(np.float32(value)))


def place(recorded: Recorded, run: int, split: str, position: int, example: int) -> Row:
    return {
        "ensemble": recorded.story.name,
        "ensemble_id": recorded.ensemble_id,
        "run_id": recorded.run_ids[run],
        "seed": run,
        "split": split,
        "example_id": example,
        "position": position,
        "label": int(recorded.story.labels[example]),
        "held_out": bool(recorded.story.unseen[run, example]),
    }


def signal(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        place(recorded, run, *where)
        | {"evaluation": e, "signal": name, "value": as_real(values[run, where[2], e])}
        for name, values in story.signals.items()
        for run in range(story.runs)
        for where in examples(story)
        for e in story.recorded[run]
    ]


def run_signal(recorded: Recorded) -> list[Row]:
    """[26], [27] Mean and deviation over the evaluations of one run."""
    story = recorded.story
    rows = []
    for name, values in story.signals.items():
        for run in counted(story):
            told = list(story.recorded[run])
            for where in examples(story) if told else ():
                history = values[run, where[2], told].astype(np.float64)
                rows.append(
                    place(recorded, run, *where)
                    | {
                        "signal": name,
                        "evaluations": len(told),
                        "mean": as_real(history.mean()),
                        "deviation": as_real(np.sqrt(((history - history.mean()) ** 2).mean())),
                    }
                )
    return rows
