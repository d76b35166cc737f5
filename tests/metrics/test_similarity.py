"""How alike two maps are, against SciPy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from limelight.metrics import rank_correlation, ssim
from oracles import edited


def test_rank_correlation_is_that_of_scipy() -> None:
    maps = edited.maps(6)  # with many ties
    for a, b in zip(maps[:3], maps[3:], strict=True):
        mixed = 0.7 * a + 0.3 * b
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel())[0])
        assert rank_correlation(a, mixed) == pytest.approx(spearmanr(a.ravel(), mixed.ravel())[0])
        assert rank_correlation(a, a**3) == pytest.approx(1)
        assert rank_correlation(a, -a) == pytest.approx(-1)


def test_constant_maps_have_no_order() -> None:
    flat, other = np.full((4, 5), 0.3), np.random.default_rng(0).random((4, 5))
    assert rank_correlation(flat, other) == rank_correlation(other, flat) == 0
    assert rank_correlation(flat, 0 * flat) == 1


@pytest.mark.parametrize("size", [(12, 17), (7, 9), (40, 31)])
def test_ssim_is_that_of_scikit_image(size: tuple[int, int]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    random = np.random.default_rng(1)
    a, b = random.random(size), random.random(size)
    for other in (b, 0.8 * a + 0.2 * b, a):
        expected = metrics.structural_similarity(a, other, data_range=1.0)
        assert ssim(a, other) == pytest.approx(expected, abs=1e-9)
    assert ssim(np.zeros((2, 3)), np.zeros((2, 3))) == 1
