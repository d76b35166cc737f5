"""Components found over runs of pixels against `scipy.ndimage`, pixel by pixel."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from limelight.localization.components import component_boxes, largest_box


def plainly(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(inside, np.ones((3, 3), int))
    if not count:
        return np.zeros((0, 5))
    top = ndimage.maximum(values, labels, range(1, count + 1))
    found = [
        (columns.start, rows.start, columns.stop, rows.stop, score)
        for (rows, columns), score in zip(ndimage.find_objects(labels), top, strict=True)
    ]
    return np.array(found, float)[np.argsort(-np.bincount(labels.ravel())[1:], kind="stable")]


@settings(deadline=None, max_examples=200)
@given(
    arrays(
        np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 4)
    ),
    st.integers(-1, 4),
)
def test_boxes_order_and_scores_are_those_of_ndimage(values: np.ndarray, cut: int) -> None:
    inside = values > cut
    np.testing.assert_array_equal(component_boxes(values, inside), plainly(values, inside))
    boxes = plainly(values, inside)
    first = boxes[0, :4] if len(boxes) else np.full(4, np.nan)
    np.testing.assert_array_equal(largest_box(inside), first)
