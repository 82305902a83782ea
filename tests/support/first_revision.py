"""A story written as the first version of the product did: by SQL, into the schema of 0001."""

import numpy as np
from sqlalchemy import Connection, text

from tests.support.bits import bitmap
from tests.support.ensembles import Recorded, Story, loss_of, step_of
from tracker.outcomes.layout import BlockRange, Layout, plane_count

BLOCK_SIZE = 4096
"""Examples a block, whatever the number of classes."""


def layout_of(story: Story) -> Layout:
    """How the first version laid the story's examples out."""
    return Layout.of(story.sizes, BLOCK_SIZE)


def write(connection: Connection, story: Story, evaluations: int) -> Recorded:
    """The story's dataset, ensemble and runs, with the first `evaluations` that each recorded."""
    dataset_id = _add_dataset(connection, story)
    ensemble_id = connection.scalar(
        text(
            "INSERT INTO ensemble (name, dataset_id, spec, spec_digest, evaluations, total_steps) "
            "VALUES (:name, :dataset, '{}', '', :evaluations, :steps) RETURNING id"
        ),
        {
            "name": story.name,
            "dataset": dataset_id,
            "evaluations": story.evaluations,
            "steps": step_of(story.evaluations - 1),
        },
    )
    run_ids = [
        connection.scalar(
            text(
                "INSERT INTO run (ensemble_id, seed, state, attempt, worker) "
                "VALUES (:ensemble, :seed, :state, 1, 'host:1') RETURNING id"
            ),
            {"ensemble": ensemble_id, "seed": seed, "state": story.states[seed]},
        )
        for seed in range(story.runs)
    ]
    for run, run_id in enumerate(run_ids):
        for evaluation in story.recorded[run][:evaluations]:
            _add_evaluation(connection, story, run, run_id, evaluation)
    return Recorded(story, dataset_id, ensemble_id, run_ids, BLOCK_SIZE)


def _blocks(story: Story) -> list[BlockRange]:
    return [block for split in layout_of(story).splits for block in split.blocks]


def _planes(story: Story, classes: np.ndarray) -> list[str]:
    return [bitmap(classes >> plane & 1) for plane in range(plane_count(story.num_classes))]


def _add_dataset(connection: Connection, story: Story) -> int:
    dataset_id: int = connection.execute(
        text(
            "INSERT INTO dataset (name, num_classes, class_names, fingerprint, block_size) "
            "VALUES (:name, :classes, :names, '', :size) RETURNING id"
        ),
        {
            "name": story.dataset,
            "classes": story.num_classes,
            "names": [f"class {index}" for index in range(story.num_classes)],
            "size": BLOCK_SIZE,
        },
    ).scalar_one()
    for split in layout_of(story).splits:
        connection.execute(
            text("INSERT INTO split VALUES (:dataset, :split, :size, :first, :block, '')"),
            {
                "dataset": dataset_id,
                "split": split.split,
                "size": split.size,
                "first": split.first_example,
                "block": split.blocks[0].block,
            },
        )
    for block in _blocks(story):
        labels = story.labels[block.first_example : block.first_example + block.size]
        where = {
            "dataset": dataset_id,
            "block": block.block,
            "split": block.split,
            "first": block.first_example,
            "position": block.first_position,
        }
        connection.execute(
            text(
                "INSERT INTO block VALUES (:dataset, :block, :split, :first, :position, :size, "
                "CAST(:label AS varbit[]))"
            ),
            where | {"size": block.size, "label": _planes(story, labels)},
        )
        connection.execute(
            text(
                """
                INSERT INTO example
                SELECT :dataset, :first + slot, :split, :position + slot, :position + slot, label,
                    int4send(CAST(:first + slot AS int)), :block, slot
                FROM (
                    SELECT label, place::int - 1 AS slot
                    FROM unnest(CAST(:labels AS int[])) WITH ORDINALITY AS t (label, place)
                ) AS member
                """
            ),
            where | {"labels": labels.tolist()},
        )
    return dataset_id


def _add_evaluation(
    connection: Connection, story: Story, run: int, run_id: int, evaluation: int
) -> None:
    connection.execute(
        text(
            "INSERT INTO evaluation (run_id, evaluation, step, epoch, train_loss) "
            "VALUES (:run, :evaluation, :step, :evaluation, :loss)"
        ),
        {
            "run": run_id,
            "evaluation": evaluation,
            "step": step_of(evaluation),
            "loss": loss_of(run, evaluation),
        },
    )
    for block in _blocks(story):
        examples = slice(block.first_example, block.first_example + block.size)
        connection.execute(
            text(
                "INSERT INTO outcome_block VALUES (:run, :block, :evaluation, "
                "CAST(:correct AS varbit), CAST(:predicted AS varbit[]))"
            ),
            {
                "run": run_id,
                "block": block.block,
                "evaluation": evaluation,
                "correct": bitmap(story.correct[run, examples, evaluation]),
                "predicted": _planes(story, story.predicted[run, examples, evaluation]),
            },
        )
