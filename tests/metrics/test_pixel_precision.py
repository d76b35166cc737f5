"""PxAP against scikit-learn and a plain curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from limelight.errors import MetricError
from limelight.metrics import PxAP, pxap


def images(count: int = 7) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Maps that lean towards their masks, of several sizes, none square."""
    rng = np.random.default_rng(3)
    maps, masks, ignore = [], [], []
    for i in range(count):
        mask = rng.random((9 + i, 14)) < 0.3
        noise = rng.random(mask.shape)
        maps.append(np.where(mask, noise**0.5, noise).astype(np.float32))
        masks.append(mask)
        ignore.append((rng.random(mask.shape) < 0.2) & ~mask)
    maps[0].flat[:3] = (0, 1, 0.5)
    return maps, masks, ignore


@pytest.mark.parametrize("step", [0.001, 0.05])
def test_against_scikit_learn_on_the_bins(step: float) -> None:
    maps, masks, ignore = images()
    edges = np.append(np.arange(0, 1, step), 1.0)
    kept = [~i for i in ignore]
    scores = np.concatenate([m[k] for m, k in zip(maps, kept, strict=True)])
    truth = np.concatenate([m[k] for m, k in zip(masks, kept, strict=True)])
    bins = np.searchsorted(edges, scores.astype(float), side="right")
    expected = average_precision_score(truth, bins)
    assert pxap(maps, masks, ignore, step=step).value == pytest.approx(expected, abs=1e-12)
    without = average_precision_score(
        np.concatenate([m.ravel() for m in masks]),
        np.searchsorted(edges, np.concatenate([m.ravel() for m in maps]).astype(float), "right"),
    )
    assert pxap(maps, masks, step=step).value == pytest.approx(without, abs=1e-12)
    assert abs(without - expected) > 1e-3


def test_against_the_published_formula() -> None:
    """Histograms with the published edges, by NumPy; one value at a time."""
    maps, masks, ignore = images()
    edges = np.append(np.arange(0, 1, 0.001), [1.0, 2.0, 3.0])
    counts = np.zeros((2, len(edges) - 1))
    for values, mask, ignored in zip(maps, masks, ignore, strict=True):
        counts[0] += np.histogram(values[mask & ~ignored], edges)[0]
        counts[1] += np.histogram(values[~mask & ~ignored], edges)[0]
    area = recall = 0.0
    for at in range(len(edges) - 2, -1, -1):
        hits, alarms = counts[0, at:].sum(), counts[1, at:].sum()
        if hits + alarms:
            area += hits / (hits + alarms) * (hits / counts[0].sum() - recall)
            recall = hits / counts[0].sum()
    assert pxap(maps, masks, ignore).value == pytest.approx(area, abs=1e-12)


def test_the_whole_image_has_the_share_of_foreground() -> None:
    _, masks, _ = images()
    ones = [np.ones(m.shape) for m in masks]
    share = sum(m.sum() for m in masks) / sum(m.size for m in masks)
    assert pxap(ones, masks).value == pytest.approx(share)
    perfect = pxap([m.astype(float) for m in masks], masks)
    assert perfect.value == 1


def test_each_class_is_a_data_set_of_its_own() -> None:
    maps, masks, ignore = images()
    labels = np.array([0, 1, 0, 1, 1, 0, 2])
    masks[6][:] = False  # class 2 has no foreground
    result = pxap(maps, masks, ignore, labels)
    for label in (0, 1):
        at = np.flatnonzero(labels == label)
        alone = pxap([maps[i] for i in at], [masks[i] for i in at], [ignore[i] for i in at])
        assert result.per_class[label] == pytest.approx(alone.value, abs=1e-12)
    assert np.isnan(result.per_class[2])


def test_shapes_must_agree() -> None:
    with pytest.raises(MetricError, match=r"shape \(4, 5\) and masks of shape \(5, 4\)"):
        PxAP().update([np.zeros((4, 5))], [np.zeros((5, 4), bool)])
