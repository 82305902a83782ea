"""What the views of probes must say of a story; see `tests.support.reference`."""

from collections import defaultdict

import numpy as np

from tests.support.ensembles import LAYERS, Recorded
from tests.support.reference import Row, counted, examples
from tests.support.reference_signals import place


def _probed(recorded: Recorded) -> list[tuple[int, int]]:
    """Run and evaluation of every probed evaluation that counts."""
    story = recorded.story
    return [
        (run, evaluation)
        for run in counted(story)
        for evaluation in story.recorded[run]
        if story.is_probed(run, evaluation)
    ]


def run_depth(recorded: Recorded) -> list[Row]:
    """[29] The number of the first layer from which on all probes agree with the network."""
    story = recorded.story
    rows = []
    for run, evaluation in _probed(recorded):
        votes = story.probe_votes(run, evaluation)
        for where in examples(story):
            example = where[2]
            agree = votes[:, example] == story.predicted[run, example, evaluation]
            depth: int | None = None
            if story.num_classes == 1:  # other votes do not exist: as the story says
                assert story.depths is not None
                told = int(story.depths[run, example, evaluation])
                depth = None if told == len(LAYERS) else told
            else:
                for layer in reversed(range(len(LAYERS))):
                    if not agree[layer]:
                        break
                    depth = layer
            rows.append(
                place(recorded, run, *where)
                | {"evaluation": evaluation, "depth": depth, "layers": len(LAYERS)}
            )
    return rows


def probe_vote(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        place(recorded, run, *where)
        | {
            "evaluation": evaluation,
            "layer": layer,
            "layer_name": name,
            "predicted": int(story.probe_votes(run, evaluation)[layer, where[2]]),
        }
        for run, evaluation in (_probed(recorded) if story.votes_told else [])
        for where in examples(story)
        for layer, name in enumerate(LAYERS)
    ]


def inference_learning_curve(recorded: Recorded) -> list[Row]:
    """[33] Mean and deviation over runs of the share of a group that each probe has right."""
    story = recorded.story
    shares = defaultdict(list)
    for run, evaluation in _probed(recorded):
        votes = story.probe_votes(run, evaluation)
        for split, at in story.split_ranges().items():
            group = "trained_on" if split == "train" else split
            network = story.correct[run, at, evaluation].mean()
            for layer in range(len(LAYERS)):
                accuracy = (votes[layer, at] == story.labels[at]).mean()
                shares[evaluation, group, layer].append((accuracy, network))
    return [
        {
            "ensemble": story.name,
            "ensemble_id": recorded.ensemble_id,
            "evaluation": evaluation,
            "example_group": group,
            "layer": layer,
            "layer_name": LAYERS[layer],
            "runs": len(told),
            "accuracy": float(np.mean([accuracy for accuracy, _ in told])),
            "deviation": float(np.std([accuracy for accuracy, _ in told])),
            "network_accuracy": float(np.mean([network for _, network in told])),
            "network_deviation": float(np.std([network for _, network in told])),
        }
        for (evaluation, group, layer), told in shares.items()
    ]
