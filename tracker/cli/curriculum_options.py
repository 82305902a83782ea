"""How training data is ordered: the options that `enqueue` and `curriculum preview` share."""

from typing import Annotated

import typer

from tracker.curriculum.growth import PACINGS
from tracker.curriculum.order import EASY_ENDS, ORDERS, check_order
from tracker.curriculum.training import CurriculumOptions
from tracker.errors import UsageError, choice_error

PACING_NAMES = tuple(name for name in PACINGS if name != "varied-exponential")
"""That one needs a length for each growth, which only Python can give."""

EasyOption = Annotated[
    str | None,
    typer.Option(
        help=f"At which end of the score easy examples are: {', '.join(EASY_ENDS)}; known for the "
        "field's scores."
    ),
]
PacingOption = Annotated[
    str | None, typer.Option(help=f"How the pool grows: {', '.join(PACING_NAMES)}.")
]
StartOption = Annotated[float | None, typer.Option(help="First share of the examples in the pool.")]
GrowOption = Annotated[
    float | None,
    typer.Option(help="Share of training over which the pool grows; 0: all are in it at once."),
]
BalanceOption = Annotated[bool, typer.Option("--balance", help="Classes enter the pool in turn.")]
DropSuspectedOption = Annotated[
    bool, typer.Option("--drop-suspected", help="Leave out what suspected_label_errors names.")
]


def check_pacing_name(pacing: str | None) -> None:
    """Refuse a name that `--pacing` does not know, listing those that its help lists."""
    if pacing not in (None, *PACING_NAMES):
        raise choice_error("pacing", pacing, PACING_NAMES)


def curriculum_options(
    order: str | None,
    ensembles: str | None,
    score: str | None,
    easy: str | None,
    pacing: str | None,
    start: float | None,
    grow: float | None,
    balance: bool,
    drop_suspected: bool,
) -> CurriculumOptions | None:
    """What the options of a curriculum ask for, checked; None if there are none.

    Raises
    ------
    UsageError
        If one lacks what it needs beside it, is unknown or out of range.
    """
    if order is None:
        for option, value in (("--curriculum-scores", ensembles), ("--curriculum-score", score),
                              ("--easy", easy), ("--pacing", pacing),
                              ("--start", start), ("--grow", grow),
                              ("--balance", balance or None),
                              ("--drop-suspected", drop_suspected or None)):  # fmt: skip
            if value is not None:
                raise UsageError(f"{option} needs --curriculum beside it: {', '.join(ORDERS)}")
        return None
    check_order(order)
    check_pacing_name(pacing)
    if ensembles is None:
        raise UsageError(
            f"--curriculum {order} needs --curriculum-scores, an ensemble of the same dataset "
            "(`tracker list`)"
        )
    options = CurriculumOptions(
        order,
        tuple(name.strip() for name in ensembles.split(",")),
        score="accessibility" if score is None else score,
        easy=easy,
        pacing=pacing,
        start=start,
        grow=grow,
        balance=balance,
        drop_suspected=drop_suspected,
    )
    options.check()
    return options
