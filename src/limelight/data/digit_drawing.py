"""Drawing the located digits: one real digit on a canvas of texture, noise and fragments.

Shapes are dealt to the splits first, fragments included, so that no shape occurs in two splits.
Images are drawn in batches with a random stream each, by split, seed and the batch's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.errors import require

if TYPE_CHECKING:
    import numpy as np

VERSION = 2  # part of the cache's file names: raise it with every change of what is drawn
SIZE = 112
COUNTS = {"train": 4000, "validation": 600, "test": 1000}
_SHARES = {"train": 0.66, "validation": 0.14, "test": 0.20}  # of the 1,797 shapes

_BATCH = 200  # images that share a random stream: the first n images do not depend on the count
_CELLS = 8  # a shape has 8×8 cells
_EXTENT = (28.0, 48.0)  # pixels that the 8 cells cover, before stretching
_STRETCH = (0.9, 1.1)
_SHARPEN = 1.2
_EDGE = (0.3, 0.7)  # grey of an enlarged shape where a stroke begins, and where it is full
_HALO = 0.2  # grey from which on nothing but the background surrounds the strokes
_FRAGMENTS = 9  # an image
_CUT = 5  # cells a fragment has at most, on each side
_SHAPE_TILE = 54  # pixels; holds the largest extent × the largest stretch
_CUT_TILE = 34


def draw(split: str, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """The first `count` images of a split.

    Returns:
        images (count, 112, 112) uint8, labels (count,) int64, boxes (count, 4) float64, masks
        (count, 1568) uint8, eight pixels a byte (`numpy.packbits` of each flattened mask), sources
        (count,) int64, the indices of the shapes in scikit-learn's data set.
    """
    import numpy as np

    shapes, labels = _shapes()
    sources = _sources(split, seed)
    parts = []
    for batch in range(-(-count // _BATCH)):
        rng = np.random.default_rng([seed, list(COUNTS).index(split), batch])
        parts.append(_draw_batch(rng, shapes, labels, sources))
    if not parts:
        parts = [_draw_batch(np.random.default_rng(seed), shapes, labels, sources)]
    return {key: np.concatenate([part[key] for part in parts])[:count] for key in parts[0]}


def _shapes() -> tuple[np.ndarray, np.ndarray]:
    """The shapes (1797, 8, 8), 0 to 1, their contrast sharpened, and their labels.

    Scanned at 8×8 cells, holes of small loops are grey and thin strokes faint: what differs from
    its neighbourhood is made to differ more.
    """
    import numpy as np

    loaded = require("sklearn.datasets", "demo", "the embedded digits").load_digits()
    grey = (loaded.images / 16).astype(np.float32)
    around = np.pad(grey, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(1, 2))
    sharp = grey + np.float32(_SHARPEN) * (grey - windows.mean((-1, -2)))
    return np.clip(sharp, 0, 1), loaded.target.astype(np.int64)


def _sources(split: str, seed: int) -> np.ndarray:
    """The indices of the shapes that belong to a split."""
    import numpy as np

    total = 1797
    order = np.random.default_rng(seed).permutation(total)
    ends = np.rint(np.cumsum(list(_SHARES.values())) * total).astype(int)
    parts = dict(zip(_SHARES, np.split(order, ends[:-1]), strict=True))
    return parts[split]


def _draw_batch(
    rng: np.random.Generator, shapes: np.ndarray, labels: np.ndarray, sources: np.ndarray
) -> dict[str, np.ndarray]:
    import numpy as np

    n = _BATCH
    canvas = 0.45 + 0.13 * _texture(rng, n)
    background = canvas.copy()
    grey, _ = _render(rng, _cut_out(rng, shapes[rng.choice(sources, (_FRAGMENTS, n))]), _CUT_TILE)
    _add_fragments(rng, canvas, _ink(grey))
    chosen = rng.choice(sources, n)
    grey, extent = _render(rng, shapes[chosen], _SHAPE_TILE)
    ink, halo = _ink(grey), np.minimum(grey / _HALO, 1)
    bright = rng.random(n) < 0.5
    tone = np.where(bright, rng.uniform(0.8, 1.0, n), rng.uniform(0.0, 0.15, n))
    corner = np.floor(rng.random((n, 2)) * (SIZE - extent)).astype(int)
    mask = np.zeros((n, SIZE, SIZE), bool)
    for i, (top, left) in enumerate(corner):
        # The tile's margin beyond the shape is empty, so cutting it at the canvas's edge is safe.
        height, width = (min(_SHAPE_TILE, SIZE - top), min(_SHAPE_TILE, SIZE - left))
        window = np.s_[i, top : top + height, left : left + width]
        part = ink[i, :height, :width]
        # Fragments end where the digit begins, so that they do not make another digit of it.
        canvas[window] += halo[i, :height, :width] * (background[window] - canvas[window])
        canvas[window] += part * (np.float32(tone[i]) - canvas[window])
        mask[window] = part > 0.5
    canvas += 0.05 * rng.standard_normal(canvas.shape, np.float32)
    return {
        "images": (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8),
        "labels": labels[chosen],
        "boxes": _tight(mask),
        "masks": np.packbits(mask.reshape(n, -1), axis=1),
        "sources": chosen,
    }


def _texture(rng: np.random.Generator, n: int) -> np.ndarray:
    """Smooth noise at three scales, (n, SIZE, SIZE)."""
    import numpy as np

    total = np.zeros((n, SIZE, SIZE), np.float32)
    for cells, strength in ((4, 0.5), (10, 0.3), (28, 0.2)):
        weights = _hats(np.array([SIZE], np.float32), cells, SIZE)[0]
        weights /= weights.sum(1, keepdims=True)  # the canvas's edges lie outside the hats
        noise = rng.standard_normal((n, cells, cells), np.float32)
        total += strength * (weights @ noise @ weights.T)
    return total


def _cut_out(rng: np.random.Generator, shapes: np.ndarray) -> np.ndarray:
    """A piece of 3 to 5 cells each way of every shape, (fragments · n, _CUT, _CUT)."""
    import numpy as np

    fragments, n = shapes.shape[:2]
    size = rng.integers(3, _CUT + 1, (2, fragments, n))
    start = rng.integers(0, _CELLS + 1 - size)
    cell = np.arange(_CUT)
    index = np.minimum(start[..., None] + cell, _CELLS - 1)
    inside = cell < size[..., None]
    f, i = np.ogrid[:fragments, :n]
    rows, columns = index[0, ..., None], index[1, ..., None, :]
    cut = shapes[f[..., None, None], i[..., None, None], rows, columns]
    return (cut * (inside[0, ..., None] & inside[1, ..., None, :])).reshape(-1, _CUT, _CUT)


def _add_fragments(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray) -> None:
    """Blend fragments, so many for each canvas, into the canvases, in place."""
    import numpy as np

    count, tile = ink.shape[:2]
    ink = ink * rng.uniform(0.5, 1.0, (count, 1, 1)).astype(np.float32)
    tone = np.asarray(rng.uniform(0, 1, count), np.float32)
    # They may hang over the canvas's edges by a third.
    corner = np.floor(rng.uniform(-0.3, 1, (count, 2)) * (SIZE - 0.3 * tile)).astype(int)
    for k, (top, left) in enumerate(corner):
        first_row, first_column = max(top, 0), max(left, 0)
        last_row, last_column = min(top + tile, SIZE), min(left + tile, SIZE)
        window = np.s_[k % len(canvas), first_row:last_row, first_column:last_column]
        part = ink[k, first_row - top : last_row - top, first_column - left : last_column - left]
        canvas[window] += part * (tone[k] - canvas[window])


def _render(
    rng: np.random.Generator, cells: np.ndarray, tile: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (m, side, side) enlarged by a random factor, (m, tile, tile), from the corner on.

    Returns the pictures, as grey as the cells, and the pixels (m, 2) that the cells cover, down
    and across.
    """
    import numpy as np

    m, side = cells.shape[:2]
    scale = rng.uniform(*_EXTENT, m) * side / _CELLS
    stretch = rng.uniform(*_STRETCH, m)
    extent = np.stack([scale * stretch, scale / stretch], 1).astype(np.float32)
    rows, columns = _hats(extent[:, 0], side, tile), _hats(extent[:, 1], side, tile)
    return rows @ cells @ columns.swapaxes(1, 2), extent


