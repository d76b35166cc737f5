"""Pixel flipping by regions: a slow plain version and a model that looks at one region."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import PixelFlipping
from limelight.metrics.perturbing import rank
from oracles import edited


def test_equals_a_plain_version() -> None:
    images, maps = edited.images(), edited.maps()
    metric = PixelFlipping(steps=4, region=5, seed=3)
    metric.update(maps, images, edited.Rescored(edited.probability), labels=range(5))
    draw = np.random.default_rng(3).random(edited.SHAPE).astype(np.float32)
    corners = [(top, left) for top in range(0, 12, 5) for left in range(0, 17, 5)]
    expected = []
    for x, m in zip(images, maps, strict=True):
        sums = [m[top : top + 5, left : left + 5].sum() for top, left in corners]
        places = rank(np.array(sums)[None, None], 3).ravel()
        order = [corners[i] for i in np.argsort(places)]
        assert [sums[corners.index(corner)] for corner in order] == sorted(sums, reverse=True)
        curve = []
        for k in range(5):
            flipped = x.astype(float)
            for top, left in order[: round(k * len(corners) / 4)]:
                for channel in range(3):
                    low, high = x[channel].min(), x[channel].max()
                    region = (channel, slice(top, top + 5), slice(left, left + 5))
                    flipped[region] = low + (high - low) * draw[region]
            curve.append(edited.probability(flipped[None])[0])
        expected.append(np.mean([curve[0] - each for each in curve]))
    found = metric.compute()
    assert list(found.per_class.values()) == pytest.approx(expected, abs=1e-5)
    assert found.value == pytest.approx(np.mean(expected), abs=1e-5)


def test_a_model_that_looks_at_one_region() -> None:
    """AOPC is 1 · 20/21 where that region goes first, and 1/21 where it goes last."""

    def one_region(x: np.ndarray) -> np.ndarray:
        return (x[:, :, 4:8, 8:12] == 1).all(axis=(1, 2, 3)).astype(float)

    images = np.random.default_rng(0).random((1, *edited.SHAPE)).astype(np.float32)
    images[:, :, 4:8, 8:12] = 1
    right = np.zeros((1, 12, 17))
    right[:, 4:8, 8:12] = 1
    for values, expected in ((right, 15 / 16), (1 - right, 1 / 16)):
        metric = PixelFlipping(steps=15, region=4)  # 3 × 5 regions, one a step
        metric.update(values, images, edited.Rescored(one_region))
        assert metric.compute().value == pytest.approx(expected)


def test_no_region() -> None:
    with pytest.raises(MetricError, match="region=0"):
        PixelFlipping(region=0)
