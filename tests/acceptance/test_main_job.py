"""Enqueue, train, store, ask, reorder: the whole path on real digits."""

import signal
import time

import numpy as np
import pytest
from sqlalchemy import Engine, make_url, text

from tests.acceptance.conftest import Tracker, Typed, descendants, kill_tree, wait_until
from tracker.db.engine import make_engine

MLP = ("--arch", "mlp-tiny", "--dataset", "mnist5k")


def columns(tracker: Tracker, query: str) -> np.ndarray:
    """Numbers of a query, float64 [columns, rows]."""
    return np.array(tracker.sql(query), dtype=float).T


def test_every_run_records_every_example_at_every_evaluation(digits_ensemble: Tracker) -> None:
    rows = digits_ensemble.sql("SELECT count(*), count(DISTINCT run_id) FROM outcome")
    assert rows == [[str(10 * 5000 * 31), "10"]]
    states = digits_ensemble.sql("SELECT DISTINCT state, evaluations, share FROM run_progress")
    assert states == [["complete", "31", "1"]]


@pytest.mark.parametrize("split", ["train", "test"])
def test_first_correct_bounds_accuracy_bounds_last_mistake(
    digits_ensemble: Tracker, split: str
) -> None:
    """Hu 2022: FC(e) >= accuracy(e) >= LM(e) at every evaluation."""
    first, learned = columns(
        digits_ensemble,
        "SELECT coalesce(first_correct, 999), coalesce(learned, 999) FROM forgetting"
        f" WHERE split = '{split}'",
    )
    evaluations, accuracy = columns(
        digits_ensemble,
        f"SELECT evaluation, avg(accuracy) FROM run_accuracy WHERE split = '{split}'"
        " GROUP BY evaluation ORDER BY evaluation",
    )
    first_share = np.array([(first <= e).mean() for e in evaluations])
    # No mistake from e on.
    last_share = np.array([(learned <= e).mean() for e in evaluations])
    assert len(evaluations) == 31
    assert (first_share >= accuracy - 1e-12).all()
    assert (accuracy >= last_share - 1e-12).all()
    assert accuracy[-1] > 0.8


def test_tp_agreement_is_more_bimodal_than_independent_runs(digits_ensemble: Tracker) -> None:
    """Hacohen 2020 s.3.1, once training has begun; before, runs are independent guesses."""
    evaluations, observed, null = columns(
        digits_ensemble,
        "SELECT evaluation, bimodality, null_bimodality FROM bimodality WHERE split = 'train'"
        " ORDER BY evaluation",
    )
    trained = evaluations >= 1
    below = observed[trained] < null[trained] - 1e-6
    assert (int(below.sum()), len(below)) == (30, 30), "evaluations below the null model, of all"


def test_two_halves_of_the_seeds_agree_on_the_order(digits_ensemble: Tracker) -> None:
    counts = columns(
        digits_ensemble,
        "SELECT count(*) FILTER (WHERE correct AND seed < 5),"
        " count(*) FILTER (WHERE correct AND seed >= 5)"
        " FROM outcome WHERE split = 'train' AND evaluation > 0 GROUP BY example_id",
    )
    correlation = np.corrcoef(*counts)[0, 1]
    print(f"accessibility of two disjoint halves of the seeds: r = {correlation:.3f}")
    assert correlation > 0.9


def test_the_readmes_question(digits_ensemble: Tracker) -> None:
    text = digits_ensemble("psql", "-c", "SELECT * FROM learning_order ORDER BY rank LIMIT 5")
    assert "accessibility" in text
    assert "(5 rows)" in text


def test_curriculum_sampler_reads_the_ensemble(digits_ensemble: Tracker) -> None:
    from tracker.curriculum import CurriculumSampler
    from tracker.datasets import load_split

    engine = make_engine(
        make_url(digits_ensemble.environment["TRACKER_DATABASE_URL"]).set(
            drivername="postgresql+psycopg"
        )
    )
    sampler = CurriculumSampler(
        load_split("mnist5k", "train"), ensemble="digits", epochs=10, start=0.1, engine=engine
    )
    first = set(sampler)
    sampler.set_epoch(9)
    everything = set(sampler)
    engine.dispose()
    easiest = digits_ensemble.sql(
        "SELECT position FROM learning_order WHERE split = 'train'"
        " ORDER BY accessibility DESC LIMIT 400"
    )
    lowest = digits_ensemble.sql(
        "SELECT min(accessibility) FROM (SELECT accessibility FROM learning_order"
        " WHERE split = 'train' ORDER BY accessibility DESC LIMIT 400) AS easiest"
    )
    above = digits_ensemble.sql(
        "SELECT position FROM learning_order WHERE split = 'train'"
        f" AND accessibility > {lowest[0][0]}"
    )
    assert len(first) == len(easiest) == 400
    assert {int(row[0]) for row in above} <= first
    assert everything == set(range(4000))


@pytest.mark.embedded_only
def test_repeating_a_command_adds_nothing_and_more_seeds_add_the_missing(
    typed_tracker: Typed,
) -> None:
    tracker = typed_tracker
    first = tracker.json("enqueue", *MLP, "--seeds", "2")
    again = tracker.json("enqueue", *MLP, "--seeds", "2")
    more = tracker.json("enqueue", *MLP, "--seeds", "5")
    other = tracker.json("enqueue", *MLP, "--seeds", "1", "--lr", "0.5")
    assert [first["runs_added"], again["runs_added"], more["runs_added"]] == [2, 0, 3]
    assert (first["created"], again["created"], more["runs"]) == (True, False, 5)
    assert other["ensemble"] == "mnist5k-mlp-tiny-lr0.5"
    assert "nothing to add" in tracker("enqueue", *MLP, "--seeds", "2")


