"""What `--help` says of a command: its docstring, filling the terminal, and its options.

Typer writes `<bool>` behind a flag, as if it took a value.
"""

import inspect
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _plain_flags(super().get_params(ctx))


class _Group(TyperGroup):
    """Commands below one name, whose own flags take no value either."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain_flags(super().get_params(ctx))


def _plain_flags(params: Iterable[Any]) -> list[Any]:
    found = list(params)
    for param in found:
        if getattr(param, "is_bool_flag", False):
            param.metavar = ""
    return found


def flow(app: typer.Typer) -> typer.Typer:
    """`app`, whose commands' help breaks its lines where the terminal ends, not where source does.

    Typer joins the lines of the first paragraph only. Flags are shown without a type.
    """
    app.info.cls = _Group
    for command in app.registered_commands:
        command.cls = _Command
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for group in app.registered_groups:
        group.cls = _Group
        if group.typer_instance is not None:
            flow(group.typer_instance)
    return app
