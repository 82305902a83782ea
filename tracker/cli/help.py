"""What `--help` says of a command: its docstring, in paragraphs that fill the terminal."""

import inspect

import typer


def flow(app: typer.Typer) -> typer.Typer:
    """`app`, whose commands' help breaks its lines where the terminal ends, not where source does.

    Typer joins the lines of the first paragraph only.
    """
    for command in app.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            flow(group.typer_instance)
    return app
