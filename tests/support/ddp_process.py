"""One of several processes that train under a curriculum: `python -m tests.support.ddp_process`.

Takes rank, number of ranks, a file for them to meet, and the database as JSON; prints as JSON what
it trained on and what came of it. Only rank 0 is told where the database is.
"""

import json
import sys
import warnings

import torch
import torch.distributed as dist
from sqlalchemy import make_url
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from tests.support.ensembles import make_dataset
from tracker import CurriculumSampler
from tracker.db.engine import make_engine
from tracker.errors import DatasetMismatchError, NotFoundError, UsageError

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/none"
EPOCHS = 4


def main(rank: int, replicas: int, meeting: str, options: dict) -> dict:
    """Join the others, train, and say what happened."""
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=replicas)
    labels = torch.tensor(options["labels"]).numpy()
    train = make_dataset("data", options["sizes"], labels, 3).splits["train"]
    engine = make_engine(make_url(options["database"] if rank == 0 else NOWHERE))
    told: dict = {}
    for name, ensemble, dataset in (
        ("unknown", "nobody", train),
        ("mismatch", "demo", train.take("data", torch.arange(len(train)).flip(0).numpy())),
    ):
        try:
            CurriculumSampler(dataset, ensemble=ensemble, epochs=EPOCHS, engine=engine)
        except (NotFoundError, DatasetMismatchError) as error:
            told[name] = str(error)
    try:
        CurriculumSampler(
            train,
            scores=labels[: len(train)],
            easy="high",
            epochs=EPOCHS,
            record="taken",
            engine=engine,
        )
    except UsageError as error:
        told["taken"] = str(error)
    sampler = CurriculumSampler(
        train, ensemble="demo", refresh="epoch", epochs=EPOCHS, start=0.4, seed=5, engine=engine
    )
    torch.manual_seed(0)
    network = DistributedDataParallel(nn.Linear(4, 3))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    seen = []
    loader = DataLoader(
        list(zip(range(len(train)), train, strict=True)), batch_size=3, sampler=sampler
    )
    for epoch in range(EPOCHS):
        if epoch == EPOCHS - 1:
            # The database goes away while everybody trains.
            sampler._engine = make_engine(make_url(NOWHERE))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sampler.set_epoch(epoch)
        told["warnings"] = [str(warning.message) for warning in caught]
        positions = []
        for position, (images, targets) in loader:
            positions += position.tolist()
            loss = nn.functional.cross_entropy(network(images.flatten(1)), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seen.append(positions)
    engine.dispose()
    told |= {"seen": seen, "weights": [p.tolist() for p in network.parameters()]}
    dist.destroy_process_group()
    return told


if __name__ == "__main__":
    print(
        json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])))
    )
