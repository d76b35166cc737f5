"""Methods that are made of another method: what that one may be, and its map."""

from __future__ import annotations

from typing import Annotated, Any

from limelight.evidence import Evidence
from limelight.methods.declaration import _registry
from limelight.methods.options import OneOf


def bases() -> list[str]:
    """The names of the methods of which others can be made, in order."""
    return sorted(
        each.name for each in _registry.values() if each.of_gradients and "base" not in each.options
    )


#: The method of which another is made.
Base = Annotated[str, OneOf(bases)]


def map_of(base: Base, e: Evidence) -> Any:
    """The map (N, *spatial) of `e` by the method `base`, with its own options as they are."""
    return _registry[base].formula(e)
