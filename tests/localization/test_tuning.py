"""Tuned thresholds against locating at every threshold, and their file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limelight.boxes import iou
from limelight.errors import BoxError, MethodError, RunError
from limelight.frames import Frame
from limelight.localization import (
    GOALS,
    NORMALIZERS,
    RULES,
    Threshold,
    Tuner,
    locate,
    normalize,
    tune,
)
from limelight.localization.components import largest_at

FRAMES = [
    Frame.identity((40, 61)).resize((32, 32)),
    Frame.identity((50, 90)).resize((40, 72)).crop(top=4, left=20, size=(32, 32)),
    Frame.identity((37, 52)).orient(6).resize((32, 32)),
    Frame.identity((33, 80)).resize((32, 32)),
]


def made(count: int = 24) -> tuple[list[np.ndarray], list[np.ndarray], list[Frame]]:
    """Coarse raw maps with a bump and noise, and boxes around the bump in original pixels."""
    rng = np.random.default_rng(8)
    maps, boxes, frames = [], [], []
    y, x = np.mgrid[:6, :6]
    for i in range(count):
        frame = FRAMES[i % len(FRAMES)]
        cx, cy = rng.uniform(1, 4, 2)
        bump = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(2, 5))
        maps.append((bump + rng.normal(-0.1, 0.15, (6, 6))).astype(np.float32))
        at = (np.array([cx - 1.3, cy - 1.3, cx + 2.3, cy + 2.3]) + rng.normal(0, 0.4, 4)) * 32 / 6
        boxes.append(frame.to_original(at[None]))
        frames.append(frame)
    maps[1] = -np.abs(maps[1])
    return maps, boxes, frames


@settings(deadline=None, max_examples=80)
@given(values=arrays(np.float32, (7, 10), elements=st.integers(0, 6).map(lambda v: v / 6)))
@example(values=np.pad(np.array([[1 / 6, 5 / 6]], np.float32), ((6, 0), (8, 0))))
def test_largest_at_every_threshold_is_that_of_locate(values: np.ndarray) -> None:
    thresholds = np.arange(0, 1.01, 0.05)
    # A plain number, as a user gives it: NumPy's own float64 would round the product twice.
    cuts = np.array([float(t) * values.max() for t in thresholds], np.float32)
    expected = [locate(values, t) for t in thresholds]
    np.testing.assert_array_equal(largest_at(values, cuts), expected)


def plain_curve(
    normalizer: str, rule: str, thresholds: np.ndarray, goal: str
) -> tuple[np.ndarray, int]:
    maps, boxes, frames = made()
    curve = np.zeros(len(thresholds))
    for values, truth, frame in zip(maps, boxes, frames, strict=True):
        rows, columns, swapped = frame.resampling((6, 6))
        small = normalize(values, normalizer)
        whole = rows @ (small.T if swapped else small) @ columns.T
        assert whole.shape == frame.original_size
        for i, threshold in enumerate(thresholds):
            box = locate(whole, float(threshold), rule)
            overlap = iou(box[None], truth).max()
            curve[i] += overlap >= 0.5 if goal == "accuracy" else overlap
    return curve / len(maps), int(curve.argmax())


@pytest.mark.parametrize(
    ("normalizer", "rule", "goal"),
    [
        ("max", "max", "accuracy"),
        ("minmax", "max", "iou"),
        ("ivr", "absolute", "iou"),
        ("max", "quantile", "accuracy"),
        ("percentile", "otsu", "iou"),
    ],
)
def test_curve_against_locating_one_by_one(normalizer: str, rule: str, goal: str) -> None:
    thresholds = np.array([0.0]) if rule == "otsu" else np.arange(0, 1, 0.07)
    expected, best = plain_curve(normalizer, rule, thresholds, goal)
    found = tune(*made(), [normalizer], rule, list(thresholds), goal, data="made")
    np.testing.assert_allclose(found.curves[normalizer], expected, atol=1e-12)
    assert 0 < found.score == pytest.approx(expected.max())
    assert found.value == thresholds[best]
    assert found.thresholds == tuple(thresholds)
    assert (found.rule, found.normalizer, found.goal) == (rule, normalizer, goal)
    assert (found.images, found.data) == (24, "made")


def test_the_best_normalizer_is_taken() -> None:
    found = tune(*made(), tuple(NORMALIZERS), goal="iou")
    assert set(found.curves) == set(NORMALIZERS)
    tops = {name: max(curve) for name, curve in found.curves.items()}
    assert found.score == max(tops.values()) == tops[found.normalizer]
    assert len(set(tops.values())) > 1
    assert found.thresholds == tuple(i / 100 for i in range(100))


def test_batches_are_the_whole_and_images_without_boxes_do_not_count() -> None:
    maps, boxes, frames = made()
    whole = tune(maps, boxes, frames)
    tuner = Tuner()
    for i in range(0, len(maps), 5):
        tuner.update(maps[i : i + 5], boxes[i : i + 5], frames[i : i + 5])
    tuner.update(maps[:1], [[]], frames[:1])
    assert tuner.result() == whole


def test_without_frames_boxes_are_in_the_maps_own_pixels() -> None:
    values = np.zeros((9, 14))
    values[2:5, 6:13] = 1
    values[6:9, 0:6] = 0.4
    found = tune([values], [[[6, 2, 13, 5]]], goal="iou")
    assert found.score == 1 and found.value == 0  # the larger one by its pixels: 21 against 18
    below = tune([values], [[[0, 6, 6, 9]]], goal="iou", thresholds=[0.1, 0.5])
    assert below.score == 0


def test_the_options_are_those_of_locate() -> None:
    found = tune(*made(), ["ivr"])
    assert found.options() == {"threshold": found.value, "rule": "max", "normalizer": "ivr"}


def test_the_file_gives_back_the_threshold(tmp_path: Path) -> None:
    found = tune(*made(), ("max", "ivr"), data="kangaroo/val")
    found.write(tmp_path / "threshold.json")
    assert Threshold.read(tmp_path / "threshold.json") == found
    assert (tmp_path / "threshold.json").stat().st_size < 20_000
    kept = json.loads((tmp_path / "threshold.json").read_text())
    assert kept["value"] == found.value and kept["data"] == "kangaroo/val"


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.pop("limelight"),
        lambda kept: kept.pop("rule"),
        lambda kept: kept.update(rule="maximum"),
        lambda kept: kept.update(more=1),
        lambda kept: kept.update(curves=3),
    ],
)
def test_another_file_is_refused(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "threshold.json"
    tune(*made(4)).write(path)
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))
    with pytest.raises(RunError, match="is not a threshold that `limelight tune` wrote"):
        Threshold.read(path)


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no threshold can be read from"):
        Threshold.read(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[1, 2")
    with pytest.raises(RunError, match="no threshold can be read from"):
        Threshold.read(tmp_path / "list.json")
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(RunError, match="is not a threshold"):
        Threshold.read(tmp_path / "list.json")
    with pytest.raises(RunError, match="cannot be written to"):
        tune(*made(4)).write(tmp_path / "no folder" / "t.json")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Tuner(["maxi"]), MethodError, "did you mean 'max'"),
        (lambda: Tuner(goal="precision"), MethodError, f"there are {', '.join(GOALS)}"),
        (lambda: Tuner(rule="zz"), MethodError, f"there are {', '.join(RULES)}"),
        (lambda: Tuner(thresholds=[0.5, 1.5]), MethodError, "expected 0..1"),
        (lambda: Tuner(thresholds=[0.5, 0.2]), MethodError, "expected ascending numbers"),
        (lambda: Tuner().result(), MethodError, "there are none"),
        (lambda: tune(np.ones((2, 3, 4)), [[[0, 0, 1, 1]]]), BoxError, "2 maps, 1 arrays"),
        (lambda: tune(np.ones((1, 3, 4)), [[]], []), BoxError, "and 0 frames"),
    ],
)
def test_bad_input_gets_one_sentence(call: Any, error: type, words: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert words in str(raised.value)
