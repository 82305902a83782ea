"""Files with damage anywhere are imported or refused in one line; nothing of them stays behind."""

import json
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.support.recorded import row_counts
from tests.support.servers import Servers, connected, new_database
from tracker.deletion import delete_ensemble
from tracker.errors import TrackerError
from tracker.imports import import_ensemble

pytestmark = pytest.mark.embedded_only

SHAPE = (2, 6, 3)
LONGEST_LINE = 1000
MOST_BYTES = 64 << 20
"""What reading a small file may take of memory, whatever it claims."""


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    predicted = rng.integers(0, 3, SHAPE)
    return {
        "predicted": predicted,
        "label": np.arange(6) % 3,
        "margin": rng.random(SHAPE).astype(np.float32),
        "seed": np.arange(2),
        "evaluation": np.arange(1, 4),
        "example": np.array([f"e{n}" for n in range(6)]),
        "split": np.array(["train"] * 4 + ["test"] * 2),
        "held_out": np.array([[0, 0, 1, 0, 1, 1]] * 2, dtype=bool),
        "outputs": np.eye(3, dtype=np.float32)[predicted[:, :, -1]],
        "has_outputs": np.array([True, True]),
    }


def npz(file: Path) -> None:
    np.savez(file, **arrays())


def packed_npz(file: Path) -> None:
    np.savez_compressed(file, **arrays())


def parquet(file: Path) -> None:
    runs, examples, evaluations = np.indices(SHAPE).reshape(3, -1)
    predicted = arrays()["predicted"].reshape(-1)
    columns = {
        "seed": runs, "example": [f"e{n}" for n in examples], "evaluation": evaluations,
        "label": examples % 3, "predicted": predicted, "correct": predicted == examples % 3,
        "loss": np.ones(len(runs)),
    }  # fmt: skip
    pq.write_table(pa.table(columns), file, row_group_size=20)


def cartography(file: Path) -> None:
    lines = [
        json.dumps({"guid": n, "logits_epoch_3": [0.5, n, -1.0], "gold": n % 3}) for n in range(6)
    ]
    file.write_text("\n".join(lines))


def forgetting(protocol: int) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        told = {n: [[0.5, 0.1 * n], [0, 1], [0.5, -1.0]] for n in range(5)}
        as_arrays = {5: [np.array([0.5, 1]), np.array([1, 1]), [np.float32(1), np.float64(2)]]}
        file.write_bytes(pickle.dumps(told | as_arrays | {"train": [[], []]}, protocol))

    return write


FORMATS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "npz": ("npz", "a.npz", npz),
    "packed npz": ("npz", "a.npz", packed_npz),
    "parquet": ("parquet", "a.parquet", parquet),
    "cartography": ("cartography", "dynamics_epoch_3.jsonl", cartography),
    **{f"pickle {p}": ("forgetting", "a.pkl", forgetting(p)) for p in (0, 2, 4, 5)},
}

PIECES = st.binary(max_size=12) | st.sampled_from(
    [b"\xff" * 4, b"\x00\x00\x00\x80", b"\xff\xff\xff\x7f", b"9" * 30, b"-", b"nan", b"\n", b"../",
     b"'shape': (99999999999,)", b"r\xff\xff\xff\x7f", b"\x96\xff\xff\xff\x7f\0\0\0\0"]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The file with bits turned, pieces put in, taken out or cut off; or bytes of any kind."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=200))
    content = bytearray(whole)
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 4]))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.sampled_from(["bit", "piece", "cut"]))
        if kind == "bit" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "piece":
            content[place : place + draw(st.sampled_from([0, 1, 4, 12]))] = draw(PIECES)
        else:
            del content[place : place + draw(st.sampled_from([1, 8, len(content)]))]
    return bytes(content)


@pytest.fixture(scope="module")
def kept_engine(servers: Servers) -> Iterator[Engine]:
    """A database for all examples: imports commit."""
    with new_database(servers.admin, servers.template) as url, connected(url) as engine:
        yield engine


@pytest.mark.parametrize("case", FORMATS)
@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_file_holds(
    kept_engine: Engine, tmp_path: Path, case: str, data: st.DataObject
) -> None:
    form, name, write = FORMATS[case]
    file = tmp_path / name
    write(file)
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    before = row_counts(kept_engine)
    refused = None
    tracemalloc.start()
    try:
        import_ensemble(kept_engine, [file], "damaged", form=form)
    except TrackerError as error:
        refused = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if refused is None:
        with kept_engine.begin() as connection:
            delete_ensemble(connection, "damaged")
    else:
        assert refused.startswith(f"cannot import {name}: ")
        assert "\n" not in refused
        assert len(refused) < LONGEST_LINE
    assert row_counts(kept_engine) == before
    assert peak < MOST_BYTES
