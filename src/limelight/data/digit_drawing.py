"""Drawing the located digits: one real digit on a canvas of texture, noise and fragments.

Shapes are dealt to the splits first, fragments included, so that no shape occurs in two splits.
Images are drawn in batches with a random stream each, by split, seed and the batch's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.errors import require

if TYPE_CHECKING:
    import numpy as np

VERSION = 1  # part of the cache's file names: raise it with every change of what is drawn
SIZE = 112
COUNTS = {"train": 4000, "validation": 600, "test": 1000}
_SHARES = {"train": 0.66, "validation": 0.14, "test": 0.20}  # of the 1,797 shapes

_BATCH = 200  # images that share a random stream: the first n images do not depend on the count
_CELLS = 8  # a shape has 8×8 cells
_EXTENT = (28.0, 48.0)  # pixels that the 8 cells cover, before stretching
_STRETCH = (0.9, 1.1)
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
    """The shapes (1797, 8, 8), 0 to 1, and their labels."""
    import numpy as np

    loaded = require("sklearn.datasets", "demo", "the embedded digits").load_digits()
    return (loaded.images / 16).astype(np.float32), loaded.target.astype(np.int64)


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
    _add_fragments(rng, canvas, shapes[rng.choice(sources, (_FRAGMENTS, n))])
    chosen = rng.choice(sources, n)
    ink, extent = _render(rng, shapes[chosen], _SHAPE_TILE, _CELLS)
    bright = rng.random(n) < 0.5
    tone = np.where(bright, rng.uniform(0.8, 1.0, n), rng.uniform(0.0, 0.15, n))
    corner = np.floor(rng.random((n, 2)) * (SIZE - extent)).astype(int)
    mask = np.zeros((n, SIZE, SIZE), bool)
    for i, (top, left) in enumerate(corner):
        # The tile's margin beyond the shape is empty, so cutting it at the canvas's edge is safe.
        height, width = (min(_SHAPE_TILE, SIZE - top), min(_SHAPE_TILE, SIZE - left))
        window = np.s_[i, top : top + height, left : left + width]
        part = ink[i, :height, :width]
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


def _add_fragments(rng: np.random.Generator, canvas: np.ndarray, shapes: np.ndarray) -> None:
    """Blend pieces of `shapes` (fragments, n, 8, 8) into the canvases, in place."""
    import numpy as np

    fragments, n = shapes.shape[:2]
    size = rng.integers(3, _CUT + 1, (2, fragments, n))
    start = rng.integers(0, _CELLS + 1 - size)
    cell = np.arange(_CUT)
    index = np.minimum(start[..., None] + cell, _CELLS - 1)
    inside = cell < size[..., None]
    f, i = np.ogrid[:fragments, :n]
    cut = shapes[
        f[..., None, None], i[..., None, None], index[0, ..., None], index[1, ..., None, :]
    ]
    cut = cut * (inside[0, ..., None] & inside[1, ..., None, :])
    ink, extent = _render(rng, cut.reshape(-1, _CUT, _CUT), _CUT_TILE, _CUT)
    count = fragments * n
    ink *= rng.uniform(0.5, 1.0, (count, 1, 1)).astype(np.float32)
    tone = rng.uniform(0, 1, count).astype(np.float32)
    # They may hang over the canvas's edges by a third.
    corner = np.floor(rng.uniform(-0.3, 1, (count, 2)) * (SIZE - 0.3 * extent)).astype(int)
    for k, (top, left) in enumerate(corner):
        t, l = max(top, 0), max(left, 0)  # noqa: E741
        b, r = min(top + _CUT_TILE, SIZE), min(left + _CUT_TILE, SIZE)
        window = np.s_[k % n, t:b, l:r]
        part = ink[k, t - top : b - top, l - left : r - left]
        canvas[window] += part * (tone[k] - canvas[window])


def _render(
    rng: np.random.Generator, cells: np.ndarray, tile: int, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (m, side, side) as ink (m, tile, tile), 0 to 1, from the tile's corner on.

    Returns the ink and the pixels (m, 2) that the cells cover, down and across.
    """
    import numpy as np

    m = len(cells)
    scale = rng.uniform(*_EXTENT, m) * side / _CELLS
    stretch = rng.uniform(*_STRETCH, m)
    extent = np.stack([scale * stretch, scale / stretch], 1).astype(np.float32)
    rows, columns = _hats(extent[:, 0], side, tile), _hats(extent[:, 1], side, tile)
    grey = rows @ cells @ columns.swapaxes(1, 2)
    edge = np.clip((grey - 0.3) / 0.3, 0, 1)
    return edge * edge * (3 - 2 * edge), extent


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
