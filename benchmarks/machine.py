"""What the figures were measured on: hardware, load, versions, settings of the server."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import Engine

_SETTINGS = (
    "shared_buffers",
    "work_mem",
    "max_wal_size",
    "max_parallel_workers_per_gather",
    "fsync",
    "wal_level",
)


def installed(package: str) -> str | None:
    """Version of an installed package; None if it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def hardware() -> str:
    """Processor, cores, memory, system, and how busy the machine is."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}; load average {os.getloadavg()[0]:.1f} at the start"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions(*names: str) -> str:
    """Versions of these packages, or of what the store is compared with."""
    found = {name: installed(name) for name in names or ("tracker", "numpy", "psycopg", "duckdb")}
    if not names:
        found["mlflow"] = installed("mlflow") or installed("mlflow-skinny")
    listed = [f"{name} {number or 'not installed'}" for name, number in found.items()]
    return ", ".join([f"Python {platform.python_version()}", *listed])


def server(engine: Engine, kind: str) -> str:
    """Version and settings of the PostgreSQL server; `kind` says whose it is."""
    with engine.connect() as connection:
        number = connection.exec_driver_sql("SHOW server_version").scalar()
        values = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in _SETTINGS}
    listed = ", ".join(f"{name} {value}" for name, value in values.items())
    return f"PostgreSQL {number} ({kind}): {listed}"


def command(module: str = "benchmarks.store") -> str:
    """The command line, to run it again."""
    return " ".join([f"python -m {module}", *sys.argv[1:]])
