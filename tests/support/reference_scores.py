"""What the views of scores, from signals and from everything, must say of a story."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import distance

from tests.support.ensembles import Recorded, Story
from tests.support.reference import (
    Row,
    accessibilities,
    alike,
    begun,
    examples,
    learning_order,
    present,
)
from tests.support.reference_blocks import accessibility_block, blocks, learned_block, split_at
from tests.support.reference_depth import (
    difficulty_type,
    prediction_depth,
    prediction_depth_block,
)
from tests.support.reference_difficulty import (
    consensus,
    consensus_block,
    consistency,
    difficulty,
    final,
    names,
    place,
)


def histories(
    story: Story, signal: str, run: int, indices: Sequence[int] | range
) -> NDArray[np.float64]:
    """What one run has recorded of a signal [X, evaluations]."""
    told = list(story.recorded[run])
    return story.signals[signal][run][np.ix_(list(indices), told)].astype(np.float64)


def stored(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """As a `real` column keeps them."""
    return values.astype(np.float32).astype(np.float64)


def shown(values: NDArray[np.float64]) -> list[float]:
    """As a `real` column gives them: the shortest digits that are these float32."""
    return [float(str(np.float32(value))) for value in values]


def means(story: Story, signal: str, indices: range) -> NDArray[np.float64]:
    """[runs, X]"""
    return np.array([histories(story, signal, run, indices).mean(1) for run in begun(story)])


def deviations(story: Story, signal: str, indices: range) -> NDArray[np.float64]:
    """[runs, X]"""
    return np.array([histories(story, signal, run, indices).std(1) for run in begun(story)])


def correctness(story: Story, example: int) -> float:
    """Mean over runs of the share of its evaluations that are right."""
    shares = [story.correct[run, example, list(story.recorded[run])].mean() for run in begun(story)]
    return float(np.mean(shares))


def correctness_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        names(recorded)
        | {
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "runs": len(begun(story)),
            "correctness": [correctness(story, example) for example in indices],
        }
        for block, indices in blocks(recorded)
        if "confidence" in story.signals and begun(story)
    ]


def signal_mean_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        names(recorded)
        | {
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "signal": signal,
            "runs": len(begun(story)),
            "mean": stored(means(story, signal, indices)).mean(0).tolist(),
            "deviation": stored(deviations(story, signal, indices)).mean(0).tolist(),
            "mean_by_run": [shown(run) for run in means(story, signal, indices)],
        }
        for signal in story.signals
        for block, indices in blocks(recorded)
        if begun(story)
    ]


def signal_mean_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["block"] % 4} for row in signal_mean_block(recorded)]


def data_map(recorded: Recorded) -> list[Row]:
    """[26]"""
    story = recorded.story
    if "confidence" not in story.signals or not begun(story):
        return []
    everything = range(len(story.labels))
    confidence = stored(means(story, "confidence", everything)).mean(0)
    variability = stored(deviations(story, "confidence", everything)).mean(0)
    return [
        names(recorded)
        | place(story, split, position, example)
        | {
            "runs": len(begun(story)),
            "confidence": float(confidence[example]),
            "variability": float(variability[example]),
            "correctness": correctness(story, example),
        }
        for split, position, example in examples(story)
    ]


def aum(recorded: Recorded) -> list[Row]:
    """[27]"""
    story = recorded.story
    if "margin" not in story.signals or not begun(story):
        return []
    margins = stored(means(story, "margin", range(len(story.labels))))
    return [
        names(recorded)
        | place(story, split, position, example)
        | {
            "runs": len(begun(story)),
            "aum": float(margins[:, example].mean()),
            "deviation": float(margins[:, example].std()),
        }
        for split, position, example in examples(story)
    ]


def el2n(recorded: Recorded) -> list[Row]:
    """[28]"""
    story = recorded.story
    if "el2n" not in story.signals:
        return []
    return [
        names(recorded)
        | place(story, split, position, example)
        | {
            "evaluation": e,
            "runs": len(present(story, e)),
            "el2n": float(
                story.signals["el2n"][present(story, e), example, e].astype(np.float64).mean()
            ),
        }
        for e in range(story.evaluations)
        if present(story, e)
        for split, position, example in examples(story)
    ]


def el2n_block(recorded: Recorded) -> list[Row]:
    told = {(row["evaluation"], row["example_id"]): row for row in el2n(recorded)}
    return [
        names(recorded)
        | {
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "evaluation": e,
            "runs": told[e, indices.start]["runs"],
            "el2n": [told[e, example]["el2n"] for example in indices],
        }
        for e in sorted({e for e, _ in told})
        for block, indices in blocks(recorded)
    ]


def el2n_part(recorded: Recorded) -> list[Row]:
    return [row | {"part": row["evaluation"] % 4} for row in el2n_block(recorded)]


def output_version(recorded: Recorded) -> list[Row]:
    told = recorded.story.told_outputs
    row = names(recorded) | {
        "dataset_id": recorded.dataset_id,
        "runs": len(told),
        "run_ids": [recorded.run_ids[run] for run in told],
    }
    return [row] if told else []


def divergence(outputs: NDArray[np.float32]) -> float:
    """Mean over the pairs of rows [R, K] of SciPy's Jensen-Shannon distance, squared."""
    pairs = combinations(outputs.astype(np.float64), 2)
    return float(np.mean([distance.jensenshannon(p, q) ** 2 for p, q in pairs]))


