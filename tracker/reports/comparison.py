"""Everything that `tracker compare` says of two ensembles of one dataset."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    TableClause,
    func,
    select,
    true,
)

from tracker.errors import UsageError
from tracker.reports import views
from tracker.reports.ensembles import EnsembleInfo
from tracker.reports.subject import find_subject, snapshot
from tracker.specs import EnsembleSpec


@dataclass(frozen=True)
class OrderCorrelation:
    """Correlation of accessibility (Hacohen 2020 s.4.1); None where there is nothing to correlate.

    A p-value of 0 is one below 1e-280.
    """

    examples: int
    pearson: float | None
    pearson_p: float | None
    spearman: float | None
    spearman_p: float | None


@dataclass(frozen=True)
class MatchedPair:
    """Two evaluations at which the ensembles are equally accurate, within 1 percentage point."""

    evaluation_a: int
    evaluation_b: int
    accuracy_a: float
    accuracy_b: float
    both_right: int
    """Examples that both majority votes have right; then those that only one has, or none."""
    only_a: int
    only_b: int
    neither: int
    cross_consistency: float
    """Mean Tp-agreement of the merged runs."""
    bimodality: float | None
    """Of the Tp-agreement of the merged runs; lower is more two-peaked."""
    easiest_a: int
    """Examples that more than 0.9 of the runs have right."""
    easiest_b: int
    shared: int
    """Of the easiest of both."""
    expected: float
    """Shared by chance."""


@dataclass(frozen=True)
class Kappas:
    """Error consistency (Cohen's kappa) of pairs of runs."""

    pairs: int
    mean: float | None
    """Over the pairs that have one."""
    min: float | None
    max: float | None


@dataclass(frozen=True)
class ErrorConsistency:
    """Do runs err on the same examples beyond chance (Meding 2022 s.2), within and across?"""

    evaluation_a: int
    evaluation_b: int
    within_a: Kappas
    within_b: Kappas
    across: Kappas
    """Of every run of a with every run of b."""
    same_seed: Kappas | None
    """Of `across`, the pairs of equal seed; None unless they start from the same weights.

    A run's seed draws the initial weights, and the order of the batches: two networks of one
    architecture and one seed err alike, whatever the ensembles have in common."""
    other_seeds: Kappas | None
    """The other pairs of `across`; None where `same_seed` is."""


@dataclass(frozen=True)
class Comparison:
    """Two ensembles, compared on one split of their dataset."""

    a: EnsembleInfo
    b: EnsembleInfo
    split: str
    time_unit_a: str
    """What an evaluation's ordinal counts: `epoch`, or else `evaluation`."""
    time_unit_b: str
    some_held_out: bool
    """Whether runs of a or b hold out some examples of the split.

    All is over all runs and examples, the accuracies of pairs too: not on what each trains on."""
    order: OrderCorrelation
    matched_evaluations: int
    """Pairs of evaluations that are equally accurate."""
    matched: tuple[MatchedPair, ...]
    """For each evaluation of a that has any, the one of b that is closest in accuracy."""
    errors: ErrorConsistency
    """At the last of `matched`; without any, at the last evaluation of each."""


def compare(engine: Engine, a: str, b: str, split: str = "train") -> Comparison:
    """Everything that `tracker compare` prints.

    Raises
    ------
    NotFoundError
        If there is no such ensemble, listing those that there are.
    UsageError
        If they are one, of different datasets, or have no such split.
    TrackerError
        If no run of one of them has recorded an evaluation.
    """
    if a == b:
        raise UsageError(f"{a!r} is compared with itself: name two ensembles")
    with snapshot(engine) as connection:
        one, other = (find_subject(connection, name, split) for name in (a, b))
        if one.info.dataset != other.info.dataset:
            raise UsageError(
                f"{a!r} is of dataset {one.info.dataset}, {b!r} of {other.info.dataset}: only "
                "ensembles of one dataset can be compared, example by example"
            )
        matched = _matched(connection, a, b, split)
        closest = _closest(matched)
        last = (
            (closest[-1].evaluation_a, closest[-1].evaluation_b)
            if closest
            else (one.evaluations[-1].evaluation, other.evaluations[-1].evaluation)
        )
        return Comparison(
            a=one.info,
            b=other.info,
            split=split,
            time_unit_a=one.time_unit,
            time_unit_b=other.time_unit,
            some_held_out=one.some_held_out or other.some_held_out,
            order=_order(connection, a, b, split),
            matched_evaluations=len(matched),
            matched=closest,
            errors=_errors(connection, one.info, other.info, split, last),
        )


def _rows(
    connection: Connection, view: TableClause, a: str, b: str, split: str
) -> Sequence[dict[str, Any]]:
    """The rows of a view of two ensembles on one split."""
    columns = [each for each in view.c if each.name not in ("ensemble_a", "ensemble_b", "split")]
    query = select(*columns).where(
        view.c.ensemble_a == a, view.c.ensemble_b == b, view.c.split == split
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _order(connection: Connection, a: str, b: str, split: str) -> OrderCorrelation:
    (row,) = _rows(connection, views.order_correlation, a, b, split)
    return OrderCorrelation(**row)


def _matched(connection: Connection, a: str, b: str, split: str) -> list[MatchedPair]:
    rows, merged, easiest = (
        {(row["evaluation_a"], row["evaluation_b"]): row for row in found}
        for found in (
            _rows(connection, view, a, b, split)
            for view in (views.both_or_only, views.cross_consistency, views.easiest_overlap)
        )
    )
    return [
        # The easiest examples are told of all pairs of evaluations.
        MatchedPair(**{**row, **merged[pair], **easiest[pair]})
        for pair, row in sorted(rows.items())
    ]


def _closest(matched: Sequence[MatchedPair]) -> tuple[MatchedPair, ...]:
    """Of each evaluation of a the pair that differs least in accuracy, the first of equals."""

    def difference(pair: MatchedPair) -> float:
        # Accuracies are shares of outcomes: the last bits of a mean decide nothing.
        return round(abs(pair.accuracy_a - pair.accuracy_b), 9)

    groups = groupby(matched, key=lambda pair: pair.evaluation_a)
    return tuple(min(group, key=difference) for _, group in groups)


def _errors(
    connection: Connection, a: EnsembleInfo, b: EnsembleInfo, split: str, at: tuple[int, int]
) -> ErrorConsistency:
    def within(ensemble: str, evaluation: int) -> Kappas:
        view = views.error_consistency
        of_all = (
            view.c.ensemble == ensemble,
            view.c.split == split,
            view.c.evaluation == evaluation,
        )
        (found,) = _kappas(connection, view.c.kappa, of_all, [true()])
        return found

    across = func.error_consistency_between(a.ensemble, b.ensemble, *at).table_valued(
        *(Column("split"), Column("kappa", Double), Column("seed_a"), Column("seed_b")),
        name="across",
    )
    is_same = across.c.seed_a == across.c.seed_b
    of_all, same, other = _kappas(
        connection, across.c.kappa, [across.c.split == split], [true(), is_same, ~is_same]
    )
    apart = same.pairs > 0 and _start_alike(a, b)
    return ErrorConsistency(
        *at,
        within_a=within(a.ensemble, at[0]),
        within_b=within(b.ensemble, at[1]),
        across=of_all,
        same_seed=same if apart else None,
        other_seeds=other if apart else None,
    )


def _start_alike(a: EnsembleInfo, b: EnsembleInfo) -> bool:
    """Whether runs of equal seed, of two ensembles of one dataset, have the same initial weights.

    The seed alone draws them (`workers.state`), for an architecture. Seeds of imported runs only
    number them.
    """
    if not isinstance(a.spec, EnsembleSpec) or not isinstance(b.spec, EnsembleSpec):
        return False
    return a.spec.arch == b.spec.arch


def _kappas(
    connection: Connection,
    kappa: ColumnElement[float],
    conditions: Iterable[ColumnElement[bool]],
    parts: Iterable[ColumnElement[bool]],
) -> list[Kappas]:
    """Of the pairs that fulfil all conditions, those of each part, read once."""
    figures = [
        figure.filter(part)
        for part in parts
        for figure in (
            func.count(type_=Integer),
            func.avg(kappa, type_=Double),
            func.min(kappa),
            func.max(kappa),
        )
    ]
    row = connection.execute(select(*figures).where(*conditions)).one()
    return [Kappas(*row[start : start + 4]) for start in range(0, len(row), 4)]
