"""What makes an example the same example: hashes of its raw pixels, and fingerprints of sets.

Hashes and fingerprints are stored in users' databases: the byte layouts below must never change.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.datasets.containers import Images, raw_examples
from tracker.errors import UsageError

HASH_BYTES = 16


def content_hashes(images: Images) -> list[bytes]:
    """Hash of each image's type, shape and pixels.

    The label is no part of it: the same picture is recognised under other labels.

    Parameters
    ----------
    images : uint8 array [N, H, W, C], or a sequence of N arrays [H, W, C]
        Grey images have C = 1.

    Returns
    -------
    list of N bytes objects of length 16
        BLAKE2b over `uint8 HxWxC`, a newline and the pixels in row-major order.

    Raises
    ------
    UsageError
        If the images are not uint8 of that shape.
    """
    if not isinstance(images, np.ndarray):
        return [content_hashes(image[np.newaxis])[0] for image in images]
    if images.dtype != np.uint8 or images.ndim != 4:
        raise UsageError(
            f"images to hash must be uint8 [N, H, W, C], got {images.dtype} {list(images.shape)}"
        )
    shape = images.shape[1:]
    size = int(np.prod(shape))
    prefix = "uint8 {}x{}x{}\n".format(*shape).encode()
    begun = hashlib.blake2b(prefix, digest_size=HASH_BYTES)
    pixels = np.ascontiguousarray(images).reshape(-1).data
    return [
        _finish(begun.copy(), pixels[i * size : (i + 1) * size]) for i in range(images.shape[0])
    ]


def _finish(begun: Any, pixels: memoryview) -> bytes:
    # Copying a hash that has seen the prefix is faster than joining prefix and pixels.
    begun.update(pixels)
    digest: bytes = begun.digest()
    return digest


def split_fingerprint(hashes: Sequence[bytes], labels: NDArray[np.int64]) -> str:
    """SHA-256, in hexadecimal, over the (hash, label) pairs in order.

    Parameters
    ----------
    hashes : N content hashes of 16 bytes
    labels : integer array [N]
        Each enters as 8 bytes, little endian, after its hash.
    """
    if len(hashes) != len(labels):
        raise UsageError(f"{len(hashes)} hashes but {len(labels)} labels")
    pairs = np.zeros(len(hashes), dtype=[("hash", np.uint8, (HASH_BYTES,)), ("label", "<i8")])
    pairs["hash"] = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, HASH_BYTES)
    pairs["label"] = labels
    return hashlib.sha256(pairs.tobytes()).hexdigest()


def dataset_fingerprint(splits: Mapping[str, str]) -> str:
    """SHA-256, in hexadecimal, over the fingerprints of the named splits, in any order."""
    text = json.dumps(dict(splits), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def examples_of(dataset: Any) -> tuple[list[bytes], NDArray[np.int64]]:
    """Content hashes and labels of a dataset that a user hands over, in its order.

    The same pictures give the same hashes from every container that is understood, and
    transforms make no difference where the container keeps its raw pixels.

    Parameters
    ----------
    dataset : map-style dataset
        See `tracker.datasets.containers.raw_examples` for what is understood.

    Returns
    -------
    hashes : list of N bytes objects of length 16
    labels : int64 array [N]

    Raises
    ------
    UsageError
        If the dataset has another form, saying which forms are understood.
    """
    images, labels = raw_examples(dataset)
    return content_hashes(images), labels