@pytest.mark.embedded_only
def test_resnet18_on_a_cpu(tracker: Tracker) -> None:
    options = ("--dataset", "mnist5k", "--examples", "256", "--epochs", "1", "--seeds", "2")
    with tracker.worker():
        tracker("enqueue", "--arch", "resnet18", *options, "--wait", timeout=240)
    rows = tracker.sql("SELECT ensemble, state, evaluations FROM run_progress")
    assert rows == [["mnist5k-256-resnet18-1epoch", "complete", "1"]] * 2


@pytest.mark.embedded_only
def test_a_killed_worker_is_replaced_and_no_bit_differs(tracker: Tracker, engine: Engine) -> None:
    recipe = (*MLP, "--epochs", "60", "--seeds", "2")
    with tracker.worker():
        tracker("enqueue", *recipe, "--name", "undisturbed", "--wait")
    tracker("enqueue", *recipe, "--name", "disturbed")
    progress = text(
        "SELECT max(evaluations) FROM run_progress"
        " WHERE ensemble = 'disturbed' AND state = 'running'"
    )

    def recorded() -> int:
        with engine.connect() as connection:
            return connection.scalar(progress) or 0

    with tracker.worker() as first:
        wait_until(lambda: recorded() >= 3, pause=0.01)
        victims = [first.pid, *descendants(first.pid)]
        assert len(victims) >= 3, "tracker, Celery's main process and its child"
        kill_tree(first.pid)
    assert 3 <= recorded() < 60, "killed in mid-run"
    with tracker.worker("--once") as second:
        assert second.wait(timeout=120) == 0, tracker.logged
    rows = tracker.sql(
        "SELECT state, sum(attempt), sum(evaluations) FROM run_progress"
        " WHERE ensemble = 'disturbed' GROUP BY state"
    )
    life = tracker.sql(
        "SELECT run_id, at, event, attempt, worker, detail FROM run_event ORDER BY at"
    )
    assert rows == [["complete", "3", "120"]], f"one run was taken over: {life} {tracker.logged}"
    different = tracker.sql(
        "SELECT count(*) FROM outcome_block AS one"
        " JOIN run AS a ON a.id = one.run_id JOIN ensemble AS x ON x.id = a.ensemble_id"
        " JOIN ensemble AS y ON y.name = 'disturbed' JOIN run AS b ON b.ensemble_id = y.id"
        " AND b.seed = a.seed LEFT JOIN outcome_block AS other ON other.run_id = b.id"
        " AND other.block = one.block AND other.evaluation = one.evaluation"
        " WHERE x.name = 'undisturbed' AND (other.correct IS DISTINCT FROM one.correct"
        " OR other.predicted IS DISTINCT FROM one.predicted)"
    )
    assert different == [["0"]]


@pytest.mark.embedded_only
def test_cancelling_stops_running_and_queued_runs(tracker: Tracker) -> None:
    tracker("enqueue", *MLP, "--epochs", "2000", "--seeds", "3", "--name", "long")
    with tracker.worker("--once") as worker:
        wait_until(lambda: tracker.sql("SELECT 1 FROM run WHERE state = 'running'") != [])
        text = tracker("cancel", "long")
        assert "cancelled 2 queued; 1 running" in text
        assert worker.wait(timeout=60) == 0
    assert tracker.sql("SELECT DISTINCT state FROM run") == [["cancelled"]]
    assert "nothing to cancel" in tracker("cancel", "long")


@pytest.mark.embedded_only
def test_a_failing_run_says_why_and_does_not_block_the_queue(tracker: Tracker) -> None:
    with tracker.worker():
        done = tracker.run("enqueue", *MLP, "--lr", "1e30", "--seeds", "1", "--wait")
        assert done.returncode == 1
        assert "1 failed" in done.stderr
        assert "training loss is" in done.stderr
        tracker("enqueue", *MLP, "--epochs", "1", "--seeds", "1", "--wait")
    assert "lower --lr" in " ".join(tracker("status").split())
    assert "queued 1 again" in tracker("retry", "mnist5k-mlp-tiny-lr1e+30")
    assert tracker.json("status")["ensembles"][0]["queued"] == 1
    assert tracker.sql("SELECT count(*) FROM learning_order WHERE ensemble LIKE '%lr1e+30'") == [
        ["0"]
    ]


@pytest.mark.embedded_only
def test_ctrl_c_twice_gives_the_run_back_at_once(tracker: Tracker) -> None:
    # Its only evaluation is far away, or the first Ctrl-C would give the run back.
    length = ("--epochs", "20000", "--record-every", "20000epochs")
    tracker("enqueue", *MLP, *length, "--seeds", "1", "--name", "long")
    with tracker.worker() as worker:
        wait_until(lambda: tracker.sql("SELECT 1 FROM run WHERE state = 'running'") != [])
        for _ in range(2):
            worker.send_signal(signal.SIGINT)
            time.sleep(0.5)
        assert worker.wait(timeout=20) == 130
    assert "runs given back to the queue: 1" in tracker.logged
    assert tracker.sql("SELECT state, max_attempts - attempt FROM run") == [["queued", "3"]]
