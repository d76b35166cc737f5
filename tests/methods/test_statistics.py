"""FEM a second time, in loops and float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from limelight.methods import find_method

FEM = find_method("fem")


def plain(a: np.ndarray, k: float) -> np.ndarray:
    found = np.zeros(a.shape[1:])
    for channel in a:
        mean = sum(channel.flat) / channel.size
        deviation = (sum((value - mean) ** 2 for value in channel.flat) / channel.size) ** 0.5
        for i, j in np.ndindex(*channel.shape):
            if channel[i, j] > mean + k * deviation:
                found[i, j] += mean
    return found


@pytest.mark.parametrize("options", [{}, {"k": 0.5}], ids=["defaults", "k = 0.5"])
def test_equals_the_plain_formula(
    options: dict[str, float],
    random_evidence: dict[str, np.ndarray],
    apply: Callable[..., np.ndarray],
) -> None:
    found = apply(FEM, random_evidence, **options)
    a = random_evidence["activations"].astype(np.float64)
    expected = np.stack([plain(each, options.get("k", 2.0)) for each in a])
    assert expected.any() == a.any()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())
