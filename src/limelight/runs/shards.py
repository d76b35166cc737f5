"""The unit of work: some images in a row, evaluated and written as one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limelight.runs.evaluating import Evaluator
from limelight.runs.folder import RunFolder
from limelight.runs.store import write_part

if TYPE_CHECKING:
    from limelight.data import Dataset

SECONDS = 60.0
"""The most work that is lost where a run is killed."""
MOST = 4096
"""Images, whose rows are in memory until they are written."""


@dataclass(frozen=True)
class Shard:
    """The images `start` to `stop` of the data set, and the number of their file."""

    number: int
    start: int
    stop: int


def run_shard(
    evaluator: Evaluator,
    dataset: Dataset,
    shard: Shard,
    folder: RunFolder,
    names: Sequence[str],
    each: Callable[[], None] | None = None,
) -> None:
    """Evaluate a shard and write it; where it is done already, nothing happens.

    Args:
        evaluator, dataset: of the run.
        shard: which images.
        folder: of the run.
        names: of all columns: methods, folders of maps and baselines.
        each: called after each image.

    Raises:
        LimelightError: the model or a method does not work at all, or nothing can be written.
    """
    if folder.has(shard.number):
        return
    rows = []
    for row in evaluator.rows(dataset, range(shard.start, shard.stop)):
        rows.append(row)
        if each is not None:
            each()
    info = {
        "start": shard.start,
        "stop": shard.stop,
        "errors": sum(row.error is not None for row in rows),
        "layers": evaluator.explaining.layers,
    }
    write_part(folder, shard.number, rows, names, info)


def plan(images: int, first: int, size: int) -> Iterator[Shard]:
    """The shards of `images` images: one of `first`, then of `size` each."""
    start, number = 0, 0
    while start < images:
        stop = min(start + (size if number else first), images)
        yield Shard(number, start, stop)
        start, number = stop, number + 1


def shard_size(batch: int, seconds: float) -> int:
    """So many whole batches as take a minute, where one of `batch` images took `seconds`."""
    return batch * max(1, min(int(SECONDS / max(seconds, 1e-6)), MOST // batch))
