"""Insertion and deletion: a slow plain version, closed forms, controls, and torch-cam."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.ndimage import correlate1d

from limelight.metrics import Deletion, Insertion
from limelight.metrics.perturbing import rank
from oracles import edited


def blurred(image: np.ndarray, sigma: float, reach: int) -> np.ndarray:
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    for axis in (1, 2):
        image = correlate1d(image, kernel, axis=axis, mode="mirror")
    return image


def plain_curve(
    start: np.ndarray, end: np.ndarray, values: np.ndarray, steps: int, seed: int
) -> list[float]:
    """The probability while the pixels of `start` become those of `end`, one after the other."""
    places = rank(values[None], seed)[0]
    order = sorted(np.ndindex(values.shape), key=lambda place: places[place])
    curve = []
    for k in range(steps + 1):
        x = start.copy()
        for y, z in order[: int(np.round(k * values.size / steps))]:
            x[:, y, z] = end[:, y, z]
        curve.append(edited.probability(x[None])[0])
    return curve


def area(curve: list[float]) -> float:
    total = 0.0
    for left, right in itertools.pairwise(curve):
        total += (left + right) / 2 / (len(curve) - 1)
    return total


@pytest.mark.parametrize("seed", [0, 5])
def test_equal_a_plain_version(seed: int) -> None:
    images, maps = edited.images(), edited.maps()
    deletion = Deletion(steps=6, baseline=0.3, seed=seed)
    insertion = Insertion(steps=7, sigma=2, reach=3, seed=seed)
    scores = edited.Rescored(edited.probability)
    for metric in (deletion, insertion):
        metric.update(maps, images, scores, labels=range(5))
    assert scores.seen == 5 * 7 + 5 * 8
    curves: dict[str, list[list[float]]] = {"deletion": [], "insertion": []}
    for x, m in zip(images.astype(float), maps, strict=True):
        curves["deletion"].append(plain_curve(x, np.full_like(x, 0.3), m, 6, seed))
        curves["insertion"].append(plain_curve(blurred(x, 2, 3), x, m, 7, seed))
    for metric in (deletion, insertion):
        expected = [area(curve) for curve in curves[metric.name]]
        found = metric.compute(resamples=50)
        np.testing.assert_allclose(metric._rows, curves[metric.name], atol=1e-6)
        assert list(found.per_class.values()) == pytest.approx(expected, abs=1e-6)
        assert found.value == pytest.approx(np.mean(expected), abs=1e-6)
        assert found.interval is not None and found.interval[0] < found.value < found.interval[1]
        means = np.mean(curves[metric.name], axis=0)
        assert list(found.details.values()) == pytest.approx(means.tolist(), abs=1e-6)


def test_linear_model_in_closed_form() -> None:
    """f(x) = w · x, one pixel a step: the k-th point is f(b) plus what is still there."""
    images = edited.images()
    parts = edited.attribution(images, baseline=0.2)
    pixels = parts[0].size
    metric = Deletion(steps=pixels, baseline=0.2)
    metric.update(parts, images, edited.Rescored(edited.linear, size=100))
    offset = 0.2 * edited.WEIGHT.sum()
    falling = -np.sort(-parts.reshape(5, -1), axis=1)
    removed = np.concatenate([np.zeros((5, 1)), falling.cumsum(axis=1)], axis=1)
    expected = offset + falling.sum(axis=1, keepdims=True) - removed
    np.testing.assert_allclose(metric._rows, expected, atol=1e-4)
    # The area under it: the k-th largest part is there for (k + ½) / n of the way.
    share = (np.arange(pixels) + 0.5) / pixels
    areas = offset + (falling * share).sum(axis=1)
    assert metric.compute().value == pytest.approx(areas.mean(), abs=1e-4)


def test_no_order_of_pixels_beats_the_attribution_of_a_linear_model() -> None:
    images = edited.images()
    found = {}
    controls = {
        "attribution": edited.attribution(images),
        "random": np.random.default_rng(9).random((5, *edited.SHAPE[1:])),
        "against": -edited.attribution(images),
    }
    for name, values in controls.items():
        for kind in (Deletion, Insertion):
            metric = kind()
            metric.update(values, images, edited.Rescored(edited.linear))
            found[name, kind.name] = metric.compute().value
    assert (
        found["attribution", "deletion"]
        < found["random", "deletion"] - 1
        < found["against", "deletion"] - 2
    )
    assert (
        found["attribution", "insertion"]
        > found["random", "insertion"] + 1
        > found["against", "insertion"] + 2
    )


def test_a_model_that_looks_at_one_pixel() -> None:
    """The score falls with the first step, and comes with the first step."""

    def one_pixel(x: np.ndarray) -> np.ndarray:
        return (x[:, 1, 4, 9] > 5).astype(float)

    images = np.zeros((1, *edited.SHAPE), np.float32)
    images[0, 1, 4, 9] = 9
    right, wrong = np.zeros((2, 1, *edited.SHAPE[1:]))
    right[0, 4, 9] = 1
    wrong[:] = 1
    wrong[0, 4, 9] = 0
    for values, deleted, inserted in ((right, 1 / 40, 39 / 40), (wrong, 39 / 40, 1 / 40)):
        metric: Deletion | Insertion = Deletion()
        metric.update(values, images, edited.Rescored(one_pixel))
        assert metric.compute().value == pytest.approx(deleted)
        metric = Insertion()
        metric.update(values, images, edited.Rescored(one_pixel))
        assert metric.compute().value == pytest.approx(inserted)


def test_torch_edits_on_its_device_give_the_same() -> None:
    torch = pytest.importorskip("torch")
    images, maps = edited.images(), edited.maps()
    for kind in (Deletion, Insertion):
        here, there = kind(), kind()
        here.update(maps, images, edited.Rescored(edited.probability))
        there.update(
            torch.as_tensor(maps), torch.as_tensor(images), edited.Rescored(edited.probability)
        )
        assert there.compute().value == pytest.approx(here.compute().value, abs=1e-6)