def _ink(grey: np.ndarray) -> np.ndarray:
    """How much ink there is, 0 to 1: the blurred strokes with their edges sharpened."""
    import numpy as np

    low, high = _EDGE
    edge = np.clip((grey - low) / (high - low), 0, 1)
    return edge * edge * (3 - 2 * edge)


def _hats(extent: np.ndarray, cells: int, size: int) -> np.ndarray:
    """Linear interpolation weights (m, size, cells): `cells` equal cells cover `extent` pixels."""
    import numpy as np

    pixel = np.arange(size, dtype=np.float32) + np.float32(0.5)
    position = pixel / extent[:, None] * cells - np.float32(0.5)
    return np.maximum(0, 1 - np.abs(position[..., None] - np.arange(cells, dtype=np.float32)))


def _tight(mask: np.ndarray) -> np.ndarray:
    """The bounding boxes (n, 4) of masks (n, H, W), half-open."""
    import numpy as np

    rows = np.any(mask, axis=2)
    columns = np.any(mask, axis=1)
    return np.stack(
        [
            columns.argmax(1),
            rows.argmax(1),
            mask.shape[2] - columns[:, ::-1].argmax(1),
            mask.shape[1] - rows[:, ::-1].argmax(1),
        ],
        1,
    ).astype(np.float64)
