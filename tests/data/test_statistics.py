"""The statistics of a data set, counted again by slow loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import limelight.data
from limelight.data import Dataset, from_arrays
from limelight.data.statistics import describe


def iou(a: list[float], b: list[float]) -> float:
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * high / (both - wide * high)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    images, labels, boxes = [], [], []
    for _ in range(draw(st.integers(1, 5))):
        height, width = draw(st.tuples(st.integers(4, 30), st.integers(4, 30)))
        rows = []
        for _ in range(draw(st.integers(0, 3))):
            x0, y0 = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
            rows.append(
                [x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))]
            )
        images.append(np.zeros((height, width), np.uint8))
        labels.append(draw(st.integers(0, 2)))
        boxes.append(np.reshape(rows, (-1, 4)))
    return from_arrays(images, labels, boxes)


@settings(deadline=None, max_examples=40)
@given(datasets())
def test_against_loops(dataset: Dataset) -> None:
    found = describe(dataset)
    examples = list(dataset)
    assert found.images == len(examples)
    assert found.labels == {
        label: sum(e.label == label for e in examples)
        for label in sorted({e.label for e in examples})  # type: ignore[type-var]
    }
    boxes = [(box.tolist(), e.size) for e in examples for box in e.boxes]
    assert found.boxes == len(boxes)
    assert found.without_boxes == sum(not len(e.boxes) for e in examples)
    if not boxes:
        assert found.area_share is None
        assert found.centre_iou is None
        return
    shares = [(b[2] - b[0]) * (b[3] - b[1]) / (s[0] * s[1]) for b, s in boxes if s]
    aspects = [(b[2] - b[0]) / (b[3] - b[1]) for b, _ in boxes]
    counts = [len(e.boxes) for e in examples if len(e.boxes)]
    for spread, values in (
        (found.area_share, shares), (found.aspect, aspects), (found.boxes_per_image, counts)
    ):  # fmt: skip
        assert spread is not None
        assert spread.mean == pytest.approx(sum(values) / len(values))
        assert spread.median == pytest.approx(float(np.median(values)))
        assert spread.low == pytest.approx(float(np.quantile(values, 0.05)))
        assert spread.high == pytest.approx(float(np.quantile(values, 0.95)))
    means = []
    for step in range(1, 101):
        f = step / 100
        best = []
        for e in examples:
            if len(e.boxes) and e.size:
                h, w = e.size
                centred = [(1 - f) / 2 * w, (1 - f) / 2 * h, (1 + f) / 2 * w, (1 + f) / 2 * h]
                best.append(max(iou(centred, box.tolist()) for box in e.boxes))
        means.append(sum(best) / len(best))
    assert found.centre_iou == pytest.approx(max(means))
    assert found.centre_share is not None
    assert means[round(found.centre_share * 100) - 1] == pytest.approx(max(means))
    assert found.whole_iou == pytest.approx(means[-1])


def test_broken_images_are_listed_and_their_boxes_counted(data: Path) -> None:
    kangaroos = limelight.data.open(data / "kangaroo")
    place = [e.id for e in kangaroos].index("00090.jpg")
    part = kangaroos[place - 2 : place + 3]
    quick, thorough = describe(part), describe(part, decode=True)
    assert quick.problems == []
    (problem,) = thorough.problems
    assert "00090.jpg" in str(problem)
    assert quick.boxes == thorough.boxes == sum(len(e.boxes) for e in part)


def test_annotations_without_images(data: Path) -> None:
    found = describe(limelight.data.open(data / "annotations" / "wsol" / "CUB", split="val"))
    assert found.images == found.boxes == 1000
    assert len(found.labels) == 200
    assert found.problems == []
    assert found.width is not None
    assert found.whole_iou is not None
    assert found.centre_iou is not None
    assert found.whole_iou < found.centre_iou


def test_every_index_goes_through_the_progress() -> None:
    seen: list[int] = []

    def progress(indices: object) -> object:
        for index in indices:  # type: ignore[attr-defined]
            seen.append(index)
            yield index

    describe(from_arrays(np.zeros((7, 4, 4), np.uint8)), progress=progress)  # type: ignore[arg-type]
    assert seen == list(range(7))
