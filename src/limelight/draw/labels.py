"""Text on a picture, readable on any background and in any script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.draw import fonts

if TYPE_CHECKING:
    import numpy as np


def write_label(
    pixels: np.ndarray, text: str, corner: tuple[float, float], color: tuple[int, int, int]
) -> None:
    """Write `text` on a patch of `color` above `corner` (x, y), or below it where there is no room.

    The patch is kept within the picture, which is changed in place; a text that is wider than the
    picture is shortened. The letters are black or white, whichever stands out more.
    """
    import numpy as np

    high, wide = pixels.shape[:2]
    size = max(10, round(min(high, wide) / 24))
    margin = max(1, size // 5)
    letters = _letters(text, size, wide - 2 * margin)
    patch = np.empty((letters.shape[0] + 2 * margin, letters.shape[1] + 2 * margin, 3), np.float32)
    patch[:] = color
    cover = letters[..., None] / np.float32(255)
    inner = patch[margin:-margin, margin:-margin]
    inner += (np.array(ink(color), np.float32) - inner) * cover
    x, y = round(corner[0]), round(corner[1])
    left = min(max(x, 0), max(wide - patch.shape[1], 0))
    top = y - patch.shape[0] if y >= patch.shape[0] else max(y, 0)
    top = min(top, max(high - patch.shape[0], 0))
    area = pixels[top : top + patch.shape[0], left : left + patch.shape[1]]
    area[:] = np.rint(patch[: area.shape[0], : area.shape[1]])


def ink(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever has the higher contrast ratio (WCAG 2) on a background."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in background)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    on_black, on_white = (luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)
    return (0, 0, 0) if on_black >= on_white else (255, 255, 255)


def _letters(text: str, size: int, room: int) -> np.ndarray:
    """The coverage of a line of text, uint8 (height, width), at most `room` wide."""
    line = _line(text, size)
    if line.shape[1] <= room:
        return line
    for kept in range(len(text) - 1, 0, -1):
        line = _line(text[:kept].rstrip() + "…", size)
        if line.shape[1] <= room:
            return line
    return line[:, : max(room, 1)]


def _line(text: str, size: int) -> np.ndarray:
    import numpy as np
    from PIL import Image, ImageDraw

    parts = [(run, fonts.load(font, size)) for run, font in fonts.runs(text)]
    ascent = max((face.getmetrics()[0] for _, face in parts), default=size)
    descent = max((face.getmetrics()[1] for _, face in parts), default=0)
    width = sum(face.getlength(run) for run, face in parts)
    canvas = Image.new("L", (max(1, round(width)), ascent + descent))
    pen = ImageDraw.Draw(canvas)
    x = 0.0
    for run, face in parts:
        pen.text((x, ascent), run, fill=255, font=face, anchor="ls")
        x += face.getlength(run)
    return np.asarray(canvas)
