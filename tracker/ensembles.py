"""Ensembles: making one, adding runs to it, finding it again."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from tracker.db.models import Ensemble, Run
from tracker.errors import NotFoundError, UsageError
from tracker.events import note_event
from tracker.recipes import get_architecture
from tracker.registry import RegisteredDataset, hold_dataset
from tracker.schedule import Schedule
from tracker.sources import imported_from
from tracker.specs import EnsembleSpec, Recipe

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class Enqueued:
    """What an enqueue did."""

    ensemble_id: int
    ensemble: str
    created: bool
    added: tuple[int, ...]
    """Ids of the runs that were added."""
    states: dict[str, int]
    """Number of the ensemble's runs in each state, the added ones included."""


def default_name(spec: EnsembleSpec) -> str:
    """`dataset-arch`, followed by whatever differs from the stock recipe.

    Two specs have the same name only if they are equal, as long as the stock recipe stays.
    """
    stock = get_architecture(spec.arch).recipe(spec.dataset)
    parts = [spec.dataset_name, spec.arch]
    if spec.split is not None:
        parts.append(spec.split.name_part)
    for name in Recipe.model_fields:
        value = getattr(spec.recipe, name)
        if value != getattr(stock, name):
            parts.append(str(value) if name in ("length", "optimizer") else f"{name}{value}")
    if (curriculum := spec.curriculum) is not None:
        parts += [curriculum.parameters["order"], curriculum.digest[:8]]
    if str(spec.recording.every) != "1epoch":
        parts.append(f"every{spec.recording.every}")
    if spec.recording.initial:
        parts.append("initial")
    if spec.recording.named:
        parts.append("+".join(spec.recording.named))
    if spec.probe is not None:
        parts.append(spec.probe.name_part)
    return "-".join(part.replace("_", "") for part in parts)


def check_name(name: str) -> str:
    """`name` if it can name an ensemble, else `UsageError`."""
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(
            f"--name {name!r}: use up to 100 letters, digits, and . _ + -, a letter or digit first"
        )
    return name


def enqueue_runs(
    connection: Connection,
    name: str,
    spec: EnsembleSpec,
    dataset: RegisteredDataset,
    seeds: range,
    queue: str,
    command: str | None = None,
) -> Enqueued:
    """Make the ensemble if it is new, and those of its runs that are missing, for `queue`.

    The `command` line that asks for it is kept in the history of the runs.

    Raises
    ------
    UsageError
        If the name belongs to an ensemble with another spec; the first difference is named.
    TrackerError
        If the dataset has been deleted meanwhile.
    """
    hold_dataset(connection, dataset)
    if spec.split is not None:
        spec.split.check(dataset.sizes["train"])
    schedule = Schedule.of(spec, dataset.sizes["train"])
    created = connection.scalar(
        insert(Ensemble)
        .values(
            name=name,
            dataset_id=dataset.id,
            spec=spec.model_dump(mode="json"),
            spec_digest=spec.digest,
            evaluations=schedule.evaluations,
            total_steps=schedule.total_steps,
            curriculum_snapshot=spec.curriculum and bytes.fromhex(spec.curriculum.snapshot),
        )
        .on_conflict_do_nothing()
        .returning(Ensemble.id)
    )
    ensemble_id = created if created is not None else _check_spec(connection, name, spec)
    seed = func.generate_series(seeds[0], seeds[-1]).column_valued("seed")
    added = connection.scalars(
        insert(Run)
        .from_select(
            ["ensemble_id", "seed", "queue"], select(literal(ensemble_id), seed, literal(queue))
        )
        .on_conflict_do_nothing()
        .returning(Run.id)
    ).all()
    note_event(connection, "queued", added, None if command is None else {"command": command})
    states = count_states(connection, ensemble_id)
    return Enqueued(ensemble_id, name, created is not None, tuple(sorted(added)), states)


def _check_spec(connection: Connection, name: str, spec: EnsembleSpec) -> int:
    row = connection.execute(select(Ensemble.id, Ensemble.spec).where(Ensemble.name == name)).one()
    source = imported_from(row.spec)
    if source is not None:
        raise UsageError(
            f"ensemble {name!r} was imported from {source.file}, and cannot be trained further: "
            "choose another --name"
        )
    stored = EnsembleSpec.model_validate(row.spec)
    if stored.digest != spec.digest:
        raise UsageError(
            f"ensemble {name!r} exists with another recipe ({stored.first_difference(spec)}): "
            "choose another --name"
        )
    return int(row.id)


def count_states(connection: Connection, ensemble_id: int) -> dict[str, int]:
    """Number of runs of the ensemble in each state that occurs."""
    rows = connection.execute(
        select(Run.state, func.count().label("runs"))
        .where(Run.ensemble_id == ensemble_id)
        .group_by(Run.state)
    )
    return {row.state: row.runs for row in rows}


def get_ensemble_id(connection: Connection, name: str) -> int:
    """Id of the ensemble called `name`.

    Raises
    ------
    NotFoundError
        If there is none, listing up to ten that exist.
    """
    found = connection.scalar(select(Ensemble.id).where(Ensemble.name == name))
    if found is None:
        raise unknown_ensemble(connection, name)
    return int(found)


def unknown_ensemble(connection: Connection, name: str) -> NotFoundError:
    """The error for an ensemble that does not exist, listing the newest ten that do."""
    names = connection.scalars(select(Ensemble.name).order_by(Ensemble.id.desc()).limit(11)).all()
    if not names:
        return NotFoundError(f"no ensemble {name!r}, nor any other: make one with tracker enqueue")
    listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return NotFoundError(f"no ensemble {name!r}: choose one of {listed}")
