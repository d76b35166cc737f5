"""Average drop, increase and gain against the formulas, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import AverageDrop, AverageGain, IncreaseInConfidence
from oracles import edited


@pytest.mark.parametrize("baseline", [0.0, 0.4])
def test_equal_the_formulas(baseline: float) -> None:
    images, maps = edited.images(), edited.maps()
    drops, increases, gains = [], [], []
    for x, m in zip(images.astype(float), maps, strict=True):
        behind = np.empty_like(x)
        for place in np.ndindex(x.shape):
            behind[place] = baseline + (x[place] - baseline) * m[place[1:]]
        y, y_masked = (edited.probability(each[None])[0] for each in (x, behind))
        drops.append(max(0, y - y_masked) / y)
        increases.append(float(y_masked > y))
        gains.append(max(0, y_masked - y) / (1 - y))
    assert 0 < np.mean(increases) < 1
    for kind, expected in (
        (AverageDrop, drops),
        (IncreaseInConfidence, increases),
        (AverageGain, gains),
    ):
        metric = kind(baseline)
        metric.update(maps, images, edited.Rescored(edited.probability), labels=range(5))
        found = metric.compute()
        assert found.value == pytest.approx(np.mean(expected), abs=1e-6)
        assert list(found.per_class.values()) == pytest.approx(expected, abs=1e-6)


def test_the_drop_is_relative() -> None:
    """Half of a small probability lost is a drop of a half: others report the difference."""
    images, maps = np.ones((1, *edited.SHAPE), np.float32), np.full((1, *edited.SHAPE[1:]), 0.5)
    metric = AverageDrop()
    metric.update(maps, images, edited.Rescored(lambda x: 0.02 * x.mean(axis=(1, 2, 3))))
    assert metric.compute().value == pytest.approx(0.5, abs=1e-6)


def test_all_and_nothing() -> None:
    images = edited.images()
    whole, nothing = (np.full((5, *edited.SHAPE[1:]), each) for each in (1.0, 0.0))
    for kind in (AverageDrop, IncreaseInConfidence, AverageGain):
        metric = kind()
        metric.update(whole, images, edited.Rescored(edited.probability))
        assert metric.compute().value == 0
    metric = IncreaseInConfidence()
    metric.update(nothing, images, edited.Rescored(edited.probability))
    below = edited.probability(images) < 0.5
    assert metric.compute().value == pytest.approx(below.mean())


def test_refusals() -> None:
    images, maps = edited.images(), edited.maps()
    metric, scores = AverageDrop(), edited.Rescored(edited.linear)
    with pytest.raises(MetricError, match="expected them in \\[0, 1\\]"):
        metric.update(maps - 1, images, scores)
    with pytest.raises(MetricError, match="defined for probabilities"):
        metric.update(maps, images, scores)
    with pytest.raises(MetricError, match="5 images of 12 × 17"):
        metric.update(maps[:, :5], images, scores)
    with pytest.raises(MetricError, match="5 images and 2 labels"):
        metric.update(maps, images, edited.Rescored(edited.probability), labels=[1, 2])
