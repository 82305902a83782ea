"""The long form: `python -m tests.chaos --faults 100 --seed 0`, or `make chaos`."""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.arena import Damage, arena
from tests.chaos.faults import FAULTS
from tests.chaos.storm import storm


def main() -> int:
    """Do it, print the table, and say by the exit code whether anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=108)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--evaluations", type=int, default=600, help="of each run")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="no fault after so many"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracker-chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        home = Path(folder) / "home"
        shape = {"workers": given.workers, "seeds": 3, "evaluations": given.evaluations}
        with arena(home, seed=given.seed, **shape) as found:
            done = storm(found, given.faults, minutes=given.minutes)
            damage = found.compare()
            if not damage.none:
                print(found.log.read_text()[-20_000:], file=sys.stderr)
    print(table(done, damage))
    return 0 if damage.none else 1


def table(done: Counter[str], damage: Damage) -> str:
    """What was done, and what came of it, as Markdown."""
    lines = ["| fault | what happens | times |", "|---|---|---|"]
    for name, fault in FAULTS.items():
        what = str(fault.__doc__).strip().rstrip(".")
        lines.append(f"| {name.replace('_', ' ')} | {what} | {done[name]} |")
    lines.append(f"| **in all** | | **{done.total()}** |")
    told = ", ".join(f"{count} {event}" for event, count in damage.events.items())
    lines += [
        "",
        f"{damage.runs} runs, {damage.outcomes:,} outcomes compared with undisturbed runs': "
        f"{damage.lost} rows lost, {damage.doubled} doubled or different, "
        f"{len(damage.stuck)} runs not complete.",
        f"Events: {told}.",
        *damage.stuck,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
