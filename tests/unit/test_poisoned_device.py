"""Which errors leave a GPU unusable to the process that has seen them."""

import pytest
import torch

from workers.device import poisons
from workers.task import retry_helps

ASSERT = "CUDA error: device-side assert triggered"


def chained(cause: Exception) -> Exception:
    """What a network raises after it has caught something else."""
    try:
        try:
            raise cause
        except Exception:
            raise ValueError("a layer failed")  # noqa: B904 (as careless code does)
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError(ASSERT),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        chained(torch.AcceleratorError(ASSERT)),
    ],
    ids=str,
)
def test_a_lost_device_is_told(error: Exception) -> None:
    assert poisons(error)
    assert retry_helps(error) or isinstance(error, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        MemoryError("no more"),
        chained(KeyError("layer9")),
    ],
    ids=str,
)
def test_other_errors_leave_it_alone(error: Exception) -> None:
    assert not poisons(error)
