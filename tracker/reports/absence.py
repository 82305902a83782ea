"""Why a view has no rows of an ensemble: nothing recorded, not asked for, or not yet there."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import Connection

from tracker.db.schema import VIEWS
from tracker.reports.curves import evaluations
from tracker.reports.ensembles import EnsembleInfo, describe_ensemble
from tracker.reports.needs import VIEW_NEEDS
from tracker.reports.subject import no_outcomes
from tracker.reports.types import tells_types
from tracker.specs import EnsembleSpec

WITHOUT_OUTCOMES = ("counted_run", "example_label", "run_history", "run_progress")
"""Views that have rows of an ensemble before any of its runs has recorded an evaluation."""


IS_ASKED_FOR: Mapping[str, Callable[[EnsembleSpec], bool]] = {
    **dict.fromkeys(VIEW_NEEDS, lambda spec: spec.probe is not None),
    "ensemble_agreement": lambda spec: spec.recording.outputs,
    **dict.fromkeys(("el2n", "el2n_by_held_out"), lambda spec: "el2n" in spec.recording.signals),
    "signal": lambda spec: bool(spec.recording.signals),
    # Summaries are made of every training.
    **dict.fromkeys(("data_map", "aum", "run_signal", "signal_by_held_out"), lambda _: True),
    **dict.fromkeys(("difficulty_type", "difficulty_type_summary"), tells_types),
    "probe_vote": lambda spec: spec.probe is not None and spec.probe.votes,
}
"""By view of VIEW_NEEDS: whether an ensemble was enqueued for what its rows come from."""


def lacks_outcomes(connection: Connection, info: EnsembleInfo, view: str) -> bool:
    """Whether the view can have no rows, because no run that counts has recorded an evaluation."""
    return view not in WITHOUT_OUTCOMES and not evaluations(connection, info.ensemble)


def reason(
    connection: Connection, view: str, ensembles: Collection[str], *, narrowed: bool
) -> str | None:
    """Why a view has no rows of these ensembles, of all if none; None if that is not known.

    Parameters
    ----------
    narrowed
        Whether other conditions were asked for, which perhaps no row fulfils.

    Raises
    ------
    NotFoundError
        If there is no such ensemble.
    """
    if view not in VIEWS:  # one of the user's own
        return None
    infos = [describe_ensemble(connection, name) for name in ensembles]
    for info in infos:
        if lacks_outcomes(connection, info, view):
            return no_outcomes(info)
    if narrowed or view not in VIEW_NEEDS:
        return None
    for info in infos:
        asked = isinstance(info.spec, EnsembleSpec) and IS_ASKED_FOR[view](info.spec)
        if asked and info.open_runs:
            return (
                f"ensemble {info.ensemble!r} has no rows of {view} yet: it was enqueued for them, "
                f"and still trains (runs: {info.states}); `tracker status` says how far it is"
            )
    return f"rows of {view} come from {VIEW_NEEDS[view]}"
