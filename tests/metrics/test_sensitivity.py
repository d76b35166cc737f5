"""Max-sensitivity: a plain version, maps that do not change or that follow the input."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import MaxSensitivity
from oracles import edited


def test_equals_a_plain_version() -> None:
    images = edited.images()

    def explain(x: np.ndarray) -> np.ndarray:
        return np.maximum(edited.attribution(x), 0) ** 2

    metric = MaxSensitivity(radius=0.1, samples=4, seed=6)
    metric.update(explain(images), images, explain, labels=range(5))
    random = np.random.default_rng(6)
    noises = [random.uniform(-0.1, 0.1, edited.SHAPE) for _ in range(4)]
    expected = []
    for x in images.astype(float):
        before = explain(x[None])
        ratios = [
            np.linalg.norm(explain((x + noise)[None]) - before) / np.linalg.norm(before)
            for noise in noises
        ]
        expected.append(max(ratios))
    assert list(metric.compute().per_class.values()) == pytest.approx(expected, rel=1e-4)


def test_the_gradient_of_a_linear_model_does_not_change() -> None:
    images = edited.images()

    def gradient(x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(edited.WEIGHT.sum(axis=0), (len(x), 12, 17))

    metric = MaxSensitivity()
    metric.update(gradient(images), images, gradient)
    assert metric.compute().value == 0


def test_noise_stays_within_the_radius_and_a_zero_map_has_no_value() -> None:
    images, seen = edited.images(), []

    def explain(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return np.abs(x).sum(axis=1)

    before = explain(images)
    before[2] = 0
    metric = MaxSensitivity(radius=0.05, samples=3)
    metric.update(before, images, explain)
    assert metric.compute().images == 4 and metric.compute().excluded == 1
    noises = [each - images for each in seen[1:]]
    assert len(noises) == 3
    for noise in noises:
        assert 0.04 < np.abs(noise).max() <= 0.05 + 1e-6
        np.testing.assert_allclose(noise, np.broadcast_to(noise[:1], noise.shape), atol=1e-6)


def test_refusals() -> None:
    with pytest.raises(MetricError, match="samples=0"):
        MaxSensitivity(samples=0)
    images = edited.images()
    with pytest.raises(MetricError, match="one map of the same size"):
        MaxSensitivity().update(edited.maps(), images, lambda x: edited.maps()[:, :4])
