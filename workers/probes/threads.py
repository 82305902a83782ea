"""Work that threads do side by side, each for itself.

Where torch divides every step among its threads, each step waits for the slowest, and what cannot
be divided is done by one.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


def side_by_side(work: Callable[[Tensor], None], rooms: Tensor) -> None:
    """Call `work` with each of `rooms` [threads, ...] at the same time, with one thread each.

    A single one has all of torch's threads. What `work` raises is raised when all are done.
    """
    if len(rooms) == 1:
        work(rooms[0])
        return
    threads = torch.get_num_threads()
    try:
        # torch takes the last number set for that of threads to come, too: it is put back.
        with ThreadPoolExecutor(len(rooms), "probes", torch.set_num_threads, (1,)) as pool:
            list(pool.map(torch.inference_mode()(work), rooms))
    finally:
        torch.set_num_threads(threads)
