"""ROAD: a slow plain version with the equations solved directly, a model of one pixel, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import Road
from limelight.metrics.perturbing import rank
from metrics.test_imputation import solved
from oracles import edited

FRACTIONS = (0.2, 0.5, 0.85)


def test_equals_a_plain_version() -> None:
    images, maps = edited.images(), edited.maps()
    metric = Road(FRACTIONS, noise=0.3, seed=4)
    metric.update(maps, images, edited.Rescored(edited.probability), labels=range(5))
    noise = np.random.default_rng(4).normal(0, 0.3, edited.SHAPE)
    expected, orders = [], {"MoRF": [], "LeRF": []}
    for x, m in zip(images, maps, strict=True):
        left = {}
        for name, values in (("MoRF", m), ("LeRF", -m)):
            places = rank(values[None], 4)[0]
            scores = []
            for fraction in FRACTIONS:
                gone = places < round(fraction * m.size)
                filled = solved(x, gone) + np.where(gone, noise, 0)
                scores.append(edited.probability(filled[None])[0])
            left[name] = np.mean(scores)
            orders[name].append(left[name])
        expected.append(left["LeRF"] - left["MoRF"])
    found = metric.compute()
    assert list(found.per_class.values()) == pytest.approx(expected, abs=1e-3)
    assert found.value == pytest.approx(np.mean(expected), abs=1e-3)
    for name, values in orders.items():
        assert found.details[name] == pytest.approx(np.mean(values), abs=1e-3)


def test_controls() -> None:
    """A bright spot that the model asks for: right, opposite, and a map that says nothing."""
    images = np.zeros((3, *edited.SHAPE), np.float32)
    images[:, :, 5:8, 6:9] = 3
    right = np.zeros((3, *edited.SHAPE[1:]))
    right[:, 5:8, 6:9] = 1

    def spot(x: np.ndarray) -> np.ndarray:
        return (x[:, :, 5:8, 6:9].mean(axis=(1, 2, 3)) > 2).astype(float)

    found = []
    for values in (right, -right, 0 * right):
        metric = Road()
        metric.update(values, images, edited.Rescored(spot))
        found.append(metric.compute().value)
    # With 90 % gone in the right order, 20 of the 204 pixels are left: the spot's nine among them.
    assert found[0] == pytest.approx(1)
    assert found[1] == pytest.approx(-1)
    assert found[2] == 0


@pytest.mark.parametrize("fractions", [(), (0.5, 1.0), (0.0,)])
def test_fractions_that_mean_nothing(fractions: tuple[float, ...]) -> None:
    with pytest.raises(MetricError, match="between 0 and 1"):
        Road(fractions)
