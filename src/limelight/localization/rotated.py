"""The rotated box of a foreground, by OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.errors import require

if TYPE_CHECKING:
    import numpy as np


def rotated_box(inside: np.ndarray) -> np.ndarray:
    """The smallest rectangle of any angle around the largest contour of a foreground.

    The largest is the one of the largest `cv2.contourArea`, and where several are (thin ones have
    no area) the one of the most points. The rectangle covers whole pixels, as half-open boxes do:
    around a square of 3 × 3 pixels it is 3 × 3.

    Args:
        inside: (H, W) the foreground.

    Returns:
        (4, 2) its corners (x, y), one after the other; NaN where there is no foreground.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    import numpy as np

    cv2 = require("cv2", "opencv", "rotated boxes")
    contours, _ = cv2.findContours(
        inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not contours:
        return np.full((4, 2), np.nan)
    largest = max(contours, key=lambda c: (cv2.contourArea(c), len(c))).reshape(-1, 2)
    pixel_corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    points = np.unique((largest[:, None] + pixel_corners).reshape(-1, 2), axis=0)
    return cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32))).astype(float)
