"""How each training example is learned: a database-backed tracker and curriculum API."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.curriculum import CurriculumSampler

__all__ = ["CurriculumSampler", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Importing the sampler imports torch, which takes seconds: only on first use.
    if name == "CurriculumSampler":
        from tracker.curriculum import CurriculumSampler

        return CurriculumSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
