"""Boxes drawn on images, upright and rotated, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.draw.pictures import as_rgb
from limelight.errors import BoxError, ImageError, did_you_mean

if TYPE_CHECKING:
    import numpy as np

Color = str | Sequence[int]


def boxes(
    image: Any,
    boxes: Any,
    color: Color | Sequence[Color] = "lime",
    width: int | None = None,
    labels: str | Sequence[str | None] | None = None,
) -> np.ndarray:
    """An image with the outlines of boxes.

    The line lies inside the box: ``[2, 3, 10, 8]`` covers columns 2 to 9 and rows 3 to 7, and its
    outline of width 1 is the edge of exactly those. Upright boxes are rounded to whole pixels and
    cut at the image's edges.

    Args:
        image: as `overlay` takes it.
        boxes: (4,) or (n, 4), x0, y0, x1, y1 in pixels (x to the right, y down, half-open); or
            the corner points (x, y) of rotated boxes, (4, 2) or (n, 4, 2). Rows that hold NaN (no
            box) are left out.
        color: a name ("lime", "#ff8800") or red, green, blue from 0 to 255; or one for each box.
        width: of the line in pixels; chosen after the image's size where it is None.
        labels: one text for each box, in any script, written above it on its colour; None for none.

    Returns:
        uint8 (H, W, 3), a copy.

    Raises:
        BoxError: boxes of another shape, or another number of colours or labels than boxes.
        ImageError: the image has another shape or range, or there is no such colour.
    """
    pixels = as_rgb(image).copy()
    rows = as_box_rows(boxes)
    colors = _one_each(color, len(rows))
    texts = [labels] if isinstance(labels, str) else list(labels or [None] * len(rows))
    if len(texts) != len(rows):
        raise BoxError(f"{len(texts)} labels were given for {len(rows)} boxes; expected one each")
    line = max(1, round(max(pixels.shape) / 150)) if width is None else int(width)
    if line < 1:
        raise BoxError(f"the line's width is {width}; expected at least 1 pixel")
    shown = [row for row, box in enumerate(rows) if not _has_nan(box)]
    for row in shown:
        (_outline if rows.ndim == 2 else _rotated_outline)(pixels, rows[row], colors[row], line)
    for row in shown:  # after all lines, so that no line crosses a label
        text = texts[row]
        if text:
            from limelight.draw.labels import write_label

            corner = rows[row].reshape(-1, 2).min(0)
            write_label(pixels, text, (float(corner[0]), float(corner[1])), colors[row])
    return pixels


def as_box_rows(boxes: Any) -> np.ndarray:
    """Boxes as (n, 4), or rotated ones as (n, 4, 2), float64; one box alone is n = 1.

    Raises:
        BoxError: any other shape.
    """
    import numpy as np

    try:
        rows = np.asarray(boxes, np.float64)
    except (ValueError, TypeError) as error:
        raise BoxError(f"the boxes are not one array of numbers: {error}") from error
    if rows.size == 0 and rows.ndim <= 2:
        return np.zeros((0, 4))
    if rows.shape in ((4,), (4, 2)):
        rows = rows[None]
    if rows.shape[1:] not in ((4,), (4, 2)):
        raise BoxError(
            f"the boxes have shape {np.shape(boxes)}; expected (n, 4) as x0, y0, x1, y1, or the "
            "corner points of rotated boxes, (n, 4, 2)"
        )
    return rows


def rgb(color: Color) -> tuple[int, int, int]:
    """A colour name, or three integers, as red, green, blue from 0 to 255."""
    from PIL import ImageColor

    if isinstance(color, str):
        try:
            red, green, blue = ImageColor.getrgb(color)[:3]
        except ValueError as error:
            near = did_you_mean(color, ImageColor.colormap)
            raise ImageError(f"there is no colour {color!r}{near}") from error
        return red, green, blue
    values = [int(value) for value in color]
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise ImageError(
            f"the colour is {color}; expected red, green, blue from 0 to 255, or a name"
        )
    return values[0], values[1], values[2]


def _one_each(color: Color | Sequence[Color], count: int) -> list[tuple[int, int, int]]:
    """One colour for each of `count` boxes."""
    if isinstance(color, str) or all(not isinstance(part, (str, Sequence)) for part in color):
        return [rgb(color)] * count  # type: ignore[arg-type]
    if len(color) != count:
        raise BoxError(f"{len(color)} colours were given for {count} boxes; expected one each")
    return [rgb(part) for part in color]  # type: ignore[arg-type]


def _has_nan(box: np.ndarray) -> bool:
    import numpy as np

    return bool(np.isnan(box).any())


def _outline(pixels: np.ndarray, box: np.ndarray, color: tuple[int, int, int], line: int) -> None:
    """Draw the edge of an upright box, `line` pixels wide, inside it."""
    import numpy as np

    high, wide = pixels.shape[:2]
    x0, x1 = (int(x) for x in np.clip(np.rint(box[[0, 2]]), 0, wide))
    y0, y1 = (int(y) for y in np.clip(np.rint(box[[1, 3]]), 0, high))
    pixels[y0 : min(y0 + line, y1), x0:x1] = color
    pixels[max(y1 - line, y0) : y1, x0:x1] = color
    pixels[y0:y1, x0 : min(x0 + line, x1)] = color
    pixels[y0:y1, max(x1 - line, x0) : x1] = color


def _rotated_outline(
    pixels: np.ndarray, corners: np.ndarray, color: tuple[int, int, int], line: int
) -> None:
    """Draw the edge of a quadrilateral: pixels whose centres are inside it and near an edge.

    A pixel outside counts where its centre is less than half a pixel away, so that a box thinner
    than a pixel can still be seen.
    """
    import numpy as np

    middle = corners.mean(0)
    turn = np.arctan2(*(corners - middle).T[::-1])
    corners = corners[np.argsort(turn, kind="stable")]  # in order round the middle, whatever came
    limit = np.array(pixels.shape[1::-1])
    left, top = (int(low) for low in np.clip(np.floor(corners.min(0)) - 1, 0, limit))
    right, bottom = (int(high) for high in np.clip(np.ceil(corners.max(0)) + 1, 0, limit))
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    point = np.stack([x, y], -1)
    inside = np.ones(x.shape, bool)
    distance = np.full(x.shape, np.inf)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, to_point = end - start, point - start
        inside &= edge[0] * to_point[..., 1] - edge[1] * to_point[..., 0] >= 0
        length = edge @ edge
        along = np.clip(to_point @ edge / length, 0, 1) if length else np.zeros(x.shape)
        distance = np.minimum(
            distance, np.hypot(*np.moveaxis(to_point - along[..., None] * edge, -1, 0))
        )
    near = np.where(inside, distance < line, distance < 0.5)
    pixels[top:bottom, left:right][near] = color
