"""An error that leaves the GPU unusable to a process costs that process, and one attempt.

Without a GPU the error is raised as torch raises it; the process that has seen it fails every time
from then on, as CUDA would.
"""

from pathlib import Path

import pytest

from tests.acceptance.conftest import Tracker

POISONED = '''
"""`sitecustomize.py` of a worker: the first process that trains loses its device."""
import importlib.util, os, sys

MARK = {mark!r}

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "workers.training":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_break(module):
            load(module)
            train = module.train

            def failing(state, on_step=None):
                import torch
                if not os.path.exists(MARK):
                    open(MARK, "x").write(str(os.getpid()))
                for record in train(state, on_step):
                    if open(MARK).read() == str(os.getpid()):
                        raise torch.AcceleratorError("CUDA error: device-side assert triggered")
                    yield record

            module.train = failing

        spec.loader.exec_module = load_and_break
        return spec

sys.meta_path.insert(0, Finder())
'''


@pytest.mark.embedded_only
def test_a_process_without_its_device_is_replaced(tracker: Tracker, tmp_path: Path) -> None:
    mark = tmp_path / "poisoned"
    (tmp_path / "sitecustomize.py").write_text(POISONED.format(mark=str(mark)))
    tracker.extra["PYTHONPATH"] = str(tmp_path)
    enqueue = ("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--epochs", "2")
    tracker(*enqueue, "--seeds", "3", "--name", "mine")
    with tracker.worker("--once") as worker:
        assert worker.wait(timeout=120) == 0, tracker.logged
    runs = tracker.sql("SELECT state, attempt FROM run ORDER BY attempt, seed")
    assert runs == [["complete", "1"], ["complete", "1"], ["complete", "2"]], tracker.logged
    [[detail]] = tracker.sql("SELECT detail FROM run_history WHERE event = 'retried'")
    assert "AcceleratorError: CUDA error: device-side assert triggered" in detail
    assert tracker.logged.count("another takes its place") == 1
    assert "Traceback" not in tracker.logged
