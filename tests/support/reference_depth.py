"""What the views of prediction depth must say of a story; see `tests.support.reference`."""

from collections import defaultdict
from typing import Any

import numpy as np
from scipy import stats

from tests.support.bits import bitmap
from tests.support.ensembles import LAYERS, Recorded, Story
from tests.support.reference import Row, begun, counted, examples, mean
from tests.support.reference_blocks import blocks, split_at
from tests.support.reference_comparison import convergence_block
from tests.support.reference_difficulty import (
    consistency,
    last_votes,
    names,
    place,
    winner,
)

TYPES = {
    (False, False): "easy",
    (False, True): "looks_like_a_different_class",
    (True, False): "ambiguous_unless_the_label_is_given",
    (True, True): "ambiguous",
}
"""By whether the depth is high when held out, and when trained on."""


def last_probed(story: Story, run: int) -> int | None:
    """The last evaluation at which a run was probed."""
    return max((e for e in story.recorded[run] if story.is_probed(run, e)), default=None)


def probed_runs(story: Story) -> list[int]:
    """The counted runs that were probed at all."""
    return [run for run in counted(story) if last_probed(story, run) is not None]


def depth_of(story: Story, run: int, example: int) -> int | None:
    """[29] At the last probed evaluation; None if the last probe disagrees with the network."""
    assert story.depths is not None
    evaluation = last_probed(story, run)
    assert evaluation is not None
    depth = int(story.depths[run, example, evaluation])
    return None if depth == len(LAYERS) else depth


def depths(story: Story, example: int, *, unseen: bool) -> list[float]:
    """Of the runs that held an example out, or of the others."""
    told = [
        depth_of(story, run, example)
        for run in probed_runs(story)
        if story.unseen[run, example] == unseen
    ]
    return [float(depth) for depth in told if depth is not None]


def final_depth_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for run in probed_runs(story):
        evaluation = last_probed(story, run)
        assert evaluation is not None
        for block, indices in blocks(recorded):
            told = [depth_of(story, run, example) for example in indices]
            rows.append(
                names(recorded)
                | {
                    "dataset_id": recorded.dataset_id,
                    "run_id": recorded.run_ids[run],
                    "seed": run,
                    "block": block,
                    "split": split_at(recorded, indices),
                    "evaluation": evaluation,
                    "layers": len(LAYERS),
                    "depth": [depth or 0 for depth in told],
                    "defined": bitmap([depth is not None for depth in told]),
                    "held_out": bitmap(story.unseen[run, indices]),
                }
            )
    return rows


