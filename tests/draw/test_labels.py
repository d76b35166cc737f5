"""Labels: within the picture, readable, above their box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limelight import draw
from limelight.draw.labels import ink


def label_area(labels: str, box: list[float], size: tuple[int, int] = (120, 200)) -> np.ndarray:
    """Where the label has changed the picture, beyond the outline itself: bool (H, W)."""
    image = np.full((*size, 3), 9, np.uint8)
    plain = draw.boxes(image, box, color="yellow")
    return (draw.boxes(image, box, color="yellow", labels=labels) != plain).any(-1)


def extent(area: np.ndarray) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(area)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_a_label_stands_on_its_box() -> None:
    x0, y0, x1, y1 = extent(label_area("cat", [30, 50, 90, 100]))
    assert (x0, y1) == (30, 50)
    assert 0 <= y0 < 45 and 40 < x1 < 90


def test_without_room_above_it_hangs_inside() -> None:
    x0, y0, _, y1 = extent(label_area("cat", [30, 2, 90, 100]))
    assert x0 in (30, 31) and 2 <= y0 <= 3 and y1 < 40


@settings(deadline=None, max_examples=25)
@given(
    st.text(min_size=1, max_size=60),
    st.tuples(st.integers(0, 63), st.integers(0, 47)),
)
def test_any_text_at_any_corner_stays_within_the_picture(
    text: str, corner: tuple[int, int]
) -> None:
    x, y = corner
    picture = draw.boxes(np.zeros((48, 64, 3), np.uint8), [x, y, x + 9, y + 9], labels=text)
    assert picture.shape == (48, 64, 3)
    if text.strip():
        assert picture.any()


def test_a_long_text_is_shortened_and_not_cut() -> None:
    area = label_area("a very long name of a class " * 5, [100, 50, 150, 90])
    x0, _, x1, _ = extent(area)
    assert x0 < 20 and x1 <= 200


def test_letters_contrast_with_the_colour_of_their_box() -> None:
    for color in ("lime", "yellow", "white", "navy", "red", "#ff6a00"):
        red, green, blue = draw.boxes(np.zeros((4, 4, 3), np.uint8), [0, 0, 2, 2], color=color)[
            0, 0
        ]
        assert contrast((int(red), int(green), int(blue)), ink((red, green, blue))) >= 4.5


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast ratio of WCAG 2.2, plainly."""

    def luminance(color: tuple[int, int, int]) -> float:
        total = 0.0
        for weight, channel in zip((0.2126, 0.7152, 0.0722), color, strict=True):
            share = channel / 255
            total += weight * (
                share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
            )
        return total

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("text", ["cat", '개 "x" <b>', "中文"])
def test_a_label_is_text_on_a_patch_of_the_colour(text: str) -> None:
    image = np.zeros((120, 200, 3), np.uint8)
    picture = draw.boxes(image, [30, 50, 90, 100], color="yellow", labels=text)
    x0, y0, x1, y1 = extent(label_area(text, [30, 50, 90, 100]))
    patch = picture[y0:y1, x0:x1].reshape(-1, 3)
    yellow = (patch == [255, 255, 0]).all(-1).mean()
    black = (patch.max(-1) < 80).mean()
    assert yellow > 0.4
    assert 0.03 < black < 0.5


def test_of_several_boxes_each_has_its_label_or_none() -> None:
    image = np.zeros((120, 200, 3), np.uint8)
    rows = [[10, 30, 60, 60], [90, 30, 140, 60], [90, 90, 140, 110]]
    plain = draw.boxes(image, rows)
    picture = draw.boxes(image, rows, labels=["a", None, ""])
    changed = (picture != plain).any(-1)
    assert changed[:30, :80].any()
    assert not changed[:, 80:].any()
