"""`make demo`: the whole path on real digits, through the same commands that a user types.

Whatever this starts (servers, a worker) it stops, also after Ctrl-C or a failure. Data stays:
a second run reuses it.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from tracker.embedded import EmbeddedServers
from tracker.settings import get_settings

FOLDER = Path(__file__).parent
LOG = FOLDER / "worker.log"
TRACKER = str(Path(sys.executable).with_name("tracker"))
ENSEMBLE = "mnist5k-mlp-tiny"
ENQUEUE = ["enqueue", "--arch", "mlp-tiny", "--dataset", "mnist5k", "--seeds", "10"]


def say(*arguments: str) -> None:
    """Run one command as a user would, showing it first."""
    print(f"\n$ tracker {' '.join(arguments)}", flush=True)
    subprocess.run([TRACKER, *arguments], check=True)


def states() -> dict[str, int]:
    """Number of the ensemble's runs in each state; empty if it is not queued yet."""
    answer = subprocess.run([TRACKER, "status", "--json"], check=True, stdout=subprocess.PIPE)
    for row in json.loads(answer.stdout)["ensembles"]:
        if row["ensemble"] == ENSEMBLE:
            names = ("queued", "running", "complete", "failed", "cancelled")
            return {name: row[name] for name in names if row[name]}
    return {}


def train() -> None:
    """Train the ensemble with a worker of our own, unless it is trained already."""
    if set(states()) == {"complete"}:
        say(*ENQUEUE)
        print("reusing the ensemble: all of its runs are complete", flush=True)
        return
    print(f"\n$ tracker worker 2> {LOG.name} &", flush=True)
    with LOG.open("w") as log:
        worker = subprocess.Popen(
            [TRACKER, "worker"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        say(*ENQUEUE, "--wait")
    finally:
        # Twice: once stops at the next evaluation, twice stops now; the run is given back.
        for _ in range(2):
            worker.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        worker.wait()


def main() -> None:
    """The demo, step by step."""
    began = time.monotonic()
    print("$ tracker up", flush=True)
    running = EmbeddedServers(get_settings().home)
    ours = not any(server.running for server in running.status())
    try:
        subprocess.run([TRACKER, "up"], check=True)
        train()
        say("show", ENSEMBLE)
        say("plot", "learning-order", ENSEMBLE, "--out", str(FOLDER / "learning-order.png"))
        say("plot", "tp-agreement", ENSEMBLE, "--out", str(FOLDER / "tp-agreement.png"))
        print("\n$ python demo/curriculum.py", flush=True)
        subprocess.run([sys.executable, str(FOLDER / "curriculum.py")], check=True)
        print(f"\ndone in {time.monotonic() - began:.0f} s. Next, ask in SQL:")
        query = "SELECT * FROM learning_order WHERE split = 'train' ORDER BY rank LIMIT 5"
        print(f'  .venv/bin/tracker psql -c "{query}"')
    finally:
        if ours:
            say("down")


def stop(number: int, *_: object) -> None:
    """Leave through the `finally` clauses."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        main()
    except subprocess.CalledProcessError as error:
        # The command has said in its own line what was wrong.
        sys.exit(error.returncode)
