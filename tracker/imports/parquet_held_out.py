"""The third reading of a Parquet file, if it says what its runs held out of training."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.parquet_survey import Survey
from tracker.imports.parquet_table import Columns
from tracker.imports.trajectories import refuse, trainable

UNTOLD = -1


def read_held_out(columns: Columns, survey: Survey) -> NDArray[np.bool_] | None:
    """What each run did not train on, [runs, X]; None where the file does not tell.

    Raises
    ------
    UsageError
        If a run has an example held out in one row and not in another, or has trained on one that
        is not of the split train; the first is named.
    """
    if not columns.held_out:
        return None
    only = replace(columns, order=None, correct=False, predicted=False, label=False, signals=())
    told = np.full(len(survey.runs) * survey.size, UNTOLD, dtype=np.int8)
    for rows in only.rows():
        held_out = rows.held_out
        assert held_out is not None  # noqa: S101 - the column is there
        places = survey.run_of(rows) * survey.size + survey.example_of(rows)
        new = told[places] == UNTOLD
        told[places[new]] = held_out[new]
        differing = told[places] != held_out
        if differing.any():
            which = _which(survey, int(places[differing.argmax()]))
            why = "is held out in one row and trained on in another"
            raise refuse(columns.file.name, f"{which} {why}")
    values: NDArray[np.bool_] = told.reshape(len(survey.runs), survey.size) == 1
    trained = (told == 0) & np.tile(~trainable(survey.splits), len(survey.runs))
    if trained.any():
        raise _trained_on_others(columns, survey, int(trained.argmax()))
    return values


def _trained_on_others(columns: Columns, survey: Survey, place: int) -> UsageError:
    return refuse(
        columns.file.name,
        f"{_which(survey, place)} is not held out, but runs hold out all examples of splits other "
        "than train",
    )


def _which(survey: Survey, place: int) -> str:
    run, example = divmod(place, survey.size)
    return f"run {survey.runs[run]}, {survey.example(example)}"
