"""Maps brought to 0..1: what a threshold, a colormap and a published protocol start from.

Written against an array namespace with nothing but what NumPy, torch, JAX and `keras.ops` all
have, so that a map is normalized where it lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from limelight.errors import MethodError, did_you_mean

# (maps (…, n) of finite values, namespace) -> the same in 0..1
Formula = Callable[[Any, Any], Any]

_SMALLEST = 1.2e-38  # below float32's normal numbers some devices compute with zero


@dataclass(frozen=True)
class Normalizer:
    """One way to bring a map to 0..1.

    Attributes:
        name: what `normalize` calls it.
        about: the formula in words.
        paper: where it comes from; empty where it is older than papers.
        formula: of maps (…, n) and a namespace.
    """

    name: str
    about: str
    paper: str
    formula: Formula


NORMALIZERS: dict[str, Normalizer] = {}
"""Every normalizer by name, as declared below."""


def _declare(name: str, about: str, paper: str = "") -> Callable[[Formula], Formula]:
    def add(formula: Formula) -> Formula:
        NORMALIZERS[name] = Normalizer(name, about, paper, formula)
        return formula

    return add


def normalize(values: Any, how: str = "max", xp: Any = None) -> Any:
    """Bring maps to 0..1, each by itself.

    Args:
        values: (…, h, w) maps.
        how: a name from `NORMALIZERS`: "max" (ReLU, divided by the maximum), "minmax",
            "percentile" or "ivr".
        xp: the array namespace of `values`, as `array_api_compat` gives it, or `keras.ops`.
            None: NumPy.

    Returns:
        (…, h, w) in 0..1, of the type that came in. A map that is nowhere positive (for "minmax"
        and "ivr": a constant one) becomes zeros, and so does one with a value that is not finite.

    Raises:
        MethodError: there is no such normalizer, or the maps have no height and width.

    Example:
        >>> normalize([[[-1.0, 0.0], [1.0, 4.0]]]).tolist()
        [[[0.0, 0.0], [0.25, 1.0]]]
        >>> normalize([[[-1.0, 0.0], [1.0, 4.0]]], "minmax").tolist()
        [[[0.0, 0.2], [0.4, 1.0]]]
    """
    if how not in NORMALIZERS:
        hint = did_you_mean(str(how), NORMALIZERS) or f"; there are {', '.join(NORMALIZERS)}"
        raise MethodError(f"there is no normalizer {how!r}{hint}")
    if xp is None:
        import numpy as np

        xp, values = np, np.asarray(values)
    shape = tuple(values.shape)
    if len(shape) < 2 or 0 in shape[-2:]:
        raise MethodError(f"maps of shape {shape}, expected (…, h, w)")
    flat = xp.reshape(values * 1.0, (*shape[:-2], shape[-2] * shape[-1]))
    finite = xp.all(xp.isfinite(flat), axis=-1, keepdims=True)
    flat = xp.where(finite, flat, xp.zeros_like(flat))
    return xp.reshape(NORMALIZERS[how].formula(flat, xp), shape)


@_declare("max", "ReLU, divided by the maximum")
def _max(x: Any, xp: Any) -> Any:
    return _divide_by_maximum(_relu(x, xp), xp)


@_declare("minmax", "the minimum subtracted, divided by the maximum that is left")
def _minmax(x: Any, xp: Any) -> Any:
    return _divide_by_maximum(_above(x, xp.min(x, axis=-1, keepdims=True)), xp)


@_declare(
    "percentile",
    "ReLU, divided by the 90th percentile, cut at 1",
    "Bae et al. 2020, Rethinking Class Activation Mapping (PaS)",
)
def _percentile(x: Any, xp: Any) -> Any:
    x = _relu(x, xp)
    high = _quantile(x, 0.9, xp)
    usable = high > _SMALLEST
    ratio = xp.minimum(x, high) / xp.where(usable, high, xp.ones_like(high))
    # more than nine tenths are zero: what a percentile that goes to zero tends to
    peaks = xp.where(x > _SMALLEST, xp.ones_like(x), xp.zeros_like(x))
    return xp.where(usable, ratio, peaks)


@_declare(
    "ivr",
    "the 30th percentile subtracted, ReLU, divided by the maximum",
    "Kim et al. 2021, Normalization Matters in Weakly Supervised Object Localization",
)
def _ivr(x: Any, xp: Any) -> Any:
    return _divide_by_maximum(_relu(_above(x, _quantile(x, 0.3, xp)), xp), xp)


def _relu(x: Any, xp: Any) -> Any:
    return xp.where(x > 0, x, xp.zeros_like(x))


def _above(x: Any, floor: Any) -> Any:
    """Half of ``x - floor``, which cannot overflow; the division that follows takes it out."""
    return x / 2 - floor / 2


def _divide_by_maximum(x: Any, xp: Any) -> Any:
    top = xp.max(x, axis=-1, keepdims=True)
    usable = top > _SMALLEST
    return xp.where(usable, x / xp.where(usable, top, xp.ones_like(top)), xp.zeros_like(x))


def _quantile(x: Any, q: float, xp: Any) -> Any:
    """The quantile (…, 1) over the last axis, interpolated as `numpy.quantile` does."""
    ordered = xp.sort(x, axis=-1)
    at = q * (x.shape[-1] - 1)
    index = int(at)
    part = at - index
    low = ordered[..., index : index + 1]
    high = ordered[..., -1:] if index + 1 == x.shape[-1] else ordered[..., index + 1 : index + 2]
    between = low * (1 - part) + high * part  # a difference could overflow
    return xp.minimum(xp.maximum(between, low), high)
