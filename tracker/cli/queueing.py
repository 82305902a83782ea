"""From a spec to an ensemble's rows and messages."""

from sqlalchemy import Engine

from tracker.cli.output import note
from tracker.curriculum.missing import missing_words
from tracker.curriculum.records import store_snapshot
from tracker.curriculum.training import CurriculumOptions, curriculum_of
from tracker.datasets import load_named
from tracker.ensembles import Enqueued, default_name, enqueue_runs
from tracker.errors import DatasetUnavailableError
from tracker.masking import command_line
from tracker.registry import RegisteredDataset, check_fingerprint, find_dataset, register_dataset
from tracker.settings import Settings
from tracker.specs import EnsembleSpec


def queue_ensemble(
    engine: Engine,
    settings: Settings,
    spec: EnsembleSpec,
    seeds: range,
    *,
    name: str | None = None,
    curriculum: CurriculumOptions | None = None,
) -> tuple[EnsembleSpec, Enqueued]:
    """Register the dataset, fix the curriculum's scores, queue the runs and wake workers.

    Parameters
    ----------
    name
        Of the ensemble; `default_name` of the spec if not given.
    curriculum
        What to add to the spec, with the scores of this moment.

    Returns
    -------
    spec : EnsembleSpec
        The curriculum included.
    enqueued : Enqueued
    """
    # Celery takes half a second to load: not before the request is known to be right.
    from tracker.queue import check_broker, make_celery, send_runs

    celery = make_celery(settings)
    check_broker(celery, settings)
    dataset = _register(engine, settings, spec)
    examples = None
    if curriculum is not None:
        added, examples = curriculum_of(engine, curriculum, dataset)
        spec = spec.model_copy(update={"curriculum": added})
        if missing := missing_words(curriculum.curriculum(), examples):
            note(f"{curriculum.score}: {missing}")
    with engine.begin() as connection:
        if examples is not None:
            store_snapshot(connection, examples)
        result = enqueue_runs(
            connection, name or default_name(spec), spec, dataset, seeds, settings.queue,
            command_line(),
        )  # fmt: skip
    send_runs(celery, engine, result.added)
    return spec, result


def _register(engine: Engine, settings: Settings, spec: EnsembleSpec) -> RegisteredDataset:
    with engine.begin() as connection:
        known = find_dataset(connection, spec.dataset_name)
    try:
        data = load_named(spec.dataset_name, settings.data_folder)
    except DatasetUnavailableError:
        # The workers may have what this machine has not; its identity is already known.
        if known is not None:
            return known
        raise
    with engine.begin() as connection:
        if known is not None:
            check_fingerprint(connection, data)
            return known
        return register_dataset(connection, data)
