"""Contours of all thresholds at once against OpenCV, threshold by threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from limelight.metrics.contours import all_contours, largest_contours
from limelight.metrics.curve import Proposer
from oracles import cams, wsol
from oracles.score_maps import score_maps

STEPS = {1: 0.01, 2: 0.001}

images = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 3)
)


def opencv(values: np.ndarray, cut: int) -> tuple[list[Any], list[float]]:
    contours, _ = cv2.findContours(
        (values > cut).astype(np.uint8), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE
    )
    rectangles = [cv2.boundingRect(c) for c in contours]
    return [(x, y, x + w, y + h) for x, y, w, h in rectangles], [
        cv2.contourArea(c) for c in contours
    ]


@settings(deadline=None, max_examples=400)
@given(values=images)
def test_every_contour_of_small_images(values: np.ndarray) -> None:
    cuts = np.arange(values.max())
    foreground, boxes = all_contours(values, cuts)
    for i, cut in enumerate(cuts):
        expected, _ = opencv(values, cut)
        assert sorted(map(tuple, boxes[foreground == i].tolist())) == sorted(expected)


@settings(deadline=None, max_examples=400)
@given(values=images)
def test_largest_contour_of_small_images(values: np.ndarray) -> None:
    """Also which one OpenCV lists first where several have the same area."""
    cuts = np.arange(values.max())
    if len(cuts) == 0:
        return
    for found, cut in zip(largest_contours(values, cuts), cuts, strict=True):
        rectangles, areas = opencv(values, cut)
        assert tuple(found) == rectangles[int(np.argmax(areas))]


def mismatches(score_map: np.ndarray, truth: np.ndarray) -> int:
    """Thresholds of both versions at which the best IoU is not the same number."""
    found = 0
    for version, step in STEPS.items():
        ours = Proposer(np.arange(0, 1, step), version == 1, "wsol2020")(score_map)
        expected = wsol.best_ious(score_map, truth, version, step)
        found += int((ours.best_ious(truth) != expected).sum())
    return found


def test_equal_to_the_plain_evaluator_on_made_maps() -> None:
    assert sum(mismatches(*pair) for pair in score_maps(64, (26, 37), seed=0)) == 0


@pytest.mark.torch
def test_equal_to_the_plain_evaluator_on_maps_of_squeezenet(data: Path, squeezenet: Any) -> None:
    chosen = cams.photographs(data)[::30][:20]
    maps = cams.on_the_square(cams.squeezenet_cams(squeezenet, chosen)[0])
    assert sum(mismatches(m, p.boxes) for m, p in zip(maps, chosen, strict=True)) == 0


@pytest.mark.compiles
def test_equal_to_the_plain_evaluator_on_maps_of_mobilenet(data: Path, mobilenet: Any) -> None:
    chosen = cams.photographs(data)[::40][:16]
    maps = cams.on_the_square(cams.mobilenet_cams(mobilenet, chosen))
    assert sum(mismatches(m, p.boxes) for m, p in zip(maps, chosen, strict=True)) == 0


@pytest.mark.soak
@pytest.mark.torch
def test_equal_on_every_map_of_squeezenet(data: Path, squeezenet: Any) -> None:
    chosen = cams.photographs(data)
    maps = cams.on_the_square(cams.squeezenet_cams(squeezenet, chosen)[0])
    assert len(maps) == 666
    assert sum(mismatches(m, p.boxes) for m, p in zip(maps, chosen, strict=True)) == 0


@pytest.mark.soak
def test_equal_on_every_map_of_mobilenet(data: Path, mobilenet: Any) -> None:
    chosen = cams.photographs(data)
    maps = cams.on_the_square(cams.mobilenet_cams(mobilenet, chosen))
    assert len(maps) == 666
    assert sum(mismatches(m, p.boxes) for m, p in zip(maps, chosen, strict=True)) == 0


@pytest.mark.soak
@pytest.mark.parametrize(("count", "size"), [(8, (224, 224)), (660, (44, 60))])
def test_equal_on_made_maps_of_every_kind(count: int, size: tuple[int, int]) -> None:
    """Noise of full size takes the plain evaluator 20 seconds a map: one of each kind is that."""
    assert sum(mismatches(*pair) for pair in score_maps(count, size, seed=1)) == 0
