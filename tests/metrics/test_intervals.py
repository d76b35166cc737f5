"""Bootstrap intervals against drawing images one by one, and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.metrics.intervals import bootstrap_interval


def test_against_drawing_the_images_themselves() -> None:
    values = np.random.default_rng(1).gamma(2, size=40)
    rng = np.random.default_rng(7)
    means = [values[rng.integers(0, 40, 40)].mean() for _ in range(4000)]
    expected = np.quantile(means, (0.05, 0.95))
    got = bootstrap_interval(lambda w: w @ values / 40, 40, resamples=4000, level=0.9, seed=3)
    np.testing.assert_allclose(got, expected, atol=0.04)


def test_every_resample_has_as_many_images_and_the_seed_decides() -> None:
    seen: list[np.ndarray] = []

    def statistic(weights: np.ndarray) -> np.ndarray:
        seen.append(weights)
        return weights @ np.arange(30) ** 2 / weights.sum(1)

    first = bootstrap_interval(statistic, 30, resamples=500, seed=5)
    weights = np.concatenate(seen)
    assert weights.shape == (500, 30)
    assert (weights.sum(1) == 30).all()
    assert abs(weights.mean(0) - 1).max() < 0.2
    assert bootstrap_interval(statistic, 30, resamples=500, seed=5) == first
    assert bootstrap_interval(statistic, 30, resamples=500, seed=6) != first


def test_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        values = rng.random(60)
        low, high = bootstrap_interval(lambda w: w @ values / 60, 60, 300, 0.9, seed=trial)  # noqa: B023
        inside += low <= 0.5 <= high
    assert 0.82 < inside / 200 < 0.97


def test_resamples_without_a_value_do_not_count() -> None:
    def without_the_first(weights: np.ndarray) -> np.ndarray:
        return np.where(weights[:, 0] > 0, 1.0, np.nan)

    assert bootstrap_interval(without_the_first, 3, 100) == (1, 1)
    nothing = bootstrap_interval(lambda w: np.full(len(w), np.nan), 3, 100)
    assert np.isnan(nothing).all()


def test_many_images_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def statistic(weights: np.ndarray) -> np.ndarray:
        sizes.append(len(weights))
        return weights.mean(1)

    monkeypatch.setattr("limelight.metrics.intervals._CELLS", 1000)
    assert bootstrap_interval(statistic, 300, resamples=10) == (1, 1)
    assert sizes == [3, 3, 3, 1]
