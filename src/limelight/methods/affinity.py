"""Maps that spread over what looks alike in the model's own features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from limelight.evidence import Evidence
from limelight.methods.composition import Base, map_of
from limelight.methods.declaration import method
from limelight.methods.reduce import over_positions, relu, resize, square_root

# Chosen on one half of the classes of `ilsvrc_val`; `benchmarks/recipes.py` tries the neighbours.
_FINEST = 32  # positions along a side; beyond, a grid is halved: the affinities are its square
_QUANTILE = 0.98
_SHARPNESS = 4
_ROUNDS = 3
_FIRST, _LAST = 0.02, 0.98  # where the cut may lie, so that no power is extreme
_ITERATIONS = 30  # of the two means: real photographs need up to 23


def _spread(xp: Any, maps: Sequence[Any], activations: Sequence[Any]) -> Any:
    """The map of `affinitycam`: maps (N, h, w) and activations (N, C, h, w), deepest first."""
    grid = _side(maps[-1].shape[-2]), _side(maps[-1].shape[-1])
    deepest, *others = (_clip_peaks(xp, resize(xp, map, grid)) for map in maps)
    seed = square_root(xp, deepest * sum(others[1:], others[0]) / len(others))
    alike = [_likeness(xp, resize(xp, each, grid)) for each in activations[1:]]
    likeness = relu(xp, sum(alike[1:], alike[0]) / len(alike))
    walk = _doubly_normalized(xp, likeness**_SHARPNESS)
    spread = xp.matmul(walk, xp.reshape(seed, (seed.shape[0], -1, 1)))[:, :, 0]
    return xp.reshape(_parted_at_half(xp, spread), seed.shape)


def _parted_at_half(xp: Any, flat: Any) -> Any:
    """`flat` (N, Z) from 0 to 1, to the power that puts the threshold between its two means at 1/2.

    So the same cut suits a map that is bright in few places and one that is bright in many.
    """
    flat = flat - xp.min(flat, axis=-1, keepdims=True)
    top = xp.max(flat, axis=-1, keepdims=True)
    flat = flat / xp.where(top > 0, top, xp.ones_like(top))
    one, zero = xp.ones_like(flat), xp.zeros_like(flat)
    cut = xp.mean(flat, axis=-1, keepdims=True)
    for _ in range(_ITERATIONS):
        above = xp.where(flat > cut, one, zero)
        high = _mean(xp, flat, above)
        low = _mean(xp, flat, one - above)
        cut = (high + low) / 2
    power = math.log(0.5) / xp.log(
        xp.minimum(xp.maximum(cut, _FIRST * one[:, :1]), _LAST * one[:, :1])
    )
    positive = flat > 0
    return xp.where(positive, xp.where(positive, flat, one) ** power, zero)


def _mean(xp: Any, values: Any, weights: Any) -> Any:
    """The weighted mean of `values` (N, Z), 0 where all weights are: (N, 1)."""
    total = xp.sum(weights, axis=-1, keepdims=True)
    return xp.sum(values * weights, axis=-1, keepdims=True) / xp.maximum(total, xp.ones_like(total))


def _side(length: int) -> int:
    while length > _FINEST:
        length = (length + 1) // 2
    return int(length)


def _clip_peaks(xp: Any, map: Any) -> Any:
    """ReLU of `map` (N, h, w), divided by its 98th percentile, at most 1."""
    flat = relu(xp, xp.reshape(map, (map.shape[0], -1)))
    rank = int(_QUANTILE * (flat.shape[-1] - 1))
    high = xp.sort(flat, axis=-1)[:, rank : rank + 1]
    top = xp.where(high > 0, high, xp.max(flat, axis=-1, keepdims=True))
    scaled = flat / xp.where(top > 0, top, xp.ones_like(top))
    return xp.reshape(xp.minimum(scaled, xp.ones_like(scaled)), map.shape)


def _likeness(xp: Any, activations: Any) -> Any:
    """The cosine of the features of every two positions: (N, C, h, w) → (N, Z, Z)."""
    features = over_positions(xp, activations)
    length = square_root(xp, xp.sum(features**2, axis=1, keepdims=True))
    unit = features / xp.where(length > 0, length, xp.ones_like(length))
    return xp.matmul(xp.permute_dims(unit, (0, 2, 1)), unit)


def _doubly_normalized(xp: Any, weights: Any) -> Any:
    """`weights` (N, Z, Z), symmetric, with columns and rows that sum to 1 (Sinkhorn)."""
    for axis in (1, 2) * _ROUNDS:
        total = xp.sum(weights, axis=axis, keepdims=True)
        weights = weights / xp.where(total > 0, total, xp.ones_like(total))
    return (weights + xp.permute_dims(weights, (0, 2, 1))) / 2


@method(
    "affinitycam",
    title="AffinityCAM",
    paper="after Ahn & Kwak 2018",
    needs={"activations", "gradients"},
    across=_spread,
    cut=0.5,
)
def affinitycam(e: Evidence, *, base: Base = "layercam") -> Any:
    """M = (W √(M_1 · mean_l M_l))^γ, from 0 to 1: `base`, spread over what looks alike.

    M_1 is the map of `base` at the deepest layer, M_l at the others, each divided by its 98th
    percentile and cut at 1, on the grid of the shallowest. W are the affinities of every two
    positions, the fourth power of the mean cosine of their features at the layers other than the
    deepest, normalized to rows and columns that sum to 1. So a map that lights a part of an object
    extends over the rest of it, with no pass of the model beyond the one that every method needs.
    γ puts at 1/2 the threshold that lies in the middle between the mean of what is above and the
    mean of what is below it, so that one cut suits every image and model.
    Where no layers are given, they are the last ones of the model's three deepest stages.

    Source: a random walk over affinities as in Ahn and Kwak, "Learning Pixel-level Semantic
    Affinity with Image-level Supervision for Weakly Supervised Semantic Segmentation", CVPR 2018,
    there learned by a network of their own; here of the features of the classifier itself. The
    threshold: Ridler and Calvard, "Picture Thresholding Using an Iterative Selection Method", 1978.
    """
    return map_of(base, e)
