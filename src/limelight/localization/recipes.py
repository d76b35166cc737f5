"""Recipes: a method, what draws its maps to edges, and where they are cut, chosen together.

How each was found and what it reaches is in `docs/localization.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from limelight.errors import MethodError, did_you_mean


@dataclass(frozen=True)
class Recipe:
    """How to come from a model to boxes.

    Attributes:
        name: what users type.
        about: what it does and costs, in words.
        method: a name from `limelight.list_methods()`.
        refine: as for `Maps.boxes`.
        threshold: a fraction of the map's maximum; None: what the method declares.
    """

    name: str
    about: str
    method: str
    refine: str | None = None
    threshold: float | None = None

    @property
    def boxes(self) -> dict[str, Any]:
        """What `limelight.evaluate` takes beside the method."""
        return {"thresholds": self.threshold, "refine": self.refine}


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("fast", "AffinityCAM: no pass beyond the one of every method", "affinitycam"),
        Recipe(
            "best",
            "the same, drawn to the edges of the image: no pass more, some 30 ms an image",
            "affinitycam",
            refine="random-walk",
        ),
    )
}
"""Every recipe by name."""

DEFAULT_RECIPE = "fast"


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        MethodError: there is none of that name.
    """
    if name not in RECIPES:
        raise MethodError(
            f"there is no recipe {name!r}"
            + (did_you_mean(str(name), RECIPES) or f"; there are {', '.join(RECIPES)}")
        )
    return RECIPES[name]
