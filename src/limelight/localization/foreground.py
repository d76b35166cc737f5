"""Rules that say which pixels of a map are foreground: all above one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limelight.errors import MethodError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

# (map (H, W), threshold) -> the value that the foreground exceeds
Cut = Callable[["np.ndarray", float], float]


@dataclass(frozen=True)
class Rule:
    """One way to choose the value that the foreground exceeds.

    Attributes:
        name: what `locate` calls it.
        about: what the threshold means.
        fraction: whether the threshold must lie in 0..1.
        cut: of a map (H, W) and a threshold.
    """

    name: str
    about: str
    fraction: bool
    cut: Cut


RULES: dict[str, Rule] = {}
"""Every rule by name, as declared below."""


def _declare(name: str, about: str, fraction: bool = False) -> Callable[[Cut], Cut]:
    def add(cut: Cut) -> Cut:
        RULES[name] = Rule(name, about, fraction, cut)
        return cut

    return add


def find_rule(rule: str, threshold: float) -> Rule:
    """The rule of that name.

    Raises:
        MethodError: there is no such rule, or the threshold does not fit it.
    """
    if rule not in RULES:
        hint = did_you_mean(str(rule), RULES) or f"; there are {', '.join(RULES)}"
        raise MethodError(f"there is no threshold rule {rule!r}{hint}")
    if RULES[rule].fraction and not 0 <= threshold <= 1:
        raise MethodError(
            f"threshold {threshold} with rule {rule!r}, expected 0..1: {RULES[rule].about}"
        )
    return RULES[rule]


def foreground(values: np.ndarray, threshold: float, rule: str) -> np.ndarray:
    """Which pixels (H, W) of the map `values` (H, W) lie above the threshold; see `find_rule`."""
    # A plain float: of NumPy's own float64 the product with a float32 map would be another.
    return values > find_rule(rule, threshold).cut(values, float(threshold))


@_declare("max", "a fraction of the map's maximum", fraction=True)
def _max(values: np.ndarray, threshold: float) -> float:
    return threshold * values.max()


@_declare("absolute", "a value of the map")
def _absolute(values: np.ndarray, threshold: float) -> float:
    return threshold


@_declare("quantile", "the share of pixels that are background", fraction=True)
def _quantile(values: np.ndarray, threshold: float) -> float:
    import numpy as np

    return float(np.quantile(values, threshold))


@_declare("otsu", "not used: the cut that best separates two classes of values (Otsu 1979)")
def _otsu(values: np.ndarray, threshold: float) -> float:
    import numpy as np

    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = counts.cumsum()[:-1], counts[::-1].cumsum()[::-1][1:]
    total = (counts * centres).cumsum()
    mean_below = total[:-1] / np.maximum(below, 1)
    mean_above = (total[-1] - total[:-1]) / np.maximum(above, 1)
    between = below * above * (mean_below - mean_above) ** 2  # variance between the two classes
    return float(edges[between.argmax() + 1])
