"""A slow database slows training down, and never fills memory."""

import time
import tracemalloc

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tests.support.ensembles import add_ensemble, claimed, layout_of, story_of
from tests.support.proxy import throttled
from tracker.db.engine import make_engine
from tracker.outcomes.stream import OutcomeWriter
from tracker.outcomes.writer import EvaluationRecord

EXAMPLES = 80_000
EVALUATIONS = 60
BYTES_PER_SECOND = 10_000_000
LIMIT = 2_000_000  # beside which whatever else the process allocates meanwhile is little


def evaluation(ordinal: int) -> EvaluationRecord:
    packed = np.zeros((4, EXAMPLES // 8), np.uint8)
    loss = np.full(EXAMPLES, ordinal, np.float32)
    return EvaluationRecord(ordinal, ordinal, ordinal, None, packed, {"loss": loss})


@pytest.mark.embedded_only
def test_a_throttled_connection_holds_training_up_in_bounded_memory(engine: Engine) -> None:
    story = story_of(np.zeros((1, EXAMPLES, 1)), num_classes=8)
    with engine.begin() as connection:
        recorded = add_ensemble(connection, story)
        claim = claimed(connection, recorded.run_ids[0])
    handed_over = EVALUATIONS * evaluation(1).nbytes
    with throttled(engine.url, BYTES_PER_SECOND) as url:
        slow = make_engine(url)
        with slow.connect():  # what a first connection needs is not the writer's
            pass
        tracemalloc.start()
        began = time.monotonic()
        with OutcomeWriter(slow, claim, layout_of(story), limit=LIMIT) as writer:
            for ordinal in range(1, EVALUATIONS + 1):
                writer.put(evaluation(ordinal))
            waited = time.monotonic() - began
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        slow.dispose()
    print(
        f"{handed_over / 1e6:.1f} MB at {BYTES_PER_SECOND / 1e6:g} MB/s with a limit of "
        f"{LIMIT / 1e6:g} MB: training held up {waited:.1f} s, peak {peak / 1e6:.2f} MB"
    )
    assert waited > 0.8 * (handed_over - 2 * LIMIT) / BYTES_PER_SECOND
    # What waits, what is being written and its COPY: not all that was handed over.
    assert peak < 3 * LIMIT < handed_over / 3
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM evaluation")) == EVALUATIONS
