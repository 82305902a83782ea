"""Which columns a table does without where the terminal is too narrow for all of them.

Those that tell rows apart stay longest: numbers that stand beside each other without them say
nothing.
"""

from collections.abc import Mapping, Sequence

SAID_BY = {
    "block": "example_id",
    "ensemble_id": "ensemble",
    "ensemble_a_id": "ensemble_a",
    "ensemble_b_id": "ensemble_b",
    "dataset_id": "ensemble",
    "run_id": "seed",
    "run_a": "seed_a",
    "run_b": "seed_b",
    "position": "example_id",
}
"""Columns that go first, by the column that says the same."""

ENSEMBLES = ("ensemble", "ensemble_a", "ensemble_b")
"""Columns that tell rows apart where these are of several ensembles."""

KEYS = {
    *ENSEMBLES,
    *("run_id", "run_a", "run_b", "seed", "seed_a", "seed_b", "event_number"),
    *("split", "example_id", "example_group", "class", "band", "type"),
    *("evaluation", "evaluation_a", "evaluation_b", "signal", "depth", "layer"),
}
"""Columns by which views tell their rows apart (the grain in docs/views.md).

`held_out` is one too where rows are not of one run, which has an example held out or not.
"""

INPUTS = {
    *("examples", "mislabelled", "answers", "layers", "runs_a", "runs_b"),
    *("accuracy_a", "accuracy_b", "observed", "expected", "pearson_p", "spearman_p"),
}
"""Numbers that another one of the row is made of or judged by: the first numbers to go."""

ASIDE = {"label", "runs", "evaluations", "class_name", "layer_name"}
"""What a view says beside what it is asked for: gone before the last number is."""


def next_to_go(kept: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The columns, one or two of at least two, to leave out of a table that is too wide.

    Parameters
    ----------
    kept
        The columns that are left, as the view orders them.
    rows
        The cells by column.
    """

    def one_valued(name: str) -> bool:
        return len({row[name] for row in rows}) == 1

    for name, other in SAID_BY.items():
        if name in kept and other in kept:
            return [name]
    for name in ENSEMBLES:
        if name in kept and one_valued(name):
            return [name]
    keys = KEYS if "seed" in kept else KEYS | {"held_out"}
    numbers = [name for name in kept if name not in keys]
    aside = [name for name in numbers if name in ASIDE]
    if aside and len(numbers) <= len(aside) + 1:
        return aside[-1:]
    same = [name for name in kept if name in keys and one_valued(name)]
    if same and len(numbers) == 1:
        return same[-1:]
    inputs = [name for name in numbers if name in INPUTS]
    if inputs and len(inputs) < len(numbers):
        return inputs[-1:]
    last = (numbers or kept)[-1]
    # Of runs that trained on an example alone, a number is easily taken for that of all.
    pair = last.replace("held_out", "trained_on")
    return [last, pair] if pair != last and pair in numbers and len(kept) > 2 else [last]
