"""What holds for every metric: shards, order, intervals, classes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import limelight
from limelight import metrics
from limelight.errors import MetricError

SIZE = (20, 31)  # not square
COUNT = 24
SETTINGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("maxboxacc", {"version": 1}, {"version": 2}),
    ("maxboxacc", {"version": 2, "convention": "half_open"}, {"version": 2}),
    ("gt-known", {}, {"threshold": 0.3}),
    ("gt-known", {"threshold": 0.3}, {"threshold": 0.3, "convention": "half_open"}),
    ("top-k", {"k": 2}, {"k": 1}),
    ("top-k", {"variant": "B", "k": 3}, {"variant": "B", "k": 2}),
    ("pointing-game", {"tolerance": 2}, {}),
    ("energy-pointing-game", {}, {}),
    ("mean-iou", {}, {"threshold": 0.5}),
    ("pxap", {"step": 0.01}, {}),
]
every = pytest.mark.parametrize(
    ("name", "options", "others"),
    SETTINGS,
    ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(SETTINGS)],
)


def a_data_set(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Maps with a bump near, or not so near, the ground truth; three classes."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    maps, boxes = [], []
    for _ in range(COUNT):
        x0, y0 = rng.integers(0, 15), rng.integers(0, 8)
        w, h = rng.integers(6, 15), rng.integers(5, 12)
        cx, cy = x0 + w / 2 + rng.normal(0, 3), y0 + h / 2 + rng.normal(0, 2)
        bump = np.exp(-(((x - cx) / w) ** 2 + ((y - cy) / h) ** 2) * 2)
        maps.append(bump / bump.max())
        boxes.append(np.array([[x0, y0, x0 + w, y0 + h]], float))
    labels = np.arange(COUNT) % 3
    found: dict[str, Any] = {"maps": np.array(maps), "labels": labels}
    if name == "pxap":
        masks = np.zeros((COUNT, *SIZE), bool)
        for mask, box in zip(masks, boxes, strict=True):
            x0, y0, x1, y1 = box[0].astype(int)
            mask[y0:y1, x0:x1] = True
        return {**found, "masks": masks, "ignore": rng.random(masks.shape) < 0.1}
    found["boxes"] = boxes
    if name == "top-k":
        found["predictions"] = np.array([rng.permutation(4) for _ in range(COUNT)])
    if options.get("variant") == "B":
        found["maps"] = np.stack([found["maps"], found["maps"][::-1], found["maps"] ** 2], axis=1)
    return found


def part(data: dict[str, Any], at: Any) -> dict[str, Any]:
    return {key: [values[i] for i in np.arange(COUNT)[at]] for key, values in data.items()}


def test_every_declared_metric_is_here() -> None:
    # those that ask the model are in test_perturbing.py
    of_truth = {m.name for m in metrics.list_metrics() if {"boxes", "masks"} & {*m.inputs}}
    assert {name for name, _, _ in SETTINGS} == of_truth
    for metric in metrics.list_metrics():
        assert metrics.find_metric(metric.name) is metric
        assert getattr(metrics, metric.__name__) is metric
        assert metric.title and metric.__doc__


@every
def test_shards_merged_in_any_order_are_the_whole(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    data = a_data_set(name, options)
    metric = metrics.find_metric(name)
    whole = metric(**options)
    whole.update(**data)
    expected = whole.compute()
    merged = metric(**options)
    for at in (slice(16, None), slice(0, 5), slice(5, 16)):
        shard = metric(**options)
        shard.update(**part(data, at))
        merged.merge(shard)
    got = merged.compute()
    assert got.images == expected.images == COUNT
    assert 0 < expected.value < 1
    assert got.value == pytest.approx(expected.value, abs=1e-12)
    assert got.details == pytest.approx(expected.details, abs=1e-12)
    assert got.per_class == pytest.approx(expected.per_class, abs=1e-12)
    one_by_one = metric(**options)
    for i in range(COUNT):
        one_by_one.update(**part(data, slice(i, i + 1)))
    assert one_by_one.compute(50) == whole.compute(50)


@every
def test_reset_forgets(name: str, options: dict[str, Any], others: dict[str, Any]) -> None:
    data = a_data_set(name, options)
    metric = metrics.find_metric(name)(**options)
    metric.update(**part(data, slice(0, 9)))
    metric.reset()
    with pytest.raises(MetricError, match=f"{name} has scored no image"):
        metric.compute()
    metric.update(**part(data, slice(9, None)))
    again = metrics.find_metric(name)(**options)
    again.update(**part(data, slice(9, None)))
    assert metric.compute(20) == again.compute(20)


@every
def test_interval_is_that_of_data_sets_drawn_again(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    """Weights and images that really occur several times give the same values."""
    data = a_data_set(name, options)
    metric = metrics.find_metric(name)(**options)
    metric.update(**data)
    result = metric.compute(resamples=60, seed=2, level=0.8)
    assert result == metric.compute(resamples=60, seed=2, level=0.8)
    assert result.interval is not None
    rng = np.random.default_rng(2)
    values = []
    for drawn in rng.integers(0, COUNT, (60, COUNT)):
        again = metrics.find_metric(name)(**options)
        again.update(**part(data, drawn))
        values.append(again.compute().value)
    np.testing.assert_allclose(result.interval, np.quantile(values, (0.1, 0.9)), atol=1e-9)
    assert metric.compute().interval is None


@every
def test_other_settings_are_not_merged(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    metric = metrics.find_metric(name)
    if options != others:
        with pytest.raises(MetricError, match=f"{name} with .* cannot take in {name} with"):
            metric(**options).merge(metric(**others))
    other = metrics.find_metric("mean-iou" if name != "mean-iou" else "pxap")()
    with pytest.raises(MetricError, match=f"cannot take in {other.name}"):
        metric(**options).merge(other)


@every
def test_the_pure_function_is_the_class(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    functions: dict[str, Callable[..., Any]] = {
        "maxboxacc": metrics.max_box_acc,
        "gt-known": metrics.gt_known_localization,
        "top-k": metrics.top_k_localization,
        "pointing-game": metrics.pointing_game,
        "energy-pointing-game": metrics.energy_pointing_game,
        "mean-iou": metrics.mean_iou,
        "pxap": metrics.pxap,
    }
    data = a_data_set(name, options)
    metric = metrics.find_metric(name)(**options)
    metric.update(**data)
    assert functions[name](**data, **options, resamples=30, seed=9) == metric.compute(30, seed=9)


@every
def test_a_batch_that_is_refused_leaves_nothing(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    data = a_data_set(name, options)
    metric = metrics.find_metric(name)(**options)
    bad = {key: list(values) for key, values in data.items()}
    bad["maps"][5] = np.full_like(bad["maps"][5], np.nan)
    with pytest.raises(MetricError, match="map 5 has values that are not finite"):
        metric.update(**bad)
    bad["maps"][5] = data["maps"][5]
    truth = "masks" if name == "pxap" else "boxes"
    with pytest.raises(MetricError, match=f"{COUNT} maps and {COUNT - 1} {truth}"):
        metric.update(**{**data, truth: data[truth][:-1]})
    if name not in ("pointing-game", "mean-iou"):
        bad["maps"][5] = bad["maps"][5] - 2
        with pytest.raises(MetricError, match=r"localization.normalize brings it there"):
            metric.update(**bad)
    with pytest.raises(MetricError, match="has scored no image"):
        metric.compute()


@every
def test_images_without_ground_truth_are_counted_apart(
    name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    if name == "pxap":
        return
    data = a_data_set(name, options)
    metric = metrics.find_metric(name)(**options)
    metric.update(**part(data, slice(0, 10)))
    expected = metric.compute()
    rest = part(data, slice(10, 13))
    rest["boxes"] = [[], np.zeros((0, 4)), np.full((1, 4), np.nan)]
    metric.update(**rest)
    got = metric.compute()
    assert (got.value, got.images, got.excluded) == (expected.value, 10, 3)


def test_labels_may_be_missing() -> None:
    data = a_data_set("mean-iou", {})
    assert metrics.mean_iou(data["maps"], data["boxes"]).per_class == {}


def test_unknown_names_get_one_sentence() -> None:
    with pytest.raises(MetricError, match="no metric 'pxpa'; did you mean 'pxap'"):
        metrics.find_metric("pxpa")
    with pytest.raises(MetricError, match="there are average-drop, average-gain, "):
        metrics.find_metric("???")
    with pytest.raises(AttributeError, match="no attribute 'MaxBox'"):
        _ = metrics.MaxBox
    assert limelight.metrics.MaxBoxAcc(1).settings() == {"version": 1, "convention": "wsol2020"}
