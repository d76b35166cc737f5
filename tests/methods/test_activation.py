"""Formulas without gradients a second time, in loops and float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from limelight.methods import Method, list_methods

METHODS = [m for m in list_methods() if m.formula.__module__ == "limelight.methods.activation"]


def cam(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    found = np.zeros(a.shape[1:])
    for i, j in np.ndindex(*found.shape):
        for c in range(len(a)):
            found[i, j] += w[c] * a[c, i, j]
    return found


PLAIN = {"cam": cam}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_equals_the_plain_formula(
    method: Method,
    random_evidence: dict[str, np.ndarray],
    apply: Callable[..., np.ndarray],
) -> None:
    a, w = (random_evidence[name].astype(np.float64) for name in ("activations", "class_weights"))
    expected = np.stack([PLAIN[method.name](*each) for each in zip(a, w, strict=True)])
    found = apply(method, random_evidence)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_neither_bias_nor_relu(apply: Callable[..., np.ndarray]) -> None:
    """Against the class, a map is negative; it is not cut."""
    (method,) = (m for m in METHODS if m.name == "cam")
    a = np.ones((1, 2, 2, 3), np.float32)
    found = apply(method, {"activations": a, "class_weights": np.array([[-2, 0.5]], np.float32)})
    np.testing.assert_array_equal(found, np.full((1, 2, 3), -1.5))
