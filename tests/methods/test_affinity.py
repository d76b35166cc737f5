"""AffinityCAM against loops in float64, and on features that are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from limelight.arrays import namespace, to_numpy
from limelight.methods import find_method

GRIDS = (3, 4), (6, 8), (11, 15)  # deepest first


def at(map_: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    return cv2.resize(map_, grid[::-1], interpolation=cv2.INTER_LINEAR)


def plain(maps: list[np.ndarray], activations: list[np.ndarray]) -> np.ndarray:
    """One image: maps (h, w) and activations (C, h, w), deepest first."""
    grid = maps[-1].shape
    clipped = []
    for map_ in maps:
        positive = np.maximum(at(map_, grid), 0)
        ordered = sorted(positive.ravel())
        high = ordered[int(0.98 * (len(ordered) - 1))] or max(ordered) or 1
        clipped.append(np.minimum(positive / high, 1).ravel())
    seed = np.sqrt(clipped[0] * np.mean(clipped[1:], axis=0))
    z = len(seed)
    walk = np.zeros((z, z))
    features = [np.stack([at(c, grid).ravel() for c in each]) for each in activations[1:]]
    for i, j in np.ndindex(z, z):
        cosines = [
            f[:, i] @ f[:, j] / (np.linalg.norm(f[:, i]) * np.linalg.norm(f[:, j]))
            for f in features
        ]
        walk[i, j] = max(np.mean(cosines), 0) ** 4
    for _ in range(3):
        walk = walk / walk.sum(0)
        walk = walk / walk.sum(1)[:, None]
    spread = (walk + walk.T) / 2 @ seed
    spread = (spread - spread.min()) / (spread.max() - spread.min())
    cut, before = spread.mean(), -1.0
    while cut != before:
        before = cut
        cut = (spread[spread > cut].mean() + spread[spread <= cut].mean()) / 2
    return (spread ** (np.log(0.5) / np.log(cut))).reshape(grid)


def spread(
    convert: Callable[[np.ndarray], Any], maps: list[np.ndarray], activations: list[np.ndarray]
) -> np.ndarray:
    across = find_method("affinitycam").across
    assert across is not None
    arrays = [[convert(each.astype(np.float32)) for each in many] for many in (maps, activations)]
    return to_numpy(across(namespace(arrays[0][0]), *arrays))


def test_affinitycam_is_its_formula(convert: Callable[[np.ndarray], Any]) -> None:
    random = np.random.default_rng(0)
    maps = [random.normal(0.3, 1, (2, *grid)) for grid in GRIDS]
    activations = [random.normal(0.2, 1, (2, 5 + i, *g)) for i, g in enumerate(GRIDS)]
    found = spread(convert, maps, activations)
    for i in range(2):
        expected = plain([each[i] for each in maps], [each[i] for each in activations])
        np.testing.assert_allclose(found[i], expected, atol=2e-5)


def test_a_part_extends_over_what_looks_alike(convert: Callable[[np.ndarray], Any]) -> None:
    """Two objects of unlike features; the map lights a corner of one of them."""
    object_ = np.zeros((8, 8), bool)
    object_[2:6, 1:4] = True
    other = np.zeros((8, 8), bool)
    other[3:7, 5:8] = True
    features = np.stack([object_, other, ~(object_ | other)]).astype(float)[None]
    lit = np.zeros((1, 8, 8))
    lit[0, 2, 1] = 1
    found = spread(convert, [lit, lit], [features, features])[0]
    assert found[object_].min() > 0.99 * found.max() > 0
    np.testing.assert_allclose(found[~object_], 0, atol=1e-6)


def test_a_map_that_is_nowhere_positive_stays_empty(convert: Callable[[np.ndarray], Any]) -> None:
    random = np.random.default_rng(1)
    maps = [-np.abs(random.normal(size=(1, *grid))) for grid in GRIDS]
    activations = [random.normal(0.2, 1, (1, 5, *grid)) for grid in GRIDS]
    np.testing.assert_array_equal(spread(convert, maps, activations), 0)


def test_grids_that_are_too_fine_are_halved(convert: Callable[[np.ndarray], Any]) -> None:
    maps = [np.ones((1, 5, 5)), np.ones((1, 70, 20))]
    activations = [np.ones((1, 2, 5, 5)), np.ones((1, 2, 70, 20))]
    assert spread(convert, maps, activations).shape == (1, 18, 20)
