"""Boxes at exact pixels, upright and rotated."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limelight import draw
from limelight.errors import BoxError, ImageError

BLACK = np.zeros((9, 14, 3), np.uint8)


def drawn(picture: np.ndarray) -> set[tuple[int, int]]:
    """The pixels (x, y) that are not black."""
    return {(int(x), int(y)) for y, x in np.argwhere(picture.any(-1))}


def edge(x0: int, y0: int, x1: int, y1: int, width: int = 1) -> set[tuple[int, int]]:
    """The pixels of a half-open box that are fewer than `width` from its outside."""
    return {
        (x, y)
        for x in range(x0, x1)
        for y in range(y0, y1)
        if min(x - x0, x1 - 1 - x, y - y0, y1 - 1 - y) < width
    }


def test_a_box_is_the_edge_of_exactly_its_pixels() -> None:
    assert drawn(draw.boxes(BLACK, [2, 3, 10, 8], width=1)) == edge(2, 3, 10, 8)
    assert (2, 3) in edge(2, 3, 10, 8) and (9, 7) in edge(2, 3, 10, 8)
    assert (10, 8) not in edge(2, 3, 10, 8) and (3, 4) not in edge(2, 3, 10, 8)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(0, 13), st.integers(0, 8)),
    st.tuples(st.integers(1, 13), st.integers(1, 8)),
    st.integers(1, 4),
)
def test_any_box_of_any_width(corner: tuple[int, int], size: tuple[int, int], width: int) -> None:
    (x0, y0), (x1, y1) = corner, (corner[0] + size[0], corner[1] + size[1])
    x1, y1 = min(x1, 14), min(y1, 9)
    expected = edge(x0, y0, x1, y1, width)
    assert drawn(draw.boxes(BLACK, [x0, y0, x1, y1], width=width)) == expected
    corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    for order in (
        corners,
        corners[::-1],
        corners[2:] + corners[:2],
        [corners[i] for i in (0, 2, 1, 3)],
    ):
        assert drawn(draw.boxes(BLACK, order, width=width)) == expected


def test_a_box_over_the_whole_image_is_its_border() -> None:
    assert drawn(draw.boxes(BLACK, [0, 0, 14, 9], width=1)) == edge(0, 0, 14, 9)


def test_boxes_are_rounded_to_pixels_and_cut_at_the_image() -> None:
    assert drawn(draw.boxes(BLACK, [1.6, 3.4, 9.7, 7.6], width=1)) == edge(2, 3, 10, 8)
    assert drawn(draw.boxes(BLACK, [-5, -2, 6, 4], width=1)) == edge(0, 0, 6, 4)
    assert drawn(draw.boxes(BLACK, [20, 20, 30, 30], width=1)) == set()


def test_several_boxes_have_their_colours_and_nan_rows_are_left_out() -> None:
    rows = [[0, 0, 3, 3], [np.nan] * 4, [5, 5, 8, 8]]
    picture = draw.boxes(BLACK, rows, color=["red", "white", (1, 2, 3)], width=1)
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert picture[5, 5].tolist() == [1, 2, 3]
    assert drawn(picture) == edge(0, 0, 3, 3) | edge(5, 5, 8, 8)
    np.testing.assert_array_equal(draw.boxes(BLACK, np.zeros((0, 4))), BLACK)


def test_a_rotated_box_is_the_one_that_opencv_fills() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        centre, size = random.uniform(30, 70, 2), random.uniform(12, 40, 2)
        corners = cv2.boxPoints((tuple(centre), tuple(size), random.uniform(0, 90)))
        picture = draw.boxes(np.zeros((110, 110, 3), np.uint8), corners, width=2)
        # OpenCV counts from the centre of the first pixel, and in 1/16 of a pixel here.
        filled = np.zeros((110, 110), np.uint8)
        points = np.rint((corners - 0.5) * 16).astype(int)
        cv2.fillConvexPoly(filled, points, 1, lineType=cv2.LINE_8, shift=4)
        inner = cv2.erode(filled, np.ones((7, 7), np.uint8))
        lit = picture.any(-1)
        assert lit.any()
        assert not (lit & (cv2.dilate(filled, np.ones((3, 3), np.uint8)) == 0)).any()
        assert not (lit & (inner == 1)).any()
        around = cv2.connectedComponents((~lit).astype(np.uint8), connectivity=4)[0] - 1
        assert around == 2  # the outline is closed: an inside and an outside


def test_a_rotated_box_without_thickness_is_still_seen() -> None:
    line = [[2, 2], [10, 6], [10, 6], [2, 2]]
    assert len(drawn(draw.boxes(BLACK, line, width=1))) >= 8


def test_a_large_image_gets_a_thicker_line() -> None:
    picture = draw.boxes(np.zeros((300, 600, 3), np.uint8), [100, 50, 300, 200])
    assert drawn(picture) == edge(100, 50, 300, 200, 4)


@pytest.mark.parametrize("boxes", [[1, 2, 3], np.zeros((2, 5)), np.zeros((2, 3, 2)), [[1], [2, 3]]])
def test_boxes_of_another_shape_are_refused(boxes: object) -> None:
    with pytest.raises(BoxError, match="the boxes"):
        draw.boxes(BLACK, boxes)


def test_numbers_of_colours_and_labels_and_names_of_colours_are_checked() -> None:
    two = [[0, 0, 3, 3], [5, 5, 8, 8]]
    with pytest.raises(BoxError, match="3 labels were given for 2 boxes"):
        draw.boxes(BLACK, two, labels=["a", "b", "c"])
    with pytest.raises(BoxError, match="1 colours were given for 2 boxes"):
        draw.boxes(BLACK, two, color=["red"])
    with pytest.raises(ImageError, match="no colour 'gren'; did you mean 'green'"):
        draw.boxes(BLACK, two, color="gren")
    with pytest.raises(ImageError, match="expected red, green, blue from 0 to 255"):
        draw.boxes(BLACK, two, color=(0, 0, 300))
    with pytest.raises(BoxError, match="at least 1 pixel"):
        draw.boxes(BLACK, two, width=0)
