"""Neighbours per second of the k-NN probes against scikit-learn and faiss-cpu: `make bench-probes`.

    python -m benchmarks.probes --help

Everything is measured in one process, in turns, with two threads each; the neighbours that are
found are compared. On a GPU also the share of what its matrix products can do at best.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in our workers: nobody waits spinning

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from benchmarks.machine import hardware, installed
from benchmarks.memory import OwnPeak
from benchmarks.probe_precision import agreement
from benchmarks.tables import table
from benchmarks.timing import Figure, seconds_of
from tracker.outcomes.probes import NEIGHBOURS
from workers.probes.embeddings import CPU_BYTES, GPU_BYTES
from workers.probes.neighbours import nearest

JOBS = 2
SIZES = (5_000, 50_000)
WIDTHS = (64, 512, 4_096, 16_384)
PRODUCTS = 4e10
FEWEST_QUERIES = 512
"""Multiplications of one search: of large databases with wide rows only so many queries are asked,
but not fewer than this."""
CLASSES = 10
APART = 3.0
"""How far from the origin the classes of sorted rows are, in deviations of each number."""
SAME = 0.999
"""Share of the neighbours that must be the same: others are as near as a rounding."""

Search = Callable[[Tensor, Tensor], NDArray[np.int64]]


def queries_of(size: int, width: int) -> int:
    """How many of the rows are asked for their neighbours."""
    most = int(PRODUCTS / size / width) // 256 * 256
    return min(size, max(FEWEST_QUERIES, most))


def ours(queries: Tensor, rows: Tensor) -> NDArray[np.int64]:
    """The search of the probes, in float32."""
    budget = GPU_BYTES if rows.is_cuda else CPU_BYTES
    with torch.inference_mode():
        return nearest(queries, rows, NEIGHBOURS, budget=budget).cpu().numpy()


def scikit_learn(queries: Tensor, rows: Tensor) -> NDArray[np.int64]:
    """Brute force with two jobs."""
    model = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute", n_jobs=JOBS).fit(
        rows.numpy()
    )
    found: NDArray[np.int64] = model.kneighbors(queries.numpy(), return_distance=False)
    return found


def faiss_cpu(queries: Tensor, rows: Tensor) -> NDArray[np.int64]:
    """Exact search without an index."""
    import faiss

    faiss.omp_set_num_threads(JOBS)
    found: NDArray[np.int64] = faiss.knn(queries.numpy(), rows.numpy(), NEIGHBOURS)[1]
    return found


def rivals() -> dict[str, Search]:
    """Who is measured, this project first."""
    found: dict[str, Search] = {"tracker": ours, "scikit-learn": scikit_learn}
    if installed("faiss-cpu") is not None:
        found["faiss-cpu"] = faiss_cpu
    return found


@dataclass(frozen=True)
class Measured:
    """What one search was seen to do."""

    rates: Figure
    """Distances per second."""
    processor: float
    """Least processor time of all threads for a distance, in seconds: others disturb it less."""
    peak: int
    """Bytes of memory beyond rows and queries."""


def rows_of(size: int, width: int, by_class: bool) -> tuple[Tensor, Tensor]:
    """Normally distributed rows, or rows of one class after the other; and those that are asked."""
    generator = torch.Generator().manual_seed(size + width)
    rows = torch.randn(size, width, generator=generator)
    if not by_class:
        return rows, rows[: queries_of(size, width)].clone()
    middles = APART * torch.randn(CLASSES, width, generator=generator)
    rows += middles[torch.arange(size) * CLASSES // size]
    asked = torch.randperm(size, generator=generator)[: queries_of(size, width)]
    return rows, rows[asked]


def measure(
    searches: Mapping[str, Search], size: int, width: int, repeats: int, by_class: bool
) -> dict[str, Measured]:
    """Each search, in turns; raises if neighbours differ."""
    rows, queries = rows_of(size, width, by_class)
    distances = len(queries) * size
    rates: dict[str, list[float]] = {name: [] for name in searches}
    processor: dict[str, list[float]] = {name: [] for name in searches}
    answers, peaks = {}, {}
    for name, search in searches.items():  # a warm-up
        with OwnPeak() as memory:
            answers[name] = np.sort(search(queries, rows))
        peaks[name] = memory.peak
    for name, answer in answers.items():
        same = np.mean([len(np.intersect1d(*pair)) for pair in zip(answer, answers["tracker"])])  # noqa: B905
        if same < SAME * NEIGHBOURS:
            raise SystemExit(f"{name} finds other neighbours: {same:.2f} of {NEIGHBOURS} the same")
    for _ in range(repeats):
        for name, search in searches.items():
            used = time.process_time()
            seconds, _found = seconds_of(lambda search=search: search(queries, rows))  # type: ignore[misc]
            processor[name].append((time.process_time() - used) / distances)
            rates[name].append(distances / seconds)
    return {
        name: Measured(Figure.of(rates[name]), min(processor[name]), peaks[name])
        for name in searches
    }


def rate(figure: Figure) -> str:
    """Distances per second with their spread."""
    return f"{figure.median / 1e6:,.1f} ({figure.low / 1e6:,.1f} - {figure.high / 1e6:,.1f})"


def compare(repeats: int, sizes: Sequence[int], widths: Sequence[int], by_class: bool) -> None:
    """Print the table of all sizes and widths."""
    searches = rivals()
    lines = []
    for size in sizes:
        for width in widths:
            found = measure(searches, size, width, repeats, by_class)
            own = found["tracker"].rates.median
            line = [f"{size:,} x {width:,}", f"{queries_of(size, width):,}"]
            line += [rate(told.rates) for told in found.values()]
            line += [
                f"{own / told.rates.median:.2f}x"
                for name, told in found.items()
                if name != "tracker"
            ]
            line += [" / ".join(f"{told.processor * 1e9:,.2f}" for told in found.values())]
            line += [f"{2 * own * width / 1e9:,.0f}"]
            line += [" / ".join(f"{told.peak / 2**20:,.0f}" for told in found.values())]
            lines.append(line)
            print(f"measured {line[0]}", file=sys.stderr, flush=True)
    head = ["database", "queries", *searches]
    head += [f"ahead of {name}" for name in searches if name != "tracker"]
    head += ["processor ns a distance", "GFLOP/s", "peak MiB"]
    print(table(head, lines))


# --- GPU ------------------------------------------------------------------------------------------


def on_gpu(repeats: int) -> None:
    """Print TFLOP/s of the search on a GPU, and their share of a large matrix product's."""
    device = torch.device("cuda")
    lines = []
    for precision in ("float32", "tf32", "bfloat16"):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        square = torch.randn(8192, 8192, device=device, dtype=dtype)

        def product(square: Tensor = square) -> None:
            square @ square
            torch.cuda.synchronize()

        product()
        peak = 2 * 8192**3 / min(seconds_of(product)[0] for _ in range(10))
        for width in WIDTHS:
            rows = torch.randn(50_000, width, device=device)

            def search(rows: Tensor = rows, precision: str = precision) -> None:
                with torch.inference_mode():
                    nearest(rows, rows, NEIGHBOURS, precision=precision, budget=GPU_BYTES)
                torch.cuda.synchronize()

            search()
            times = Figure.of([seconds_of(search)[0] for _ in range(repeats)])
            reached = 2 * width * len(rows) ** 2 / times.median
            lines.append(
                [precision, f"50,000 x {width:,}", f"{reached / 1e12:.1f}", f"{reached / peak:.0%}"]
            )
    print(f"\nOn {torch.cuda.get_device_name(device)}, all rows as queries:\n")
    print(table(["precision", "database", "TFLOP/s", "of a large product's"], lines))


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.probes")
    parser.add_argument("--repeats", type=int, default=3, help="of each search after a warm-up")
    parser.add_argument("--quick", action="store_true", help="5,000 rows of 64 and 512 numbers")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="rows")
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help="numbers in a row")
    parser.add_argument(
        "--by-class", action="store_true", help="rows sorted by class; queries from all classes"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(JOBS)
    names = ("torch", "numpy", "scikit-learn", "faiss-cpu")
    print(f"- {hardware()}")
    threads = f"{torch.get_num_threads()} (torch), {JOBS} (scikit-learn, faiss-cpu)"
    print(f"- threads: {threads}")
    kernels = os.environ.get("OPENBLAS_CORETYPE", "its own choice")
    print(f"- kernels of the OpenBLAS in faiss-cpu (OPENBLAS_CORETYPE): {kernels}")
    print("- " + ", ".join(f"{name} {installed(name) or 'not installed'}" for name in names))
    print(f"- `{' '.join(['python -m benchmarks.probes', *sys.argv[1:]])}`\n")
    print(
        f"Millions of distances per second, k = {NEIGHBOURS}, float32, median of "
        f"{chosen.repeats} (smallest - largest), in turns, after a warm-up. Normally distributed "
        f"rows{', sorted by class' if chosen.by_class else ''}; as many of them are asked as the "
        "column says: queries answered per second are the figure over the rows. Processor time is "
        "of all threads, the least of the repeats; peak memory is beyond rows and queries; both in "
        "the same order.\n"
    )
    sizes, widths = (SIZES[:1], WIDTHS[:2]) if chosen.quick else (chosen.sizes, chosen.widths)
    compare(chosen.repeats, sizes, widths, chosen.by_class)
    cuda = torch.cuda.is_available()
    agreement(torch.device("cuda" if cuda else "cpu"))
    if cuda:
        on_gpu(chosen.repeats)


if __name__ == "__main__":
    main()
