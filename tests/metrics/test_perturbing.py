"""Orders of pixels, areas and steps; what holds for every metric that asks the model again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limelight import metrics
from limelight.errors import MetricError
from limelight.metrics.insertion_deletion import Deletion
from limelight.metrics.perturbing import rank, stations, trapezoid
from oracles import edited


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 50), st.lists(st.floats(-1, 1), min_size=51, max_size=51))
def test_area_is_that_of_numpy(steps: int, values: list[float]) -> None:
    curve = np.array(values[: steps + 1])
    area = np.trapezoid(curve, np.linspace(0, 1, steps + 1))
    assert curve @ trapezoid(steps) == pytest.approx(area, abs=1e-9)


def test_ranks_are_places_in_falling_order() -> None:
    maps = edited.maps()
    for values, ranks in zip(maps, rank(maps, seed=3), strict=True):
        assert sorted(ranks.ravel()) == list(range(values.size))
        along = np.empty(values.size)
        along[ranks.ravel().astype(int)] = values.ravel()
        assert (np.diff(along) <= 0).all()


def test_equal_values_come_in_one_order_that_is_not_the_reading_order() -> None:
    flat = np.zeros((2, 12, 17))
    first, second = rank(flat, seed=0)
    np.testing.assert_array_equal(first, second)
    # of a map that says nothing, the first half of the pixels lies all over
    rows = np.nonzero(first < flat[0].size / 2)[0]
    assert abs(rows.mean() - 5.5) < 1
    assert (rank(flat, seed=1)[0] != first).any()


def test_stations() -> None:
    assert stations(10, 5).tolist() == [0, 2, 4, 6, 8, 10]
    assert stations(204, 20)[[0, -1]].tolist() == [0, 204]
    assert np.ptp(np.diff(stations(204, 20))) <= 1


def test_no_steps() -> None:
    with pytest.raises(MetricError, match="steps=0"):
        Deletion(steps=0)


def test_nothing_is_kept_where_it_raises() -> None:
    metric = Deletion()
    with pytest.raises(MetricError):
        metric.update(edited.maps(), edited.images(3), edited.Rescored(edited.linear))
    with pytest.raises(MetricError, match="has scored no image"):
        metric.compute()


# -- every metric that asks -----------------------------------------------------------------------

#: Name, options, and others.
SETTINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("average-drop", {}, {"baseline": 0.5}),
    ("average-gain", {}, {"baseline": 0.5}),
    ("increase-in-confidence", {}, {"baseline": 0.5}),
    ("insertion", {"steps": 5}, {"steps": 5, "sigma": 2}),
    ("deletion", {"steps": 5}, {"steps": 6}),
    ("pixel-flipping", {"steps": 5}, {"steps": 5, "region": 4}),
    ("road", {"fractions": (0.3, 0.7)}, {"fractions": (0.3, 0.6)}),
    ("infidelity", {"samples": 8}, {"samples": 8, "seed": 1}),
    ("max-sensitivity", {"samples": 2}, {"samples": 2, "radius": 0.5}),
    ("model-randomization", {"stages": ["all"]}, {"stages": ["all"], "similarity": "ssim"}),
    ("label-randomization", {}, {"similarity": "ssim"}),
]
every = pytest.mark.parametrize(
    ("name", "options", "others"), SETTINGS, ids=[name for name, _, _ in SETTINGS]
)
COUNT = 12


def a_batch(name: str, at: Any = slice(None)) -> dict[str, Any]:
    """What a metric's `update` takes, of some of the images."""
    images = edited.images(COUNT)
    found: dict[str, Any] = {"maps": edited.maps(COUNT)[at], "labels": np.arange(COUNT)[at] % 3}
    wanted = metrics.find_metric(name).inputs
    if "others" in wanted:
        mixed = edited.maps(COUNT, seed=3) + edited.maps(COUNT)
        return {**found, "others": mixed[at][:, None] / 2}
    found["images"] = images[at]
    if "explain" in wanted:

        def explain(x: np.ndarray) -> np.ndarray:
            return np.abs(x).sum(axis=1)

        return {**found, "maps": explain(images)[at], "explain": explain}
    return {**found, "rescoring": edited.Rescored(edited.probability)}


def test_every_metric_that_asks_is_here() -> None:
    asking = {m.name for m in metrics.list_metrics() if not {"boxes", "masks"} & {*m.inputs}}
    assert {name for name, _, _ in SETTINGS} == asking
    for name in asking:
        metric = metrics.find_metric(name)
        assert getattr(metrics, metric.__name__) is metric
        assert metric.title and metric.paper and "Source: " in str(metric.__doc__)
        assert metric.greater_is_better in (True, False)  # type: ignore[attr-defined]


@every
def test_shards_and_single_images_are_the_whole(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    kind = metrics.find_metric(name)
    whole, merged, single = kind(**options), kind(**options), kind(**options)
    whole.update(**a_batch(name))
    for at in (slice(7, None), slice(0, 7)):
        shard = kind(**options)
        shard.update(**a_batch(name, at))
        merged.merge(shard)
    for i in range(COUNT):
        single.update(**a_batch(name, slice(i, i + 1)))
    expected = whole.compute(50)
    assert 0 < abs(expected.value) < 1
    assert merged.compute().value == pytest.approx(expected.value, abs=1e-5)
    assert merged.compute().per_class == pytest.approx(expected.per_class, abs=1e-5)
    found = single.compute(50)
    assert found.value == pytest.approx(expected.value, abs=1e-5)
    assert found.interval == pytest.approx(expected.interval, abs=1e-5)
    assert found.details == pytest.approx(expected.details, abs=1e-5)


@every
def test_the_value_is_the_mean_of_the_images_and_so_is_its_interval(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    kind = metrics.find_metric(name)
    metric, values = kind(**options), []
    metric.update(**a_batch(name))
    for i in range(COUNT):
        one = kind(**options)
        one.update(**a_batch(name, slice(i, i + 1)))
        values.append(one.compute().value)
    found = metric.compute(resamples=40, seed=2, level=0.8)
    assert found.value == pytest.approx(np.mean(values), abs=1e-5)
    drawn = np.array(values)[np.random.default_rng(2).integers(0, COUNT, (40, COUNT))].mean(axis=1)
    assert found.interval == pytest.approx(tuple(np.quantile(drawn, (0.1, 0.9))), abs=1e-5)


@every
def test_other_settings_are_not_merged(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    kind = metrics.find_metric(name)
    with pytest.raises(MetricError, match=f"{name} with .* cannot take in {name} with"):
        kind(**options).merge(kind(**others))
