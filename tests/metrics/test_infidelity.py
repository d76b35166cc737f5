"""Infidelity: a slow plain version, the linear model's closed form, scaling, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import Infidelity
from oracles import edited


@pytest.mark.parametrize("scaled", [True, False])
def test_equals_a_plain_version(scaled: bool) -> None:
    images, maps = edited.images(), edited.maps()
    metric = Infidelity(samples=9, baseline=0.3, scaled=scaled, seed=2)
    metric.update(maps, images, edited.Rescored(edited.probability), labels=range(5))
    expected = []
    for x, m in zip(images.astype(float), maps, strict=True):
        foretold, fell = [], []
        for square in metric.squares((12, 17)):
            without = x.copy()
            for y, z in zip(*np.nonzero(square), strict=True):
                without[:, y, z] = 0.3
            foretold.append(sum(m[place] for place in zip(*np.nonzero(square), strict=True)))
            fell.append(edited.probability(x[None])[0] - edited.probability(without[None])[0])
        # the best factor of at least 0, by trying
        tried = np.linspace(0, 0.1, 200001)[:, None] if scaled else np.ones((1, 1))
        errors = ((tried * np.array(foretold) - np.array(fell)) ** 2).mean(axis=1)
        expected.append(errors.min())
    found = metric.compute()
    assert list(found.per_class.values()) == pytest.approx(expected, rel=1e-3)
    assert found.value == pytest.approx(np.mean(expected), rel=1e-3)


def test_squares_are_squares_inside_the_image() -> None:
    squares = Infidelity(samples=200, smallest=0.2, largest=0.6).squares((12, 17))
    sides = set()
    for square in squares:
        rows, columns = np.nonzero(square.any(axis=1))[0], np.nonzero(square.any(axis=0))[0]
        assert square.sum() == len(rows) ** 2 == len(columns) ** 2
        assert np.ptp(rows) + 1 == len(rows)
        sides.add(len(rows))
    assert sides == set(range(2, 8))


@pytest.mark.parametrize("scaled", [True, False])
def test_linear_model_is_foretold_by_its_attribution(scaled: bool) -> None:
    images = edited.images()
    exact = edited.attribution(images, baseline=0.3)
    found = []
    for values in (exact, 5 * exact, -exact, np.random.default_rng(1).random(exact.shape)):
        metric = Infidelity(baseline=0.3, scaled=scaled)
        metric.update(values, images, edited.Rescored(edited.linear))
        found.append(metric.compute().value)
    right, stretched, opposite, noise = found
    assert right == pytest.approx(0, abs=1e-9)
    # What the squares really do to w · x, in closed form.
    squares = Infidelity().squares((12, 17))
    falls = np.einsum("nhw,shw->ns", exact, squares.astype(float))
    if scaled:
        assert stretched == pytest.approx(0, abs=1e-9)
        assert opposite == pytest.approx((falls**2).mean(), rel=1e-4)
        assert 0.1 < noise <= opposite * (1 + 1e-9)
    else:
        assert stretched == pytest.approx(16 * (falls**2).mean(), rel=1e-4)
        assert opposite == pytest.approx(4 * (falls**2).mean(), rel=1e-4)


def test_a_map_that_says_nothing() -> None:
    metric = Infidelity()
    metric.update(np.zeros((5, 12, 17)), edited.images(), edited.Rescored(edited.linear))
    exact = edited.attribution(edited.images())
    squares = metric.squares((12, 17)).astype(float)
    expected = (np.einsum("nhw,shw->ns", exact, squares) ** 2).mean()
    assert metric.compute().value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "options", [{"samples": 0}, {"smallest": 0.6, "largest": 0.5}, {"largest": 1.5}]
)
def test_squares_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(MetricError, match="a side between 0 and 1"):
        Infidelity(**options)
