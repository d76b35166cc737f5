"""The Gaussian blur of a batch against SciPy's, in every size, and on torch."""

from __future__ import annotations

import array_api_compat.numpy
import numpy as np
import pytest
from scipy.ndimage import correlate1d

from limelight.blurring import blur_matrix, blurred


@pytest.mark.parametrize("size", [(12, 17), (5, 40), (3, 1)])
@pytest.mark.parametrize(("sigma", "reach"), [(5.0, 5), (0.7, 2), (30.0, 1)])
def test_equals_scipy(size: tuple[int, int], sigma: float, reach: int) -> None:
    images = np.random.default_rng(0).normal(0, 1, (2, 3, *size)).astype(np.float32)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    expected = images.astype(float)
    for axis in (2, 3):
        expected = correlate1d(expected, kernel / kernel.sum(), axis=axis, mode="mirror")
    found = blurred(array_api_compat.numpy, images, sigma, reach)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_constant_stays_and_torch_gives_the_same() -> None:
    torch = pytest.importorskip("torch")
    xp = pytest.importorskip("array_api_compat.torch")
    np.testing.assert_allclose(blur_matrix(31, 5, 5).sum(axis=1), 1, atol=1e-6)
    images = np.random.default_rng(1).normal(0, 1, (1, 2, 9, 11)).astype(np.float32)
    there = blurred(xp, torch.as_tensor(images), 3, 4).numpy()
    np.testing.assert_allclose(there, blurred(array_api_compat.numpy, images, 3, 4), atol=1e-6)
