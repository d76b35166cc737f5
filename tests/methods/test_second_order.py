"""ShapleyCAM a second time, in loops and float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from limelight.methods import find_method

SHAPLEYCAM = find_method("shapleycam")


def plain(a: np.ndarray, g: np.ndarray, h: np.ndarray) -> np.ndarray:
    found = np.zeros(a.shape[1:])
    for channel, gradient, change in zip(a, g, h, strict=True):
        weight = 0.0
        for i, j in np.ndindex(*channel.shape):
            weight += (gradient[i, j] - change[i, j] / 2) / channel.size
        found += weight * channel
    return np.maximum(found, 0)


def test_equals_the_plain_formula(
    random_evidence: dict[str, np.ndarray], apply: Callable[..., np.ndarray]
) -> None:
    shape = random_evidence["activations"].shape
    curvature = np.random.default_rng(2).normal(0, 0.4, shape).astype(np.float32)
    found = apply(SHAPLEYCAM, {**random_evidence, "curvature": curvature})
    a, g = (random_evidence[name].astype(float) for name in ("activations", "gradients"))
    expected = np.stack([plain(*each) for each in zip(a, g, curvature.astype(float), strict=True)])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_its_own_score_is_the_logit_plus_its_log_probability() -> None:
    assert SHAPLEYCAM.explained(None, False, "softmax", {}).kind == "rest"
    assert SHAPLEYCAM.explained("probability", False, "softmax", {}).kind == "probability"
