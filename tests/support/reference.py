"""What each view must say of a story: slow, obvious, and written from the definitions.

Nothing here was taken from the SQL. Every function returns the rows of one view as dictionaries
with every column of it; numbers in brackets are those of the definitions (DEFINITIONS.md). Where
a run has not recorded an evaluation, the definitions speak of those that it has.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.support.ensembles import Recorded, Story, loss_of, step_of

Row = dict[str, Any]


# --- one run, one example -------------------------------------------------------------------------


def answers(story: Story, run: int, example: int) -> list[tuple[int, bool]]:
    """(ordinal, right or wrong) of every evaluation that the run has recorded."""
    return [(e, bool(story.correct[run, example, e])) for e in story.recorded[run]]


def learned(history: list[tuple[int, bool]]) -> int | None:
    """[7] Smallest e from which on every evaluation is correct; None if wrong at the last one."""
    for i in range(len(history)):
        if all(right for _, right in history[i:]):
            return history[i][0]
    return None


def first_correct(history: list[tuple[int, bool]]) -> int | None:
    """[9] First e that is correct."""
    return min((e for e, right in history if right), default=None)


def last_mistake(history: list[tuple[int, bool]]) -> int:
    """[9] Last e that is wrong, 0 if none."""
    return max((e for e, right in history if not right), default=0)


def changes(history: list[tuple[int, bool]], before: bool) -> int:
    """[10] Times that an answer `before` is followed by the other one."""
    rights = [right for _, right in history]
    return sum(one is before and other is not before for one, other in pairwise(rights))


# --- ensembles ------------------------------------------------------------------------------------


def counted(story: Story) -> list[int]:
    """The runs that count: all but failed ones."""
    return [run for run in range(story.runs) if story.states[run] != "failed"]


def begun(story: Story) -> list[int]:
    """The counted runs with an evaluation."""
    return [run for run in counted(story) if len(story.recorded[run])]


def present(story: Story, evaluation: int) -> list[int]:
    """The counted runs that have recorded an evaluation."""
    return [run for run in counted(story) if evaluation in story.recorded[run]]


def ordinals(story: Story) -> list[int]:
    """The evaluations that at least one counted run has recorded."""
    return [e for e in range(story.evaluations) if present(story, e)]


def tp_agreements(story: Story, evaluation: int) -> NDArray[np.float64]:
    """[2] Mean over runs of correct, [X]."""
    return story.correct[present(story, evaluation), :, evaluation].mean(axis=0)


def accuracy(story: Story, run: int, evaluation: int, indices: range) -> float:
    """Share of a split's examples that one run has right."""
    return float(story.correct[run, indices, evaluation].mean())


def accuracy_where(
    story: Story, runs: list[int], evaluation: int, indices: Sequence[int], *, unseen: bool
) -> float | None:
    """The same of the examples that the runs trained on, or of the others."""
    return mean(
        [
            float(story.correct[run, example, evaluation])
            for run in runs
            for example in indices
            if story.unseen[run, example] == unseen
        ]
    )


def alike(story: Story, runs: list[int], example: int, *, unseen: bool) -> list[int]:
    """Of these runs those that held an example out, or those that trained on it."""
    return [run for run in runs if story.unseen[run, example] == unseen]


def tp_agreement_where(
    story: Story, evaluation: int, example: int, *, unseen: bool
) -> float | None:
    """[2] over the runs that held the example out, or over those that trained on it."""
    runs = alike(story, present(story, evaluation), example, unseen=unseen)
    return mean([float(story.correct[run, example, evaluation]) for run in runs])


def accessibility_where(story: Story, example: int, *, unseen: bool) -> float | None:
    """[6] of the same, over the evaluations that such a run has recorded."""
    shares = [tp_agreement_where(story, e, example, unseen=unseen) for e in ordinals(story)]
    return mean([share for share in shares if share is not None])


def accessibilities_apart(story: Story, example: int) -> Row:
    """The columns that tell trained on from held out, where accessibility is told."""
    return {
        "runs_held_out": len(alike(story, begun(story), example, unseen=True)),
        "accessibility_trained_on": accessibility_where(story, example, unseen=False),
        "accessibility_held_out": accessibility_where(story, example, unseen=True),
    }


def examples(story: Story) -> Iterator[tuple[str, int, int]]:
    """(split, position, example_id) of every example."""
    for split, indices in story.split_ranges().items():
        for position, example in enumerate(indices):
            yield split, position, example


def poisson_binomial(probabilities: list[float]) -> NDArray[np.float64]:
    """Distribution of the number of successes: the convolution of the single trials'."""
    mass = np.ones(1)
    for p in probabilities:
        mass = np.convolve(mass, [1 - p, p])
    return mass


def mean(values: list[float]) -> float | None:
    """None of nothing."""
    return float(np.mean(values)) if values else None


