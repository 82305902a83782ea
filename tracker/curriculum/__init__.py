"""Curricula: reorder training by how each example was learned."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracker.curriculum.sampler import CurriculumSampler

__all__ = ["CurriculumSampler"]


def __getattr__(name: str) -> object:
    # Importing the sampler imports torch, which takes seconds: only on first use.
    if name == "CurriculumSampler":
        from tracker.curriculum.sampler import CurriculumSampler

        return CurriculumSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
