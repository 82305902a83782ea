"""What each building-block view must say of a story; see `tests.support.reference`.

Slices stand here as the counts that they mean.
"""

from collections.abc import Iterator

from tests.support.bits import bitmap
from tests.support.ensembles import Recorded
from tests.support.reference import Row, answers, begun, counted, ordinals, present


def blocks(recorded: Recorded) -> Iterator[tuple[int, range]]:
    """(number, example_ids) of every block: full ones and a rest, split by split."""
    number = 0
    for indices in recorded.story.split_ranges().values():
        for start in range(indices.start, indices.stop, recorded.block_size):
            yield number, range(start, min(start + recorded.block_size, indices.stop))
            number += 1


def tp_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    return [
        {
            "ensemble_id": recorded.ensemble_id,
            "ensemble": story.name,
            "dataset_id": recorded.dataset_id,
            "block": block,
            "evaluation": e,
            "runs": len(present(story, e)),
            "correct": [int(story.correct[present(story, e), x, e].sum()) for x in indices],
        }
        for e in ordinals(story)
        for block, indices in blocks(recorded)
    ]


def block_history(recorded: Recorded) -> list[Row]:
    story = recorded.story
    rows = []
    for run in counted(story):
        for i, e in enumerate(story.recorded[run]):
            for block, indices in blocks(recorded):
                rights = [[right for _, right in answers(story, run, x)] for x in indices]
                rows.append(
                    {
                        "ensemble_id": recorded.ensemble_id,
                        "ensemble": story.name,
                        "dataset_id": recorded.dataset_id,
                        "run_id": recorded.run_ids[run],
                        "seed": run,
                        "block": block,
                        "evaluation": e,
                        "previous_evaluation": story.recorded[run][i - 1] if i else 0,
                        "next_evaluation": next(iter(story.recorded[run][i + 1 :]), None),
                        "correct": bitmap([right[i] for right in rights]),
                        "correct_by_now": bitmap([any(right[: i + 1]) for right in rights]),
                        "correct_from_now": bitmap([all(right[i:]) for right in rights]),
                        "forgotten": bitmap([right[i - 1] and not right[i] for right in rights])
                        if i
                        else None,
                        "acquired": bitmap([right[i] and not right[i - 1] for right in rights])
                        if i
                        else None,
                    }
                )
    return rows


def learning_block(recorded: Recorded) -> list[Row]:
    story = recorded.story
    if not ordinals(story):
        return []
    first, last = ordinals(story)[0], ordinals(story)[-1]
    rows = []
    for e in range(first, last + 1):
        for block, indices in blocks(recorded):
            # A run stands with its latest evaluation up to e; one that has none yet does not.
            standing = {
                run: max(i for i, at in enumerate(story.recorded[run]) if at <= e)
                for run in begun(story)
                if story.recorded[run][0] <= e
            }
            new = {run: i for run, i in standing.items() if story.recorded[run][i] == e}
            row: Row = {
                "ensemble_id": recorded.ensemble_id,
                "ensemble": story.name,
                "dataset_id": recorded.dataset_id,
                "block": block,
                "evaluation": e,
                "first_evaluation": first,
                "last_evaluation": last,
                "evaluations": len(ordinals(story)),
                "runs": len(new),
                "correct": [],
                "learned": [],
                "met": [],
                "forgotten": [],
                "unbroken": [],
            }
            for x in indices:
                right = {run: [r for _, r in answers(story, run, x)] for run in standing}
                row["learned"].append(sum(all(right[run][i:]) for run, i in standing.items()))
                row["met"].append(sum(any(right[run][: i + 1]) for run, i in standing.items()))
                if new:
                    row["correct"].append(sum(right[run][i] for run, i in new.items()))
                    row["unbroken"].append(
                        sum(
                            (e - (story.recorded[run][i - 1] if i else 0)) * all(right[run][i:])
                            for run, i in new.items()
                        )
                    )
                if any(new.values()):  # someone has recorded one before
                    row["forgotten"].append(
                        sum(right[run][i - 1] and not right[run][i] for run, i in new.items() if i)
                    )
            rows.append(row)
    return rows
