"""A curriculum with its numbers in one file, for training where no database can be reached.

NumPy's npz without pickles: `scores`, and `labels`, `weights` where the curriculum has them;
`hashes` and `classes` to tell the dataset by; `metadata`, JSON in UTF-8.
"""

import json
from collections.abc import Sized
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker import __version__
from tracker.curriculum.description import Curriculum
from tracker.curriculum.given import scores_of
from tracker.curriculum.identity import first_difference
from tracker.curriculum.plan import Examples
from tracker.curriculum.source import Source
from tracker.datasets.identity import examples_of, split_fingerprint
from tracker.errors import DatasetMismatchError, UsageError
from tracker.files import SHOWN, whole_file
from tracker.imports.npz_archive import DAMAGE

FORMAT = "tracker curriculum"
VERSION = 1

HASH_BYTES = 4
"""Of each content hash: enough to say where two datasets differ first, a quarter of the size."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Snapshot:
    """What a file holds."""

    curriculum: Curriculum
    examples: Examples
    source: Source


def write_snapshot(path: str | Path, snapshot: Snapshot, dataset: Sized) -> None:
    """Write the file, whole or not at all.

    `dataset` is what the sampler was made with; where its pictures cannot be read, the file knows
    only their number.
    """
    source, arrays = _identify(snapshot.source, dataset)
    arrays["scores"] = snapshot.examples.scores
    for name in ("labels", "weights"):
        values = getattr(snapshot.examples, name)
        if values is not None:
            arrays[name] = values
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "curriculum": snapshot.curriculum.as_json(),
        "source": asdict(source),
        "tracker_version": __version__,
    }
    arrays["metadata"] = np.frombuffer(json.dumps(metadata).encode(), dtype=np.uint8)
    with whole_file(Path(path), force=True) as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_snapshot(path: str | Path, dataset: Sized) -> Snapshot:
    """The curriculum in a file, after checking that `dataset` is the one that it is of.

    Raises
    ------
    UsageError
        If the file is not there or no such snapshot.
    DatasetMismatchError
        If the dataset has another length, picture or label, with the first differing position.
    """
    arrays = _load(path)
    try:
        metadata = json.loads(arrays["metadata"].tobytes())
        if metadata["format"] != FORMAT or metadata["version"] != VERSION:
            raise UsageError(f"it is {metadata['format']!r}, version {metadata['version']}")
        stored = metadata["source"]
        types = stored["types"]
        source = Source(
            ensembles=tuple(stored["ensembles"]),
            score=stored["score"],
            split=stored["split"],
            fingerprint=stored["fingerprint"],
            types=None if types is None else tuple((name, weight) for name, weight in types),
        )
        curriculum = Curriculum.from_json(metadata["curriculum"])
        scores = scores_of(arrays["scores"], len(arrays["scores"]))
        examples = Examples(scores, arrays.get("labels"), arrays.get("weights"))
    except (KeyError, TypeError, ValueError, UsageError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise UsageError(f"{path} is no snapshot of a curriculum: {reason}") from None
    _check(path, dataset, source, arrays)
    return Snapshot(curriculum, examples, source)


def _identify(source: Source, dataset: Sized) -> tuple[Source, Arrays]:
    """The source with the dataset's fingerprint, and what tells its examples apart."""
    try:
        hashes, labels = examples_of(dataset)
    except UsageError:
        return source, {}
    short = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), -1)
    source = Source(**{**asdict(source), "fingerprint": split_fingerprint(hashes, labels)})
    return source, {"hashes": short[:, :HASH_BYTES], "classes": labels}


def _load(path: str | Path) -> Arrays:
    try:
        # NumPy leaves a file open that it cannot read.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise UsageError(f"no file {path}") from None
    except (OSError, TypeError, MemoryError, *DAMAGE) as error:
        reason = str(error)[:SHOWN] or "it claims more than there is memory"
        raise UsageError(f"{path} is no snapshot of a curriculum: {reason}") from None


def _check(path: str | Path, dataset: Sized, source: Source, arrays: Arrays) -> None:
    size = len(arrays["scores"])
    if len(dataset) != size:
        raise DatasetMismatchError(
            f"not the dataset of {path}: it has {len(dataset)} examples, not {size}"
        )
    if source.fingerprint is None:
        return
    hashes, labels = examples_of(dataset)
    if split_fingerprint(hashes, labels) == source.fingerprint:
        return
    stored = [bytes(short) for short in arrays["hashes"]]
    given = [long[:HASH_BYTES] for long in hashes]
    reason = first_difference((given, labels), (stored, arrays["classes"]))
    raise DatasetMismatchError(
        f"not the dataset of {path}: {reason}; hand over that dataset, in that order"
    )
