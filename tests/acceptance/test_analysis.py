"""`tracker analyze --queue`: a worker computes the score, as the command itself would."""

import pytest

from tests.acceptance.conftest import Tracker, Typed, wait_until

SCORE = "ensemble-agreement"


@pytest.mark.embedded_only
def test_a_worker_computes_the_score_that_was_asked_for(tracker: Tracker) -> None:
    enqueue = ("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--epochs", "1")
    shown = "SELECT split, example_id, ensemble_agreement FROM ensemble_agreement ORDER BY 2"
    with tracker.worker():
        tracker(*enqueue, "--seeds", "2", "--record", "outputs", "--name", "told", "--wait")
        assert tracker.sql(shown) == []
        printed = tracker("analyze", "told", SCORE, "--queue")
        assert printed.startswith(f"queued {SCORE} of 1,797 examples from 2 runs")
        wait_until(lambda: tracker.sql(shown) != [])
        computed = tracker.sql(shown)
        # What is current is left alone; a request that is wrong by now does no harm.
        assert tracker.json("analyze", "told", SCORE, "--queue") == {
            "ensemble": "told",
            "score": SCORE,
            "queued": True,
        }
        wait_until(lambda: "current already, 1797 examples from 2 runs" in tracker.logged)
    assert "Traceback" not in tracker.logged
    assert tracker.json("analyze", "told", SCORE)["computed"] is False
    assert tracker.sql(shown) == computed
    assert len(computed) == 1797


@pytest.mark.embedded_only
def test_what_cannot_be_computed_is_not_queued(typed_tracker: Typed) -> None:
    done = typed_tracker.run("analyze", "nobody", SCORE, "--queue")
    assert done.returncode == 2
    assert "no ensemble 'nobody'" in done.stderr
    done = typed_tracker.run("analyze", "nobody", "agr", "--queue")
    assert done.returncode == 2
    assert f"unknown score 'agr': choose one of {SCORE}" in done.stderr
