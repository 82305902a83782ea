"""Where an imported ensemble comes from: stored in place of a recipe."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from tracker.outcomes.layout import Layout
from tracker.specs import Frozen

KEY = "imported"

DYNAMICS_FILE = re.compile(r"dynamics_epoch_(\d{1,7})\.jsonl?")
"""Name of a file of dataset cartography, with its epoch."""
DYNAMICS_FOLDER = "training_dynamics"


class ImportedSource(Frozen):
    """The file that an ensemble was imported from."""

    file: str
    """Name without its folder; several are joined by commas."""
    sha256: str
    """Of the file; of several, over their digests in order."""
    format: str
    splits: tuple[str, ...]
    """Splits of the dataset that the file tells of; it may have others."""
    signals: tuple[str, ...] = Field(
        default=(),
        # Not stored when empty: specs from before it was told keep their digest.
        exclude_if=lambda signals: not signals,
    )
    """Signals that every run has at every evaluation; empty too where that is not told."""
    partial: tuple[str, ...] = Field(default=(), exclude_if=lambda partial: not partial)
    """Signals that some evaluations have not."""
    outputs: bool = Field(default=False, exclude_if=lambda outputs: not outputs)
    """Whether every run has final softmax outputs."""

    @property
    def spec(self) -> dict[str, Any]:
        """What is stored as the ensemble's spec."""
        return {KEY: self.model_dump(mode="json")}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the spec, in hexadecimal."""
        text = json.dumps(self.spec, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def of(
        cls,
        paths: Sequence[Path],
        form: str,
        splits: Iterable[str],
        partial: Iterable[str] = (),
        *,
        outputs: bool = False,
    ) -> "ImportedSource":
        """The source that these files, or the files in these folders, are."""
        digests = [_sha256(file) for file in _files(paths)]
        whole = hashlib.sha256("\n".join(digests).encode()).hexdigest()
        names = ", ".join(path.resolve().name for path in paths)
        digest = digests[0] if len(digests) == 1 else whole
        return cls(
            file=names,
            sha256=digest,
            format=form,
            splits=tuple(splits),
            partial=tuple(partial),
            outputs=outputs,
        )


def imported_from(spec: Mapping[str, Any]) -> ImportedSource | None:
    """The source of an ensemble with this stored spec; None if it was trained here."""
    return ImportedSource.model_validate(spec[KEY]) if KEY in spec else None


def covered_layout(spec: Mapping[str, Any], dataset: Layout) -> Layout:
    """What an ensemble with this stored spec covers of its dataset's layout.

    Everything, but for imports of files that tell of some splits only.
    """
    source = imported_from(spec)
    return dataset if source is None else dataset.only(source.splits)


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from dynamics_files(path)
        else:
            yield path


def dynamics_files(folder: Path) -> list[Path]:
    """Files that are read of a folder (format cartography); what lies beside them is not."""
    for place in (folder, folder / DYNAMICS_FOLDER):
        found = [path for path in sorted(place.glob("*")) if DYNAMICS_FILE.fullmatch(path.name)]
        if found:
            return found
    return []


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
