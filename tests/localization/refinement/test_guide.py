"""The image in the model's input, against sampling it pixel by pixel through the frame."""

from __future__ import annotations

import numpy as np
import pytest

from limelight import Frame
from limelight.localization.refinement import guide_of

Y, X = np.mgrid[:90, :140] + 0.5
SMOOTH = np.stack([X, 1.5 * Y, 60 + 40 * np.sin(X / 20)], -1)
PICTURE = np.rint(SMOOTH).astype(np.uint8)


def sampled(frame: Frame, grid: tuple[int, int]) -> np.ndarray:
    """The smooth picture's own formula at the middle of each cell; beyond the image its edge."""
    found = np.zeros((*grid, 3))
    (a, b, c), (d, e, f) = frame.matrix
    for i, j in np.ndindex(*grid):
        y = (i + 0.5) * frame.input_size[0] / grid[0]
        x = (j + 0.5) * frame.input_size[1] / grid[1]
        x, y = a * x + b * y + c, d * x + e * y + f
        x, y = np.clip(x, 0.5, 139.5), np.clip(y, 0.5, 89.5)
        found[i, j] = x, 1.5 * y, 60 + 40 * np.sin(x / 20)
    return found


WHOLE = Frame.identity((90, 140))
FRAMES = {
    "whole": WHOLE,
    "smaller": WHOLE.resize((45, 70)),
    "squashed": WHOLE.resize((60, 60)),
    "centre crop": WHOLE.resize((64, 100)).crop(2, 20, (60, 60)),
    "letterbox": WHOLE.resize((45, 70)).crop(-12, 0, (70, 70)),
    "larger than 256": WHOLE.resize((400, 640)).crop(0, 100, (400, 512)),
    "mirrored": Frame(((-1, 0, 140), (0, 1, 0)), (90, 140), (90, 140)),
    "upside down": Frame(((1, 0, 0), (0, -1, 90)), (90, 140), (90, 140)),
    "a quarter turn": Frame(((0, 1, 0), (-1, 0, 90)), (140, 90), (90, 140)),
    "the other quarter": Frame(((0, -1, 140), (1, 0, 0)), (140, 90), (90, 140)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_image_through_the_frame(name: str) -> None:
    frame = FRAMES[name]
    got = guide_of(PICTURE, frame)
    assert got.dtype == np.uint8
    expected_side = min(256, max(frame.input_size))
    assert max(got.shape[:2]) == expected_side
    if max(frame.input_size) <= 256:
        assert got.shape[:2] == frame.input_size
    difference = abs(got - sampled(frame, (got.shape[0], got.shape[1])))
    assert difference[2:-2, 2:-2].max() < 3 and difference.mean() < 1