def prediction_depth(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for split, position, example in examples(story) if probed_runs(story) else ():
        trained, held = (depths(story, example, unseen=unseen) for unseen in (False, True))
        rows.append(
            names(recorded)
            | place(story, split, position, example)
            | {
                "layers": len(LAYERS),
                "runs_trained_on": len(trained),
                "depth_trained_on": mean(trained),
                "runs_held_out": len(held),
                "depth_held_out": mean(held),
                "runs_without": len(probed_runs(story)) - len(trained) - len(held),
            }
        )
    return rows


def prediction_depth_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    if not probed_runs(story):
        return []
    told = {row["example_id"]: row for row in prediction_depth(recorded)}

    def total(example: int, side: str) -> int:
        return round(told[example][f"runs_{side}"] * (told[example][f"depth_{side}"] or 0))

    return [
        names(recorded)
        | {
            "dataset_id": recorded.dataset_id,
            "block": block,
            "split": split_at(recorded, indices),
            "layers": len(LAYERS),
            "runs_trained_on": [told[x]["runs_trained_on"] for x in indices],
            "depth_trained_on": [total(x, "trained_on") for x in indices],
            "runs_held_out": [told[x]["runs_held_out"] for x in indices],
            "depth_held_out": [total(x, "held_out") for x in indices],
            "runs_without": [told[x]["runs_without"] for x in indices],
        }
        for block, indices in blocks(recorded)
    ]


def difficulty_type(recorded: Recorded) -> list[Row]:
    """[30]"""
    rows: list[Row] = []
    for split in recorded.story.sizes:
        told = [row for row in prediction_depth(recorded) if row["split"] == split]
        scales = {side: scale(told, f"depth_{side}") for side in ("held_out", "trained_on")}
        for row in told:
            if row["depth_held_out"] is None or row["depth_trained_on"] is None:
                continue
            corner = {side: scales[side](row[f"depth_{side}"]) for side in scales}
            known = None not in corner.values()
            rows.append(
                {
                    key: row[key]
                    for key in ("ensemble", "ensemble_id", "split", "example_id", "position",
                                "label", "depth_held_out", "depth_trained_on")
                }
                | {f"{side}_scaled": value for side, value in corner.items()}
                | {
                    "type": TYPES[corner["held_out"] > 0.5, corner["trained_on"] > 0.5]
                    if known
                    else None,
                    "distance": float(np.hypot(*(min(v, 1 - v) for v in corner.values())))
                    if known
                    else None,
                }
            )  # fmt: skip
    rank(rows, "rank", ("split", "type"))
    rank(rows, "class_rank", ("split", "type", "label"))
    return rows


def scale(rows: list[Row], column: str) -> Any:
    """From the least of a column to the most of it, as 0 to 1; None if they are the same."""
    values = [row[column] for row in rows if row[column] is not None]
    low, high = min(values, default=0), max(values, default=0)
    return lambda value: (value - low) / (high - low) if high > low else None


def rank(rows: list[Row], column: str, by: tuple[str, ...]) -> None:
    groups = defaultdict(list)
    for row in rows:
        row[column] = None
        if row["type"] is not None:
            groups[tuple(row[key] for key in by)].append(row)
    for group in groups.values():
        places = stats.rankdata([round(row["distance"], 12) for row in group], "min")
        for row, where in zip(group, places, strict=True):
            row[column] = int(where)


def difficulty_type_summary(recorded: Recorded) -> list[Row]:
    story = recorded.story
    original = story.labels if story.original_labels is None else story.original_labels
    told = [row for row in difficulty_type(recorded) if row["type"] is not None]
    held = {row["example_id"]: row for row in consistency(recorded)}
    rows = []
    for split, name in sorted({(row["split"], row["type"]) for row in told}):
        whole = [row for row in told if row["split"] == split]
        some = [row for row in whole if row["type"] == name]
        wrong, all_wrong = (
            int((story.labels != original)[[row["example_id"] for row in group]].sum())
            for group in (some, whole)
        )
        rows.append(
            names(recorded)
            | {
                "split": split,
                "type": name,
                "examples": len(some),
                "share": len(some) / len(whole),
                "mislabelled": wrong,
                "mislabelled_share": wrong / all_wrong if all_wrong else None,
            }
            | {
                column: mean([row[column] for row in some])
                for column in ("depth_held_out", "depth_trained_on")
            }
            | {
                column: mean(
                    [
                        held[row["example_id"]][column]
                        for row in some
                        if held[row["example_id"]][column] is not None
                    ]
                )
                for column in ("consistency", "consensus_consistency")
            }
        )
    return rows


def by_depth(story: Story) -> dict[tuple[str, bool, int], list[tuple[int, int]]]:
    """The (run, example) pairs with each depth, by split and whether it was held out."""
    pairs = defaultdict(list)
    for run in probed_runs(story):
        for split, _, example in examples(story):
            depth = depth_of(story, run, example)
            if depth is not None:
                pairs[split, bool(story.unseen[run, example]), depth].append((run, example))
    return pairs


def share(pairs: dict[tuple[str, bool, int], list[Any]], split: str, held: bool, n: int) -> float:
    return n / sum(len(group) for key, group in pairs.items() if key[:2] == (split, held))


def depth_accuracy(recorded: Recorded) -> list[Row]:
    story, rows = recorded.story, []
    pairs = by_depth(story)
    for (split, held, depth), group in pairs.items():
        right, agreeing = [], []
        for run, example in group:
            evaluation = last_probed(story, run)
            assert evaluation is not None
            right.append(float(story.correct[run, example, evaluation]))
            others = [other for other in begun(story) if story.unseen[other, example]]
            votes = last_votes(story, others, example)
            if held and story.classes_told[run] and votes:
                top = winner(votes, int(story.labels[example]))
                agreeing.append(float(story.predicted[run, example, evaluation] == top))
        rows.append(
            names(recorded)
            | {
                "split": split,
                "held_out": held,
                "depth": depth,
                "answers": len(group),
                "share": share(pairs, split, held, len(group)),
                "accuracy": mean(right),
                "consensus_share": mean(agreeing),
            }
        )
    return rows


def depth_learned(recorded: Recorded) -> list[Row]:
    """[8] of [29]"""
    story = recorded.story
    converged: dict[tuple[int, int], int] = {}
    runs = {run_id: run for run, run_id in enumerate(recorded.run_ids)}
    where = dict(blocks(recorded))
    for row in convergence_block(recorded):
        for example, e in zip(where[row["block"]], row["converged"], strict=True):
            converged[runs[row["run_id"]], example] = e
    if not converged:
        return []
    percentile = float(np.quantile(list(converged.values()), 0.95))
    pairs = {
        key: told
        for key, group in by_depth(story).items()
        if (told := [pair for pair in group if pair in converged])
    }
    return [
        names(recorded)
        | {
            "split": split,
            "held_out": held,
            "depth": depth,
            "answers": len(group),
            "share": share(pairs, split, held, len(group)),
            "mean_converged": (average := float(np.mean([converged[pair] for pair in group]))),
            "rescaled": average / percentile if percentile else None,
        }
        for (split, held, depth), group in pairs.items()
    ]
