"""`tracker delete` and `tracker verify`: what is stored, and whether it is sound."""

import sys
from typing import Annotated

import typer

from tracker.cli import output
from tracker.cli.output import counted
from tracker.cli.session import open_engine, open_reader
from tracker.deletion import (
    Contents,
    check_idle,
    contents,
    delete_checkpoints,
    delete_ensemble,
    give_back_space,
)
from tracker.errors import UsageError
from tracker.settings import get_settings
from tracker.verification import Verification
from tracker.verification import verify as check_ensemble
from tracker.verification.problems import listed


def delete(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even if runs are queued or running.")
    ] = False,
) -> None:
    """Delete an ensemble with all that its runs have recorded, for good.

    The dataset's rows go too, unless other ensembles are of it; its files stay.
    """
    engine = open_engine()
    with engine.connect() as connection:
        found = contents(connection, ensemble)
    check_idle(found, force=force)
    if not yes:
        _confirm(found)
    with engine.begin() as connection:
        found = delete_ensemble(connection, ensemble, force=force)
    if reason := delete_checkpoints(get_settings().checkpoint_folder, found.uids):
        output.note(reason)
    if reason := give_back_space(engine, dataset=not found.dataset_users):
        output.note(reason)
    output.out.print(f"deleted {_describe(found)}")
    if found.dataset_users:
        others = (
            "1 other ensemble is"
            if found.dataset_users == 1
            else (f"{found.dataset_users} other ensembles are")
        )
        output.out.print(f"dataset {found.dataset} stays: {others} of it")
    else:
        output.out.print(f"deleted dataset {found.dataset} too: no other ensemble is of it")


def _confirm(found: Contents) -> None:
    what = _describe(found)
    if not sys.stdin.isatty():
        raise UsageError(f"this deletes {what}, for good: say --yes, since there is no one to ask")
    typer.confirm(f"Delete {what}, for good?", abort=True, err=True)


def _describe(found: Contents) -> str:
    return (
        f"{found.ensemble}: {counted(found.runs, 'run')}, "
        f"{counted(found.evaluations, 'evaluation')}, {counted(found.outcomes, 'outcome')}"
    )


def verify(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(help="Name at most this many problems.")] = 20,
) -> None:
    """Check all that an ensemble has stored; the exit code is 1 if anything is wrong.

    Lengths, missing blocks and evaluations, labels, predicted classes against labels, checksums.
    Of signals and their summaries presence and lengths: their values have no checksum. Of softmax
    outputs also that they sum to 1 and agree with the predicted classes.
    """
    if limit < 1:
        raise UsageError(f"--limit must be at least 1, got {limit}")
    found = check_ensemble(open_reader(), ensemble, limit)
    if json:
        output.print_json(found)
    else:
        _print(found)
    if found.problem_count:
        raise typer.Exit(1)


def _print(found: Verification) -> None:
    for problem in found.problems:
        output.out.print(str(problem))
    if (more := found.problem_count - len(found.problems)) > 0:
        output.out.print(f"... and {more:,} more: --limit shows them")
    parts = (
        (found.runs, "run"),
        (found.evaluations, "evaluation"),
        (found.blocks, "block"),
        (found.outcomes, "outcome"),
    )
    checked = ", ".join(counted(count, noun) for count, noun in parts)
    if found.signal_blocks:
        checked += f", {counted(found.signal_blocks, 'block')} of signals"
    if found.output_blocks:
        checked += f", {counted(found.output_blocks, 'block')} of outputs"
    if found.depth_blocks:
        checked += f", {counted(found.depth_blocks, 'block')} of prediction depths"
    wrong = counted(found.problem_count, "problem") if found.problem_count else "nothing is wrong"
    output.out.print(f"{found.ensemble}: {checked} checked, {wrong}")
    if found.unrecorded:
        states = ", ".join(f"{count} {state}" for state, count in found.unrecorded.items())
        output.out.print(
            "without anything recorded, so not checked: "
            f"{counted(sum(found.unrecorded.values()), 'run')} ({states})"
        )
    if found.unchecked:
        output.out.print(
            f"without a checksum, so not checked against one: {sum(found.unchecked.values()):,} "
            f"evaluations of seeds {listed(list(found.unchecked))}"
        )
