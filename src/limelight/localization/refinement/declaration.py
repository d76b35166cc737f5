"""How a refiner is declared: beside its formula, and nowhere else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limelight.errors import MethodError, did_you_mean
from limelight.frames import Frame
from limelight.localization.normalization import normalize

if TYPE_CHECKING:
    import numpy as np

# (map (h, w) float32 in 0..1, image (h, w, 3) uint8, options) -> the map refined (h, w)
Formula = Callable[..., "np.ndarray"]

_registry: dict[str, Refiner] = {}


@dataclass(frozen=True)
class Refiner:
    """One way to refine a map with the help of its image.

    Attributes:
        name: what users type.
        title: what it is called in its paper.
        paper: author and year.
        formula: ``formula(map, image, **options)``.
        options: the formula's keyword arguments with their defaults, all of them numbers; and
            "weight", 0 to 1, of what the formula gives against the map itself.
    """

    name: str
    title: str
    paper: str
    formula: Formula
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def description(self) -> str:
        """The formula's docstring."""
        return inspect.getdoc(self.formula) or ""

    def with_options(self, options: Mapping[str, Any]) -> Refinement:
        """This refiner with options of the user's.

        Raises:
            MethodError: an option that it does not have, or one that is no number or negative, or
                is not whole where the default is.
        """
        for name, value in options.items():
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise MethodError(
                    f"{self.name} has no option {name!r} (its options: {known})"
                    + did_you_mean(name, self.options)
                )
            whole = isinstance(self.options[name], int)
            number = isinstance(value, int if whole else int | float)
            if isinstance(value, bool) or not number or not 0 <= value < float("inf"):
                raise MethodError(
                    f"{self.name}: {name}={value!r}, expected a {'whole ' if whole else ''}number, "
                    f"0 or more; the default is {self.options[name]}"
                )
        if options.get("weight", 0) > 1:
            raise MethodError(
                f"{self.name}: weight={options['weight']}, expected 0 to 1: the map has the rest"
            )
        return Refinement(self, dict(options))


@dataclass(frozen=True)
class Refinement:
    """A refiner and its options, to refine one map after another.

    Attributes:
        refiner: which one.
        options: those that are not its defaults.
    """

    refiner: Refiner
    options: Mapping[str, Any]

    def __call__(self, values: np.ndarray, guide: np.ndarray) -> np.ndarray:
        """A raw map (h, w) refined on the grid of `guide` (h', w', 3), uint8: what `guide_of` made.

        Returns:
            (h', w') float32, in 0..1. A map that is nowhere positive, is constant or has values
            that are not finite is only carried there, so that its diagnosis stays what it was.
        """
        import numpy as np

        rows, columns, _ = Frame.identity(guide.shape[:2]).resampling(values.shape[:2])
        shown = normalize(values, "max")
        if not shown.min() < shown.max():
            return rows @ values @ columns.T
        carried = rows @ shown @ columns.T
        options = {**self.refiner.options, **self.options}
        weight = options.pop("weight")
        refined = normalize(self.refiner.formula(carried, guide, **options), "max")
        mixed = weight * refined + (1 - weight) * normalize(carried, "max")
        return mixed.astype(np.float32)


def refiner(
    name: str, *, title: str, paper: str, weight: float = 1.0
) -> Callable[[Formula], Formula]:
    """Declare the decorated formula as a refiner; its keyword arguments become options.

    `weight`: the default of that option.
    """

    def declare(formula: Formula) -> Formula:
        if name in _registry:
            raise MethodError(f"two refiners are called {name!r}")
        options = {
            p.name: p.default
            for p in inspect.signature(formula).parameters.values()
            if p.kind is inspect.Parameter.KEYWORD_ONLY
        }
        _registry[name] = Refiner(name, title, paper, formula, {**options, "weight": weight})
        return formula

    return declare