def ensemble_agreement(recorded: Recorded) -> list[Row]:
    """[25]"""
    story, told = recorded.story, recorded.story.told_outputs
    if len(told) < 2:
        return []
    assert story.outputs is not None
    rows = []
    for split, indices in story.split_ranges().items():
        values = [float(np.float32(divergence(story.outputs[told][:, i]))) for i in indices]
        chunks = np.array_split(np.argsort(values, kind="stable"), 10)
        decile = {int(at): tenth for tenth, chunk in enumerate(chunks, 1) for at in chunk}
        rows += [
            names(recorded)
            | place(story, split, position, example)
            | {
                "runs": len(told),
                "ensemble_agreement": values[position],
                "decile": decile[position],
                "stale": False,
            }
            for position, example in enumerate(indices)
        ]
    return rows


PARTS = {
    "accessibility": ("accessibility", "accessibility_trained_on", "accessibility_held_out"),
    "learned": (
        *("learned_runs", "met_runs", "learned", "lower_median", "upper_median"),
        *("first_correct", "last_mistake", "forgotten"),
    ),
    "consensus": ("consensus_class", "votes", "prediction_entropy"),
}
"""Scores of a block by the view that tells them."""

DEPTHS = {
    "trained_runs": "runs_trained_on",
    "trained_depth": "depth_trained_on",
    "held_runs": "runs_held_out",
    "held_depth": "depth_held_out",
}
"""Of prediction depths, and the columns of prediction_depth_block that they are."""

NUMBERS = {
    *PARTS["accessibility"],
    *("prediction_entropy", "confidence", "variability", "aum", "ensemble_agreement"),
}
"""Scores that are no counts."""


