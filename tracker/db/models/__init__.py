"""The tables. Views over them are in `tracker/sql/views`, and are what people query.

The comments on tables and columns are stored in the database too, so that `\\d+` in psql
explains itself. Defaults are the database's, because bulk loads pass by Python.
"""

from tracker.db.models.base import NOW, SIGNAL_NAMES, TIMESTAMPTZ, VARBIT, Base
from tracker.db.models.curricula import Curriculum, CurriculumEpoch, CurriculumSnapshot
from tracker.db.models.datasets import Block, Dataset, Example, Split
from tracker.db.models.ensembles import RUN_EVENTS, RUN_STATES, Ensemble, Run, RunBlock, RunEvent
from tracker.db.models.outcomes import (
    Evaluation,
    OutcomeBlock,
    OutputBlock,
    ScoreBlock,
    SignalBlock,
    SignalSummary,
)
from tracker.db.models.probes import DepthBlock, ProbeAccuracy, ProbedEvaluation, ProbeVoteBlock

__all__ = [
    "NOW",
    "RUN_EVENTS",
    "RUN_STATES",
    "SIGNAL_NAMES",
    "TIMESTAMPTZ",
    "VARBIT",
    "Base",
    "Block",
    "Curriculum",
    "CurriculumEpoch",
    "CurriculumSnapshot",
    "Dataset",
    "DepthBlock",
    "Ensemble",
    "Evaluation",
    "Example",
    "OutcomeBlock",
    "OutputBlock",
    "ProbeAccuracy",
    "ProbeVoteBlock",
    "ProbedEvaluation",
    "Run",
    "RunBlock",
    "RunEvent",
    "ScoreBlock",
    "SignalBlock",
    "SignalSummary",
    "Split",
]
