"""Ablation-CAM a second time: channel by channel, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import to_numpy
from limelight.methods import find_method
from oracles.rescored import PlainRescoring, evidence

METHOD = find_method("ablationcam")
MIXING = np.random.default_rng(3).normal(0, 0.4, (2, 4))


def scores(activations: np.ndarray, image: int) -> np.ndarray:
    """Two scores, not linear, and others for another image."""
    pooled = activations.mean((1, 2)) + 0.1 * activations[:, 0, -1]
    return 1.5 + (1 + image) * np.tanh(MIXING @ pooled) + np.array([0.3, -0.1]) * pooled[0]


def plain(activations: np.ndarray) -> np.ndarray:
    """(N, C, h, w) → (N, K, h, w), by the formula as it is printed."""
    n, channels, h, w = activations.shape
    found = np.zeros((n, 2, h, w))
    for image in range(n):
        y = scores(activations[image], image)
        for k in range(2):
            for c in range(channels):
                without = activations[image].copy()
                without[c] = 0
                weight = (y[k] - scores(without, image)[k]) / y[k]
                for i in range(h):
                    for j in range(w):
                        found[image, k, i, j] += weight * activations[image, c, i, j]
    return np.maximum(found, 0)


def test_equals_the_plain_formula(
    random_evidence: dict[str, np.ndarray], convert: Callable[[np.ndarray], Any]
) -> None:
    a = random_evidence["activations"]
    given = convert(a)
    found = to_numpy(METHOD(evidence(given, PlainRescoring(activations=scores))))
    expected = plain(a.astype(np.float64))
    assert found.shape == expected.shape == (3, 2, 5, 3)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max() + 1e-30)


def test_a_score_of_zero_is_no_divisor() -> None:
    a = np.abs(np.random.default_rng(0).normal(size=(1, 2, 3, 3)))
    whole = a[0].sum()

    def score(activations: np.ndarray, image: int) -> np.ndarray:
        return np.array([activations.sum() - whole])

    found = METHOD(evidence(a, PlainRescoring(activations=score)))[0, 0]
    np.testing.assert_allclose(found, (a[0].sum((1, 2))[:, None, None] * a[0]).sum(0))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_the_score_turns_the_weights(sign: int) -> None:
    """As the paper's formula has it: where y < 0, what raises the score weighs negatively."""
    a = np.ones((1, 1, 2, 2))

    def score(activations: np.ndarray, image: int) -> np.ndarray:
        return np.array([activations.sum() - (0 if sign > 0 else 9)])

    found = METHOD(evidence(a, PlainRescoring(activations=score)))
    assert (found > 0).all() if sign > 0 else (found == 0).all()