def difficulty_part(recorded: Recorded) -> list[Row]:
    told: dict[int, dict[str, Any]] = {}
    runs: dict[tuple[int, str], int] = {}
    for row in accessibility_block(recorded):
        told[row["block"]] = {name: row[name] for name in PARTS["accessibility"]}
    for kind, rows in (
        ("learned", learned_block(recorded)),
        ("consensus", consensus_block(recorded)),
    ):
        for row in rows:
            told[row["block"]] |= {name: row[name] for name in PARTS[kind]}
            runs |= {(row["block"], name): row["runs"] for name in PARTS[kind]}
    for row in signal_mean_block(recorded):
        if row["signal"] == "confidence":
            told[row["block"]] |= {"confidence": row["mean"], "variability": row["deviation"]}
        elif row["signal"] == "margin":
            told[row["block"]]["aum"] = row["mean"]
    for row in prediction_depth_block(recorded):
        told[row["block"]] |= {name: row[column] for name, column in DEPTHS.items()}
    agreeing = {row["example_id"]: row for row in ensemble_agreement(recorded)}
    held_out = {row["example_id"]: row for row in consistency(recorded)}
    rows = []
    for block, indices in blocks(recorded) if told else ():
        unseen = [held_out[x] for x in indices]
        told[block] |= {
            "held_out": [row["runs_held_out"] for row in unseen],
            "held_out_correct": [
                round((row["consistency"] or 0) * row["runs_held_out"]) for row in unseen
            ],
        }
        if agreeing:
            told[block]["ensemble_agreement"] = [agreeing[x]["ensemble_agreement"] for x in indices]
        rows += [
            names(recorded)
            | {
                "dataset_id": recorded.dataset_id,
                "block": block,
                "split": split_at(recorded, indices),
                "runs": runs.get((block, score)),
                "score": score,
                "slices": None if score in NUMBERS else values,
                "numbers": values if score in NUMBERS else None,
            }
            for score, values in told[block].items()
        ]
    return rows


def final_difficulty(story: Story, runs: Sequence[int], example: int) -> str | None:
    """[16] of an example by the end of each of these runs."""
    right = [bool(story.correct[run, example, final(story, run)]) for run in runs]
    return difficulty(sum(right), len(right)) if runs else None


def example_difficulty(recorded: Recorded) -> list[Row]:
    story = recorded.story

    def by_example(rows: list[Row]) -> dict[int, Row]:
        return {row["example_id"]: row for row in rows}

    parts = [
        (by_example(data_map(recorded)), ("confidence", "variability")),
        (by_example(aum(recorded)), ("aum",)),
        (by_example(consistency(recorded)), ("consistency",)),
        (
            by_example(consensus(recorded)),
            ("consensus_class", "consensus_share", "prediction_entropy"),
        ),
        (by_example(ensemble_agreement(recorded)), ("ensemble_agreement",)),
        (by_example(prediction_depth(recorded)), ("depth_trained_on", "depth_held_out")),
    ]
    types = by_example(difficulty_type(recorded))
    rows = []
    for row in learning_order(recorded):
        example = row["example_id"]
        for others, columns in parts:
            row |= {name: others.get(example, {}).get(name) for name in columns}
        row |= {"difficulty_type": types.get(example, {}).get("type")}
        del row["runs"], row["evaluations"]
        rows.append(
            row
            | {
                "difficulty": final_difficulty(story, begun(story), example),
                "difficulty_trained_on": final_difficulty(
                    story, alike(story, begun(story), example, unseen=False), example
                ),
                "difficulty_held_out": final_difficulty(
                    story, alike(story, begun(story), example, unseen=True), example
                ),
            }
        )
    return rows


def suspected_label_errors(recorded: Recorded) -> list[Row]:
    story = recorded.story
    confidences = {row["example_id"]: row["confidence"] for row in data_map(recorded)}
    margins = {row["example_id"]: row["aum"] for row in aum(recorded)}
    rows = []
    for row in consensus(recorded):
        example = row["example_id"]
        accessibility = float(accessibilities(story)[example])
        chance = confidences.get(example, accessibility)
        contradicted = row["consensus_class"] != row["label"] and row["consensus_share"] > 0.5
        if row["split"] == "train" and contradicted and chance <= 0.1 + 1e-9:
            del row["runs"], row["prediction_entropy"]
            rows.append(
                row
                | {
                    "accessibility": accessibility,
                    "score": row["consensus_share"] - chance,
                    "confidence": confidences.get(example),
                    "aum": margins.get(example),
                }
            )
    return rows
