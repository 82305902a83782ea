"""Reading pickles of plain numbers without ever running what a pickle asks for.

A pickle is a program: it names functions and has them called. Here every name that it may use
stands for a constructor of ours, which makes a number or an array from bytes and checks them;
any other name ends the reading. Nothing of NumPy is handed values from the file but
`numpy.frombuffer`.
"""

import pickle
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.pickle_sizes import check_sizes
from tracker.imports.trajectories import refuse

NUMBER = re.compile(r"[<>=|]?(b1|\?|[iu][1248]|f[248])")


class ForbiddenGlobalError(pickle.UnpicklingError):
    """The pickle names something that it may not use."""


class _Plain:
    """Base of the stand-ins: a pickle can give them no attributes."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError(f"no state can be set on {type(self).__name__.strip('_')}")


class _Dtype(_Plain):
    """A dtype of plain numbers."""

    __slots__ = ("dtype",)

    def __init__(self, name: str) -> None:
        if not NUMBER.fullmatch(name):
            raise pickle.UnpicklingError(f"dtype {name!r} is not one of plain numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, ...): the rest describes structured types.
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError(f"byte order {order!r}")
        self.dtype = self.dtype.newbyteorder(order)


class _Array(_Plain):
    """An array, empty until its state is set.

    Never handed out as NumPy's own: that one would take any state from the pickle.
    """

    __slots__ = ("values",)

    def __init__(self, values: NDArray[Any] | None = None) -> None:
        self.values: NDArray[Any] = np.empty(0) if values is None else values

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran_order, data = state
        self.values = _from_bytes(dtype, data).reshape(shape, order="F" if fortran_order else "C")


def _from_bytes(dtype: object, data: object) -> NDArray[Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("an array that is not made of plain numbers")
    return np.frombuffer(data, dtype.dtype)


class _MakeDtype(_Plain):
    __slots__ = ()

    def __call__(self, name: str, *_: object) -> _Dtype:
        return _Dtype(name)


class _MakeArray(_Plain):
    __slots__ = ()

    def __call__(self, *_: object) -> _Array:
        return _Array()


class _MakeScalar(_Plain):
    __slots__ = ()

    def __call__(self, dtype: object, data: object) -> object:
        (value,) = _from_bytes(dtype, data).tolist()
        return value


class _MakeArrayOfBuffer(_Plain):
    """Protocol 5: `numpy._core.numeric._frombuffer`."""

    __slots__ = ()

    def __call__(self, data: object, dtype: object, shape: Any, order: str) -> _Array:
        values = _from_bytes(dtype, data)
        return _Array(values.reshape(shape, order="F" if order == "F" else "C"))


class _ArrayType(_Plain):
    """`numpy.ndarray`, which is only ever handed to the constructor of arrays."""

    __slots__ = ()


class _Encode(_Plain):
    """`_codecs.encode`, by which protocol 2 writes bytes."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1" or not isinstance(text, str):
            raise pickle.UnpicklingError(f"text encoded as {encoding!r}")
        return text.encode("latin1")


STAND_INS: dict[tuple[str, str], object] = {
    ("numpy", "dtype"): _MakeDtype(),
    ("numpy", "ndarray"): _ArrayType(),
    ("_codecs", "encode"): _Encode(),
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _MakeArray()),
            ("multiarray", "scalar", _MakeScalar()),
            ("numeric", "_frombuffer", _MakeArrayOfBuffer()),
        )
    },
}
"""What a pickle may name, and what it gets."""


class NumbersUnpickler(pickle.Unpickler):
    """Reads dicts, lists, tuples, strings, numbers, and NumPy's numbers and arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name that is allowed.

        Raises
        ------
        ForbiddenGlobalError
            If it is not; it is neither imported nor looked up.
        """
        if (module, name) not in STAND_INS:
            raise ForbiddenGlobalError(f"{module}.{name}")
        return STAND_INS[module, name]


def load_numbers(file: Path) -> object:
    """What a pickle of plain containers and numbers holds; `as_list` reads its lists.

    Raises
    ------
    UsageError
        If it is damaged or uses anything else; a forbidden global is named.
    """
    try:
        with file.open("rb") as stream:
            # An empty file cannot be mapped: that is a ValueError.
            with mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
                check_sizes(data)
            return NumbersUnpickler(stream).load()
    except ForbiddenGlobalError as error:
        raise refuse(
            file.name, f"its pickle asks for {error}; only numbers and arrays are read from pickles"
        ) from None
    except OSError as error:
        raise refuse(file.name, str(error.strerror or error)) from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> UsageError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return refuse(file.name, f"it is no complete pickle of numbers ({reason})")


def count_of(value: object) -> int:
    """How many numbers `as_list` would give, without making a list of them."""
    if isinstance(value, _Array):
        return value.values.size
    return len(value) if isinstance(value, list | tuple) else 0


def as_list(value: object) -> list[Any]:
    """The numbers of a list, a tuple or an array; arrays of one number count as numbers.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if isinstance(value, _Array):
        listed: list[Any] = value.values.reshape(-1).tolist()
        return listed
    if not isinstance(value, list | tuple):
        raise TypeError(f"{type(value).__name__} in place of a list")
    return [item.values.item() if isinstance(item, _Array) else item for item in value]