def median(values: list[float | None]) -> float | None:
    """The median where None is later than any number; None if it is infinite."""
    middle = np.sort([np.inf if value is None else value for value in values])
    lower, upper = middle[(len(middle) - 1) // 2], middle[len(middle) // 2]
    return None if upper == np.inf else float(lower + upper) / 2


# --- views ----------------------------------------------------------------------------------------


def counted_run(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble_id": recorded.ensemble_id,
            "ensemble": story.name,
            "dataset_id": recorded.dataset_id,
            "run_id": recorded.run_ids[run],
            "seed": run,
        }
        for run in counted(story)
    ]


def ensemble_evaluation(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble_id": recorded.ensemble_id,
            "ensemble": story.name,
            "evaluation": e,
            "runs": len(present(story, e)),
            "step": step_of(e),
            "epoch": float(e),
            "train_loss": mean(
                [loss for run in present(story, e) if (loss := loss_of(run, e)) is not None]
            ),
        }
        for e in ordinals(story)
    ]


def outcome(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "run_id": recorded.run_ids[run],
            "seed": run,
            "split": split,
            "example_id": example,
            "position": position,
            "evaluation": e,
            "label": int(story.labels[example]),
            "correct": bool(story.predicted[run, example, e] == story.labels[example]),
            "predicted": int(story.predicted[run, example, e]) if story.classes_told[run] else None,
            "held_out": bool(story.unseen[run, example]),
        }
        for run in range(story.runs)
        for e in story.recorded[run]
        for split, position, example in examples(story)
    ]


def example_label(recorded: Recorded) -> list[Row]:
    story = recorded.story
    original = story.labels if story.original_labels is None else story.original_labels
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "split": split,
            "example_id": example,
            "position": position,
            "label": int(story.labels[example]),
            "original_label": int(original[example]),
            "mislabelled": bool(story.labels[example] != original[example]),
        }
        for split, position, example in examples(story)
    ]


def run_accuracy(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "run_id": recorded.run_ids[run],
            "seed": run,
            "split": split,
            "evaluation": e,
            "correct": int(story.correct[run, indices, e].sum()),
            "examples": len(indices),
            "accuracy": accuracy(story, run, e, indices),
            "trained_on_examples": int((~story.unseen[run, indices]).sum()),
            "trained_on_accuracy": accuracy_where(story, [run], e, indices, unseen=False),
            "held_out_examples": int(story.unseen[run, indices].sum()),
            "held_out_accuracy": accuracy_where(story, [run], e, indices, unseen=True),
        }
        for run in counted(story)
        for e in story.recorded[run]
        for split, indices in story.split_ranges().items()
    ]


def forgetting(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for run in begun(story):
        for split, position, example in examples(story):
            history = answers(story, run, example)
            rows.append(
                {
                    "ensemble": story.name,
                    "ensemble_id": recorded.ensemble_id,
                    "run_id": recorded.run_ids[run],
                    "seed": run,
                    "split": split,
                    "example_id": example,
                    "position": position,
                    "label": int(story.labels[example]),
                    "evaluations": len(history),
                    "forgetting_events": changes(history, True),
                    "learning_events": changes(history, False),
                    "first_correct": first_correct(history),
                    "last_mistake": last_mistake(history),
                    "learned": learned(history),
                    # [11]
                    "never_learned": not any(right for _, right in history),
                    "unforgettable": any(right for _, right in history)
                    and changes(history, True) == 0,
                    "held_out": bool(story.unseen[run, example]),
                }
            )
    return rows


def accessibilities(story: Story) -> NDArray[np.float64]:
    """[6] Mean over evaluations of Tp-agreement, [X]."""
    return np.mean([tp_agreements(story, e) for e in ordinals(story)], axis=0)


def ranks(story: Story) -> NDArray[np.int64]:
    """Place by falling accessibility within the split, equals sharing the best one, [X]."""
    scores = accessibilities(story).round(12)
    parts = [-scores[indices] for indices in story.split_ranges().values()]
    return np.concatenate([stats.rankdata(part, "min") for part in parts]).astype(np.int64)


def accessibility(recorded: Recorded) -> list[Row]:
    story = recorded.story
    if not ordinals(story):
        return []
    scores, places = accessibilities(story), ranks(story)
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "split": split,
            "example_id": example,
            "position": position,
            "label": int(story.labels[example]),
            "evaluations": len(ordinals(story)),
            "accessibility": float(scores[example]),
            "rank": int(places[example]),
        }
        | accessibilities_apart(story, example)
        for split, position, example in examples(story)
    ]


def learning(story: Story, runs: list[int], example: int) -> Row:
    """When these runs learn an example, and how surely."""
    histories = [answers(story, run, example) for run in runs]
    epochs = [learned(history) for history in histories]
    firsts = [first_correct(history) for history in histories]
    return {
        "runs": len(runs),
        "mean_learned": mean([e for e in epochs if e is not None]),
        "median_learned": median(epochs),
        "learned_share": mean([history[-1][1] for history in histories]),
        "first_correct": mean([e for e in firsts if e is not None]),
        "last_mistake": mean([last_mistake(history) for history in histories]),
        "forgetting_events": mean([changes(history, True) for history in histories]),
        "never_learned_share": mean([e is None for e in firsts]),
    }


