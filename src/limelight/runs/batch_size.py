"""How many images pass through the model at a time: measured, and safe for the memory there is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from limelight.errors import LimelightError
from limelight.runs import memory
from limelight.runs.reading import load

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset
    from limelight.runs.explaining import Explaining

_SIZES = (4, 16, 64, 256)
_WITHOUT_MODEL = 32
_FEW = 64  # images; measuring would take as long as the work
_GAIN = 1.05  # a larger batch must be so much quicker
_PATIENCE = 4.0  # seconds; a batch that takes longer gains nothing from being larger
_SHARE = 0.5  # of the memory that is left


def choose_batch_size(explaining: Explaining, dataset: Dataset) -> int:
    """The smallest batch size at which the model is about as fast as at any larger one.

    Sizes are tried on the first images of the data set, each twice, since the first call may
    compile. A size that would need more than half of the memory that is left, judged by the one
    before, is not tried.
    """
    total = max(len(dataset), 1)
    if explaining.explainer is None:
        return min(_WITHOUT_MODEL, total)
    if total <= _FEW:
        return min(_SIZES[1], total)
    images = _first_images(explaining, dataset, _SIZES[0])
    if not images:
        return _SIZES[1]
    best, best_rate, needed = 1, 0.0, 0.0
    for size in _SIZES:
        free = memory.available()
        if size > total or (free is not None and needed * size > _SHARE * free):
            break
        before = memory.peak()
        seconds = _seconds(explaining, images, size)
        if seconds is None:
            break
        needed = max(needed, (memory.peak() - before) / size)
        if size / seconds > _GAIN * best_rate:
            best, best_rate = size, size / seconds
        else:
            break
        if seconds > _PATIENCE:
            break
    return best


def _first_images(explaining: Explaining, dataset: Dataset, count: int) -> list[np.ndarray]:
    """The first images that can be read, at most `count`, as the model takes them."""
    assert explaining.explainer is not None
    found: list[np.ndarray] = []
    for index in range(min(len(dataset), 4 * count)):
        loaded = load(dataset, index, explaining.explainer.classifier)
        if loaded.array is not None:
            found.append(loaded.array)
        if len(found) == count:
            break
    return found


def _seconds(explaining: Explaining, images: list[np.ndarray], size: int) -> float | None:
    """How long a batch of `size` takes the second time; None where memory is too small for it."""
    import numpy as np

    assert explaining.explainer is not None
    batch = np.stack([images[i % len(images)] for i in range(size)]).astype(np.float32)
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        try:
            found = explaining.explainer(batch, batch_size=size)
            for maps in found.values():
                maps.numpy()  # JAX and the GPU work in the background until asked
        except LimelightError:
            return None  # what is wrong is said of the images themselves
        except Exception as error:
            if not memory.out_of_memory(error):
                raise
            memory.release()
            return None
        seconds = time.perf_counter() - start
    return max(seconds, 1e-6)
