"""One fault after another, each in the middle of some run's training."""

import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.chaos.arena import Arena
from tests.chaos.faults import FAULTS


def storm(
    arena: Arena, faults: int, names: Sequence[str] = tuple(FAULTS), minutes: float = float("inf")
) -> Counter[str]:
    """Do so many faults, each kind equally often and in an order drawn by seed; how many of each.

    None is begun after so many minutes. Then all that is open comes to its end.
    """
    end = time.monotonic() + 60 * minutes
    done: Counter[str] = Counter()
    left: list[str] = []
    while done.total() < faults and time.monotonic() < end:
        if not left:
            left = list(names)
            arena.random.shuffle(left)
        name = left.pop()
        began = time.monotonic()
        arena.tend()
        assert arena.wait_until_recording(), f"nothing is recorded before {name}"
        time.sleep(arena.random.random())
        hit = FAULTS[name](arena)
        took = time.monotonic() - began
        told = "" if hit else ", but there was nobody to hit"
        print(f"{done.total() + 1:4} {name} ({took:.1f} s){told}", file=sys.stderr, flush=True)
        if hit:
            done[name] += 1
        else:
            left.insert(0, name)
    arena.tend()
    arena.settle()
    return done
