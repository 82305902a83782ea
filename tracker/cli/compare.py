"""`tracker compare`: do two ensembles learn, and miss, the same examples?"""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tracker.cli import output
from tracker.cli.output import counted, number, print_table, thin
from tracker.cli.session import open_reader
from tracker.reports import Comparison, EnsembleInfo, Kappas, MatchedPair
from tracker.reports import compare as compare_ensembles
from tracker.specs import EnsembleSpec

MATCHED_ROWS = 12
"""Matched evaluations in the table; the first and the last are always among them."""


def compare(
    a: Annotated[str, typer.Argument(help="Name of one ensemble.")],
    b: Annotated[str, typer.Argument(help="Name of another one, of the same dataset.")],
    split: Annotated[str, typer.Option(help="Split whose examples are compared.")] = "train",
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with every matched evaluation.")
    ] = False,
) -> None:
    """Compare two ensembles: order of learning, right or wrong on the same examples.

    Each learns at its own pace, so they are compared where they are equally accurate, within 1
    percentage point.
    """
    found = compare_ensembles(open_reader(), a, b, split)
    if json:
        output.print_json(found)
        return
    for part in (_heading, _order, _matched, _errors):
        part(found)


def _heading(found: Comparison) -> None:
    grid = Table.grid(padding=(0, 2))
    size = found.a.sizes[found.split]
    grid.add_row("of", f"{found.a.dataset}, {size:,} {found.split} examples")
    for letter, info in (("a", found.a), ("b", found.b)):
        grid.add_row(letter, _describe(info))
        for particular in (info.trained_on, info.order):
            if particular is not None:
                grid.add_row("", particular)
    if found.some_held_out:
        # The accuracies that `tracker show` and `list` have are others.
        grid.add_row(
            "over", "all examples in every run, those that it holds out too, also in a %, b %"
        )
    title = f"{found.a.ensemble} (a) and {found.b.ensemble} (b)"
    output.out.print(Text(title, style="bold"))
    output.out.print(grid)


def _describe(info: EnsembleInfo) -> str:
    what = info.spec.arch if isinstance(info.spec, EnsembleSpec) else f"from {info.spec.file}"
    return f"{what}; {info.states}" + ("" if info.recipe is None else f"; {info.recipe}")


def _order(found: Comparison) -> None:
    order = found.order
    rows = [
        {"correlation": word, "r": number(r, 3), "p-value": _p_value(p)}
        for word, r, p in (
            ("Pearson", order.pearson, order.pearson_p),
            ("Spearman", order.spearman, order.spearman_p),
        )
    ]
    print_table("Do they learn in the same order? Correlation of accessibility", rows)


def _p_value(p: float | None) -> str | None:
    return "below 1e-280" if p == 0 else None if p is None else f"{p:.1g}"


def _matched(found: Comparison) -> None:
    title = f"Equally accurate: {counted(found.matched_evaluations, 'pair')} of evaluations"
    if not found.matched:
        output.out.print()
        output.out.print(Text(title, style="bold"))
        output.out.print("They are nowhere equally accurate within 1 percentage point.")
        return
    pairs = thin(found.matched, MATCHED_ROWS)
    print_table(
        f"{title}; of each of a, the closest of b",
        [_at(pair, found) | _majorities(pair) for pair in pairs],
    )
    output.out.print("both, only a, only b, neither: examples that the majority of runs has right.")
    print_table(
        "Right in most runs: of both together, and the easiest of each",
        [_at(pair, found) | _shares(pair) for pair in pairs],
    )
    output.out.print("merged: share of the runs of both that are right, and how two-peaked it is.")
    output.out.print("easiest: examples that over 0.9 of the runs have right.")


def _at(pair: MatchedPair, found: Comparison) -> dict[str, object]:
    return {
        f"{found.time_unit_a} a": pair.evaluation_a,
        f"{found.time_unit_b} b": pair.evaluation_b,
    }


def _majorities(pair: MatchedPair) -> dict[str, object]:
    return {
        "a %": f"{100 * pair.accuracy_a:.1f}",
        "b %": f"{100 * pair.accuracy_b:.1f}",
        "both": f"{pair.both_right:,}",
        "only a": f"{pair.only_a:,}",
        "only b": f"{pair.only_b:,}",
        "neither": f"{pair.neither:,}",
    }


def _shares(pair: MatchedPair) -> dict[str, object]:
    return {
        "merged %": f"{100 * pair.cross_consistency:.1f}",
        "bimodality": number(pair.bimodality, 2),
        "easiest a": f"{pair.easiest_a:,}",
        "easiest b": f"{pair.easiest_b:,}",
        "shared": f"{pair.shared:,}",
        "by chance": f"{pair.expected:,.0f}",
    }


def _errors(found: Comparison) -> None:
    errors = found.errors
    at = (
        f"{found.time_unit_a} {errors.evaluation_a} of a, "
        f"{found.time_unit_b} {errors.evaluation_b} of b"
    )
    pairs = {"two runs of a": errors.within_a, "two runs of b": errors.within_b}
    if errors.same_seed is None or errors.other_seeds is None:
        pairs["one of each"] = errors.across
    else:
        pairs["one of each, same seed"] = errors.same_seed
        pairs["one of each, other seeds"] = errors.other_seeds
    rows = [_kappas(word, kappas) for word, kappas in pairs.items()]
    print_table(f"Do they err on the same examples? Error consistency at {at}", rows)
    output.out.print("Cohen's kappa of being right: 0 as by chance, 1 on the very same examples.")
    if errors.same_seed is not None:
        output.out.print(
            "same seed: from equal initial weights, and so more alike; enqueue --seed-start sets it"
        )


def _kappas(word: str, kappas: Kappas) -> dict[str, object]:
    return {
        "pairs of": word,
        "number": f"{kappas.pairs:,}",
        "mean kappa": number(kappas.mean, 3),
        "least": number(kappas.min, 3),
        "most": number(kappas.max, 3),
    }
