"""The short form of `make chaos`: a few faults of each sort, and not a bit differs."""

from pathlib import Path

import pytest

from tests.chaos.arena import arena
from tests.chaos.storm import storm

FAULTS = ("kill_child", "commit_postgres_killed", "migrate", "flush_broker")


@pytest.mark.embedded_only
def test_nothing_is_lost_doubled_or_stuck(home: Path) -> None:
    with arena(home, seed=0, workers=1, seeds=2, evaluations=100) as found:
        done = storm(found, len(FAULTS), FAULTS)
        damage = found.compare()
        log = found.log.read_text()
    assert done.total() == len(FAULTS)
    assert damage.none, f"{damage}\n{log}"
    assert damage.runs >= 2
