"""Recipro-CAM a second time: position by position, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from limelight.arrays import to_numpy
from limelight.methods import find_method
from oracles.rescored import PlainRescoring, evidence, softmax

METHOD = find_method("reciprocam")
MIXING = np.random.default_rng(3).normal(0, 0.4, (2, 4, 5, 3))
WINDOW = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16


def scores(activations: np.ndarray, image: int) -> np.ndarray:
    return softmax(np.append((MIXING * activations).sum((1, 2, 3)), 0.1 * image))[:2]


def plain(activations: np.ndarray) -> np.ndarray:
    n, channels, h, w = activations.shape
    found = np.zeros((n, 2, h, w))
    for image in range(n):
        for i in range(h):
            for j in range(w):
                only = np.zeros((channels, h, w))
                for di in (-1, 0, 1):
                    for dj in (-1, 0, 1):
                        if 0 <= i + di < h and 0 <= j + dj < w:
                            only[:, i + di, j + dj] = (
                                WINDOW[1 + di, 1 + dj] * activations[image, :, i + di, j + dj]
                            )
                found[image, :, i, j] = scores(only, image)
    return found


def test_equals_the_plain_formula(
    random_evidence: dict[str, np.ndarray], convert: Callable[[np.ndarray], Any]
) -> None:
    a = random_evidence["activations"]
    given = convert(a)
    found = to_numpy(METHOD(evidence(given, PlainRescoring(activations=scores))))
    np.testing.assert_allclose(found, plain(a.astype(np.float64)), rtol=2e-5, atol=1e-6)


def test_the_score_is_the_probability_unless_one_is_named() -> None:
    assert METHOD.explained(None, False, "softmax", {}).kind == "probability"
    assert METHOD.explained("logit", False, "softmax", {}).kind == "logit"
