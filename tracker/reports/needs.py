"""What must have been asked for before a view says anything: not every ensemble has all numbers."""

from collections.abc import Mapping

_OUTPUTS = (
    "`tracker enqueue --record outputs` and, when runs are complete, "
    "`tracker analyze NAME ensemble-agreement`"
)
_HELD_OUT = "`tracker enqueue --split 90:10`"
_PROBE = "`tracker enqueue --probe final`"
_SUMMARY = "runs that `tracker enqueue` trains, after about a minute, and imported files that hold"
_BOTH = "`tracker enqueue --split 90:10 --probe final`"

VIEW_NEEDS: Mapping[str, str] = {
    "ensemble_agreement": _OUTPUTS,
    **dict.fromkeys(("el2n", "el2n_by_held_out"), "`tracker enqueue --record el2n`"),
    "data_map": f"{_SUMMARY} confidence",
    "aum": f"{_SUMMARY} margin",
    **dict.fromkeys(("run_signal", "signal_by_held_out"), f"{_SUMMARY} signals"),
    "signal": "`tracker enqueue --record confidence,margin,loss,el2n` (any of them)",
    **dict.fromkeys(
        (
            *("prediction_depth", "run_depth", "depth_accuracy", "depth_learned"),
            "inference_learning_curve",
        ),
        _PROBE,
    ),
    **dict.fromkeys(("difficulty_type", "difficulty_type_summary"), _BOTH),
    "probe_vote": "`tracker enqueue --probe final --probe-votes`",
}
"""By view: where its rows come from, if not from every ensemble that is trained."""

COLUMN_NEEDS: Mapping[str, str] = {
    "ensemble_agreement": _OUTPUTS,
    "depth_trained_on": _PROBE,
    "depth_held_out": _BOTH,
    "consistency": _HELD_OUT,
    "accessibility_held_out": _HELD_OUT,
    "mean_converged_held_out": _HELD_OUT,
}
"""By column, whatever the view: the same."""


def source_of(view: str, column: str) -> str | None:
    """Where the numbers of a column come from; None if from every ensemble that is trained."""
    if view == "consistency":
        return _HELD_OUT
    return COLUMN_NEEDS.get(column) or VIEW_NEEDS.get(view)