def learning_order(recorded: Recorded) -> list[Row]:
    story = recorded.story
    runs = begun(story)
    if not runs:
        return []
    scores, places = accessibilities(story), ranks(story)
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "split": split,
            "example_id": example,
            "position": position,
            "label": int(story.labels[example]),
            "evaluations": len(ordinals(story)),
            "accessibility": float(scores[example]),
            "rank": int(places[example]),
        }
        | learning(story, runs, example)
        | accessibilities_apart(story, example)
        for split, position, example in examples(story)
    ]


def tp_agreement(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "split": split,
            "example_id": example,
            "position": position,
            "label": int(story.labels[example]),
            "evaluation": e,
            "runs": len(runs),
            "runs_correct": int(story.correct[runs, example, e].sum()),
            "tp_agreement": float(story.correct[runs, example, e].mean()),
            "runs_held_out": len(unseen),
            "runs_correct_held_out": int(story.correct[unseen, example, e].sum()),
            "tp_agreement_trained_on": tp_agreement_where(story, e, example, unseen=False),
            "tp_agreement_held_out": tp_agreement_where(story, e, example, unseen=True),
        }
        for e in ordinals(story)
        for runs in [present(story, e)]
        for split, position, example in examples(story)
        for unseen in [alike(story, runs, example, unseen=True)]
    ]


def null_distribution(story: Story, evaluation: int, indices: range) -> NDArray[np.float64]:
    """[5] Distribution of the number of right runs, if they were right independently."""
    runs = present(story, evaluation)
    return poisson_binomial([accuracy(story, run, evaluation, indices) for run in runs])


def tp_agreement_histogram(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for e in ordinals(story):
        runs = present(story, e)
        for split, indices in story.split_ranges().items():
            counts = story.correct[runs][:, indices, e].sum(axis=0)
            mass = null_distribution(story, e, indices)
            rows += [
                {
                    "ensemble": story.name,
                    "ensemble_id": recorded.ensemble_id,
                    "split": split,
                    "evaluation": e,
                    "runs": len(runs),
                    "runs_correct": k,
                    "tp_agreement": k / len(runs),
                    "examples": int((counts == k).sum()),
                    "null_examples": float(mass[k] * len(indices)),
                }
                for k in range(len(runs) + 1)
            ]
    return rows


def bimodality_of(scores: NDArray[np.float64]) -> float | None:
    """[4] kurtosis - skewness^2 - 1; None at zero variance."""
    if np.ptp(scores) == 0:
        return None
    return float(stats.kurtosis(scores, fisher=False) - stats.skew(scores) ** 2 - 1)


def bimodality_of_distribution(mass: NDArray[np.float64], runs: int) -> float | None:
    """The same of a distribution over 0 .. `runs` right runs."""
    values = np.arange(runs + 1) / runs
    deviations = values - (mass * values).sum()
    m2, m3, m4 = (float((mass * deviations**power).sum()) for power in (2, 3, 4))
    if m2 < 1e-12:
        return None
    return m4 / m2**2 - m3**2 / m2**3 - 1


def bimodality(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "split": split,
            "evaluation": e,
            "runs": len(present(story, e)),
            "tp_agreement": float(tp_agreements(story, e)[indices].mean()),
            "bimodality": bimodality_of(tp_agreements(story, e)[indices]),
            "null_bimodality": bimodality_of_distribution(
                null_distribution(story, e, indices), len(present(story, e))
            ),
        }
        for e in ordinals(story)
        for split, indices in story.split_ranges().items()
    ]


def run_history(recorded: Recorded) -> list[Row]:
    """Of the columns that do not depend on the clock: claimed by a worker, and how it ended."""
    story = recorded.story
    rows = []
    for run in range(story.runs):
        if not story.recorded[run] and story.states[run] == "queued":
            continue
        ended = [story.states[run]] if story.states[run] not in ("queued", "running") else []
        rows += [
            {
                "ensemble": story.name,
                "ensemble_id": recorded.ensemble_id,
                "run_id": recorded.run_ids[run],
                "seed": run,
                "event_number": number,
                "event": event,
                "attempt": 1,
                "worker": "host:1",
                "detail": None,
            }
            for number, event in enumerate(["claimed", *ended], 1)
        ]
    return rows


def run_progress(recorded: Recorded) -> list[Row]:
    """Of the columns that do not depend on the clock; of runs without a heartbeat of their own."""
    story = recorded.story
    total = max(1, step_of(story.evaluations - 1))
    rows = []
    for run in range(story.runs):
        claimed = len(story.recorded[run]) > 0 or story.states[run] != "queued"
        step = max((step_of(e) for e in story.recorded[run]), default=0)
        rows.append(
            {
                "ensemble": story.name,
                "ensemble_id": recorded.ensemble_id,
                "run_id": recorded.run_ids[run],
                "seed": run,
                "state": story.states[run],
                "attempt": int(claimed),
                "evaluations": len(story.recorded[run]),
                "evaluations_in_all": story.evaluations,
                "step": step,
                "total_steps": total,
                "share": step / total,
                "examples_per_second": None,
                "worker": "host:1" if claimed else None,
                "error": None,
            }
        )
    return rows
