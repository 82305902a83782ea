"""`tracker doctor`: what stands in the way of training, and what to do about it."""

from typing import Annotated

import typer

from tracker.cli.output import chosen_format, out, print_json
from tracker.doctor import Finding, examine
from tracker.errors import choice_error
from tracker.settings import get_settings

FORMATS = ("text", "json")
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    form: Annotated[
        str | None, typer.Option("--format", help="text, or json, which is the same as --json.")
    ] = None,
) -> None:
    """Check database, broker, runs, checkpoints, disk, GPU and versions; say what to do next.

    Starts nothing and changes nothing. The exit code is 1 if something fails.
    """
    form = chosen_format(form, json)
    if form not in (None, *FORMATS):
        raise choice_error("format", form, FORMATS)
    json = form == "json"
    findings = []
    for finding in examine(get_settings()):
        findings.append(finding)
        if not json:
            _print(finding)
    if json:
        print_json(findings)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)


def _print(finding: Finding) -> None:
    step = f"; {finding.next_step}" if finding.next_step else ""
    out.print(
        f"{finding.status:<4}  {finding.check:<12} {finding.message}{step}",
        style=STYLES[finding.status],
    )
