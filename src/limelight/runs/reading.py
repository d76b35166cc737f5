"""Images of a data set, read batch by batch while the model works on the batch before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limelight.errors import LimelightError
from limelight.frames import Frame

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset, Example
    from limelight.models import Classifier


@dataclass(frozen=True, eq=False)
class Loaded:
    """One image of a data set, read.

    Attributes:
        index: its position in the data set.
        example: what the data set knows of it; None where its entry is broken.
        array: what the model takes, without a batch axis; None without a model.
        frame: where that lies in the image; without a model, the image itself.
        error: why it could not be read; then `array` and `frame` are None.
    """

    index: int
    example: Example | None
    array: np.ndarray | None = None
    frame: Frame | None = None
    error: str | None = None


def load(dataset: Dataset, index: int, classifier: Classifier | None) -> Loaded:
    """Read one image; whatever is wrong with it becomes its `error`."""
    example = None
    try:
        example = dataset[index]
        if classifier is None:
            return Loaded(index, example, frame=Frame.identity(example.size or example.measure()))
        array, frame = classifier.preprocess(example.read())
    except LimelightError as error:
        return Loaded(index, example, error=str(error))
    return Loaded(index, example, array, frame)


def batches(
    dataset: Dataset, indices: Sequence[int], classifier: Classifier | None, size: int
) -> Iterator[list[Loaded]]:
    """The images at `indices`, `size` at a time, the next ones read in a thread meanwhile."""
    from concurrent.futures import Future, ThreadPoolExecutor

    def read(start: int) -> list[Loaded]:
        return [load(dataset, index, classifier) for index in indices[start : start + size]]

    with ThreadPoolExecutor(1, "limelight-reading") as thread:
        ahead: Future[Any] = thread.submit(read, 0)
        for start in range(size, len(indices) + size, size):
            batch = ahead.result()
            if start < len(indices):
                ahead = thread.submit(read, start)
            if batch:
                yield batch
