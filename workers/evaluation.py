"""One evaluation of a network in training: scores, and what probes say where they are asked for."""

from tracker.outcomes.signals import measured_signals
from tracker.outcomes.writer import EvaluationRecord
from workers.margins import input_margins
from workers.probes import probe
from workers.scoring import score
from workers.state import TrainingState


def evaluate(state: TrainingState, mean_loss: float | None) -> EvaluationRecord:
    """Score all examples, count the evaluation, and probe the network if it is to be now.

    With all signals that are recorded or summarised, and of a network that is probed at its last
    evaluation also its margins.
    """
    spec, schedule, data = state.spec, state.schedule, state.data
    ordinal = schedule.first_evaluation + state.evaluations
    last = state.step == schedule.total_steps
    measured = measured_signals(spec.recording.signals)
    if last and spec.probe is not None:
        measured = measured_signals({*measured, "output_margin"})
    scores = score(state.network, data, measured, spec.recording.outputs and last)
    signals, probes = dict(scores.signals), None
    if spec.probe is not None and spec.probe.due(ordinal, last=last):
        probes = probe(
            state.network, data, state.trained_on, scores.predicted, votes=spec.probe.votes
        )
        if last:
            signals["input_margin"] = input_margins(state.network, data)
    state.evaluations += 1
    return EvaluationRecord(
        ordinal,
        state.step,
        state.step / schedule.steps_per_epoch,
        mean_loss,
        scores.packed,
        signals,
        outputs=scores.outputs,
        probes=probes,
    )
