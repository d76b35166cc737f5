"""Images of a data set, read in threads while the model works on those before."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from limelight.errors import LimelightError
from limelight.frames import Frame

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset, Example
    from limelight.models import Classifier

_AHEAD = 2  # batches
_MOST_THREADS = 8


@dataclass(frozen=True, eq=False)
class Loaded:
    """One image of a data set, read.

    Attributes:
        index: its position in the data set.
        example: what the data set knows of it; None where its entry is broken.
        array: what the model takes, without a batch axis; None without a model.
        frame: where that lies in the image; without a model, the image itself.
        error: why it could not be read; then `array` and `frame` are None.
        guide: what lies in `frame` of the image, (h, w, 3) uint8, to refine its maps with; None
            where that is not wanted.
        guide_of_whole: the same of the whole image, for maps that are stretched over it.
    """

    index: int
    example: Example | None
    array: np.ndarray | None = None
    frame: Frame | None = None
    error: str | None = None
    guide: np.ndarray | None = None
    guide_of_whole: np.ndarray | None = None


def load(
    dataset: Dataset, index: int, classifier: Classifier | None, guided: bool = False
) -> Loaded:
    """Read one image, `guided` with its guides; whatever is wrong with it becomes its `error`."""
    example = None
    try:
        example = dataset[index]
        if classifier is None and not guided:
            return Loaded(index, example, frame=Frame.identity(example.size or example.measure()))
        image = example.read()
        whole = Frame.identity((image.height, image.width))
        array, frame = (None, whole) if classifier is None else classifier.preprocess(image)
    except LimelightError as error:
        return Loaded(index, example, error=str(error))
    if not guided:
        return Loaded(index, example, array, frame)
    import numpy as np

    from limelight.localization import guide_of

    pixels = np.asarray(image)
    guides = guide_of(pixels, frame), guide_of(pixels, whole)
    return Loaded(index, example, array, frame, None, *guides)


def batches(
    dataset: Dataset,
    indices: Sequence[int],
    classifier: Classifier | None,
    size: int,
    guided: bool = False,
) -> Iterator[list[Loaded]]:
    """The images at `indices`, `size` at a time; the next ones are read in threads meanwhile."""
    from concurrent.futures import Future, ThreadPoolExecutor

    threads = ThreadPoolExecutor(reading_threads(), "limelight-reading")
    waiting: deque[Future[Loaded]] = deque()
    following = iter(indices)

    def read_ahead() -> None:
        for index in islice(following, max(_AHEAD * size - len(waiting), 0)):
            waiting.append(threads.submit(load, dataset, index, classifier, guided))

    try:
        read_ahead()
        while waiting:
            batch: list[Loaded] = []
            while waiting and len(batch) < size:
                batch.append(waiting.popleft().result())
            read_ahead()
            yield batch
    finally:
        threads.shutdown(cancel_futures=True)


def reading_threads() -> int:
    """How many threads read images: one for each processor that this process may use, at most 8.

    Half as many were measured, and were slower on two processors (`benchmarks/runs.py`).
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(_MOST_THREADS, count or 1))
