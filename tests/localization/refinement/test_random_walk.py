"""The random walker against its dense system, and against the energy that it minimizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from limelight.localization.refinement.colour_model import posterior
from limelight.localization.refinement.random_walk import random_walk


def dense(image: np.ndarray, beta: float) -> np.ndarray:
    """The Laplacian of the graph, entry by entry."""
    h, w = image.shape[:2]
    pixels = [(y, x) for y in range(h) for x in range(w)]
    weights = np.zeros((h * w, h * w))
    for i, (y, x) in enumerate(pixels):
        for j, (v, u) in enumerate(pixels):
            if i != j and abs(y - v) <= 1 and abs(x - u) <= 1:
                apart = (image[y, x] / 255 - image[v, u] / 255) ** 2
                weights[i, j] = np.exp(-beta * apart.sum()) / np.hypot(y - v, x - u)
    return np.diag(weights.sum(1)) - weights


def test_against_the_dense_system() -> None:
    rng = np.random.default_rng(8)
    values = rng.random((6, 9)).astype(np.float32)
    image = rng.integers(90, 140, (6, 9, 3)).astype(np.uint8)
    got = random_walk(values, image, beta=40.0, spread=7.0, colours=0.0)
    expected = np.linalg.solve(np.eye(54) + 7 * dense(image, 40.0), values.ravel())
    np.testing.assert_allclose(got.ravel(), expected, atol=1e-6)
    assert abs(got.mean() - values.mean()) < 1e-6  # nothing is lost on the way


def test_nothing_passes_a_hard_edge() -> None:
    image = np.zeros((8, 12, 3), np.uint8)
    image[:, 6:] = 255
    values = np.zeros((8, 12), np.float32)
    values[3:5, 2:4] = 1
    got = random_walk(values, image, beta=300.0, spread=1e4, colours=0.0)
    assert got[:, 6:].max() < 1e-6
    np.testing.assert_allclose(got[:, :6], values[:, :6].mean(), rtol=0.05)


def test_the_prior_of_place_and_colour_is_what_is_walked(scene: Any) -> None:
    values = np.random.default_rng(0).random((30, 40)).astype(np.float32)
    image = scene.image[30:60, 40:80].copy()
    for level in (0.0, 0.3):
        prior = posterior(values, image, 0.7, level).astype(np.float32)
        expected = random_walk(prior, image, colours=0.0)
        got = random_walk(values, image, colours=0.7, level=level)
        np.testing.assert_allclose(got, expected, atol=1e-6)
