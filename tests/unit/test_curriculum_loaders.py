"""The sampler in other people's loaders: torchdata's, Lightning's, Accelerate's."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torchdata.stateful_dataloader as loaders
from accelerate import Accelerator, data_loader
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader

from tracker import CurriculumSampler
from tracker.datasets.torchvision_ops import import_torchvision

N, EPOCHS, BATCH = 53, 6, 8


def sampler_of(**options: object) -> CurriculumSampler:
    given = {"scores": np.arange(N), "easy": "high", "epochs": EPOCHS, "seed": 3}
    return CurriculumSampler(range(N), **{**given, **options})  # type: ignore[arg-type]


def batches_of(epoch: int, **options: object) -> list[list[int]]:
    sampler = sampler_of(batch_size=BATCH, **options)
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.fixture
def other_peoples_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# torchdata 0.11 calls what torch 2.13 would rather not be called.
vital = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")


@vital
@pytest.mark.parametrize("batching", [False, True])
@pytest.mark.parametrize(("workers", "drop_last"), [(0, False), (0, True), (2, False)])
def test_torchdatas_stateful_loader_goes_on_in_mid_epoch(
    workers: int, batching: bool, drop_last: bool
) -> None:
    def expected_of(epoch: int) -> list[list[int]]:
        return batches_of(epoch, drop_last=drop_last)

    def make() -> tuple[CurriculumSampler, Any]:
        if batching:
            sampler = sampler_of(batch_size=BATCH, drop_last=drop_last)
            return sampler, loaders.StatefulDataLoader(
                range(N), batch_sampler=sampler, num_workers=workers
            )
        sampler = sampler_of()
        return sampler, loaders.StatefulDataLoader(
            range(N), batch_size=BATCH, sampler=sampler, num_workers=workers, drop_last=drop_last
        )

    sampler, loader = make()
    sampler.set_epoch(3)
    steps = iter(loader)
    begun = [next(steps).tolist() for _ in range(2)]
    middle = loader.state_dict()
    rest = [batch.tolist() for batch in steps]
    end = loader.state_dict()
    assert begun + rest == expected_of(3)

    sampler, loader = make()
    loader.load_state_dict(middle)
    for epoch, expected in ((3, rest), (4, expected_of(4)), (5, expected_of(5))):
        sampler.set_epoch(epoch)
        assert [batch.tolist() for batch in loader] == expected

    # A state of an epoch's end: the next epoch is whole.
    sampler, loader = make()
    loader.load_state_dict(end)
    sampler.set_epoch(4)
    assert [batch.tolist() for batch in loader] == expected_of(4)


@vital
def test_torchdatas_loader_carries_the_runs_own_scores() -> None:
    losses = np.random.default_rng(0).random(N)

    def make() -> tuple[CurriculumSampler, Any]:
        sampler = sampler_of()
        return sampler, loaders.StatefulDataLoader(range(N), batch_size=BATCH, sampler=sampler)

    sampler, loader = make()
    list(loader)
    sampler.update(losses)
    state = loader.state_dict()
    resumed, other = make()
    other.load_state_dict(state)
    for one in (sampler, resumed):
        one.set_epoch(1)
    assert [batch.tolist() for batch in other] == [batch.tolist() for batch in loader]
    assert np.array_equal(resumed.ranking, np.argsort(-losses))


@pytest.mark.parametrize("length", ["constant", "growing"])
def test_lightning_keeps_the_sampler(length: str, other_peoples_warnings: None) -> None:
    # Its metrics import torchvision, which needs help over a CPU build of torch.
    import_torchvision()
    import pytorch_lightning as lightning

    options = {"num_samples": N} if length == "constant" else {}
    sampler, seen = sampler_of(**options), [[] for _ in range(EPOCHS)]

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def train_dataloader(self) -> DataLoader[int]:
            # Before Lightning asks for the length: it does so once a loader.
            sampler.set_epoch(self.trainer.current_epoch)
            return DataLoader(range(N), batch_size=BATCH, sampler=sampler)  # type: ignore[arg-type]

        def training_step(self, batch: Tensor) -> Tensor:
            seen[self.current_epoch].append(batch.tolist())
            return self.layer(batch.float()[:, None]).mean()

        def configure_optimizers(self) -> optim.Optimizer:
            return optim.SGD(self.parameters(), 0.1)

    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=0 if length == "constant" else 1,
    )
    trainer.fit(Module())
    assert trainer.train_dataloader.sampler is sampler
    assert seen == [batches_of(epoch, **options) for epoch in range(EPOCHS)]


@pytest.mark.parametrize("batching", [False, True])
def test_accelerate_keeps_the_sampler(batching: bool, other_peoples_warnings: None) -> None:
    if batching:
        loader = DataLoader(range(N), batch_sampler=sampler_of(batch_size=BATCH))  # type: ignore[arg-type]
    else:
        loader = DataLoader(range(N), batch_size=BATCH, sampler=sampler_of())  # type: ignore[arg-type]
    prepared = Accelerator(cpu=True).prepare(loader)
    # It counts epochs itself.
    for epoch in range(3):
        assert [batch.tolist() for batch in prepared] == batches_of(epoch)
    prepared.set_epoch(5)
    assert [batch.tolist() for batch in prepared] == batches_of(5)


def test_accelerate_shares_out_what_one_rank_would_do() -> None:
    shares = []
    for process in range(2):
        sampler = sampler_of(rank=0, num_replicas=1, batch_size=BATCH)
        loader = DataLoader(range(N), batch_sampler=sampler)  # type: ignore[arg-type]
        prepared = data_loader.prepare_data_loader(
            loader, num_processes=2, process_index=process, put_on_device=False
        )
        sampler.set_epoch(5)
        shares.append([batch.tolist() for batch in prepared.base_dataloader])
    together = [batch for pair in zip(*shares, strict=True) for batch in pair]
    whole = batches_of(5)
    assert together[: len(whole) - 1] == whole[:-1]
    assert {index for batch in together for index in batch} == set(range(N))
