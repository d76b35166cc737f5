"""Ground truth on the protocol's square, against the formula and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import protocol_boxes, protocol_masks


def test_boxes_are_truncated_each_axis_by_its_own_extent() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        h, w = rng.integers(50, 900, 2)
        box = np.sort(rng.uniform(0, 1, (2, 2)), axis=0) * (w, h)
        x0, y0, x1, y1 = box.ravel()
        expected = [int(x0 * 224 / w), int(y0 * 224 / h), int(x1 * 224 / w), int(y1 * 224 / h)]
        got = protocol_boxes([box.ravel()], (h, w))
        assert got.dtype.kind == "i"
        assert got.tolist() == [expected]
    assert protocol_boxes([[0, 0, 500, 300]], (300, 500)).tolist() == [[0, 0, 224, 224]]
    assert protocol_boxes([], (300, 500)).shape == (0, 4)


@pytest.mark.parametrize("size", [(500, 333), (224, 224), (97, 1024), (31, 20)])
def test_masks_are_resized_as_opencv_does(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    masks = (rng.random((3, *size)) < 0.3).astype(np.float32)
    ignore = (rng.random(size) < 0.4).astype(np.float32)
    large = [cv2.resize(m, (224, 224), interpolation=cv2.INTER_NEAREST) > 0.5 for m in masks]
    ignored = cv2.resize(ignore, (224, 224), interpolation=cv2.INTER_NEAREST) > 0.5
    foreground, left_out = protocol_masks(masks, ignore)
    np.testing.assert_array_equal(foreground, large[0] | large[1] | large[2])
    np.testing.assert_array_equal(left_out, ignored & ~foreground)
    assert (foreground & ignored).any()
    assert not protocol_masks(masks[:1])[1].any()


def test_an_image_without_a_mask() -> None:
    with pytest.raises(MetricError, match="without a mask"):
        protocol_masks([])
