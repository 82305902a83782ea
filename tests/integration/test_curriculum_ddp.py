"""Two real processes with gloo: one reads the database, both train, each on its half."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from tests.support.ddp_process import EPOCHS
from tests.support.ensembles import block_size, make_dataset, record, story_of
from tracker import CurriculumSampler

ROOT = Path(__file__).parents[2]
RIGHT = np.random.default_rng(3).random((4, 30, 5)) < np.linspace(0, 1, 30)[:, None]
STORY = story_of(RIGHT, sizes={"train": 21, "test": 9}, name="demo", dataset="data")


@pytest.mark.embedded_only
def test_two_processes_train_under_one_curriculum(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection, block_size(8):
        record(connection, STORY)
    train = make_dataset("data", STORY.sizes, STORY.labels, 3).splits["train"]
    CurriculumSampler(train, ensemble="demo", epochs=EPOCHS, record="taken", engine=engine)
    options = {
        "database": engine.url.render_as_string(hide_password=False),
        "labels": STORY.labels.tolist(),
        "sizes": dict(STORY.sizes),
    }
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-W", "error", "-m", "tests.support.ddp_process"),
                *(str(rank), "2", str(tmp_path / "meeting"), json.dumps(options)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ended = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    first, second = (json.loads(out) for out, _ in ended)

    alone = CurriculumSampler(
        train, ensemble="demo", epochs=EPOCHS, start=0.4, seed=5, engine=engine
    )
    for epoch in range(EPOCHS):
        alone.set_epoch(epoch)
        whole = list(alone)
        shares = first["seen"][epoch], second["seen"][epoch]
        assert len(shares[0]) == len(shares[1])
        together = [position for pair in zip(*shares, strict=True) for position in pair]
        assert together == [*whole, *whole[: len(together) - len(whole)]]
    assert first["weights"] == second["weights"]
    for told in (first, second):
        assert told["unknown"] == "no ensemble 'nobody': choose one of demo"
        assert told["taken"].startswith("curriculum 'taken' is recorded already, with ")
    # Only the first can look up where; the second knows that.
    assert "position 0 has another picture" in first["mismatch"]
    assert "its fingerprint differs" in second["mismatch"]
    [warning] = first["warnings"]
    assert warning.startswith("epoch 3 keeps the scores of before: cannot connect to PostgreSQL")
    assert second["warnings"] == []
