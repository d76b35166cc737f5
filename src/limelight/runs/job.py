"""A run's work as its engines do it: which shards there are, and what doing one means."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limelight.runs.batch_size import choose_batch_size
from limelight.runs.evaluating import Evaluator
from limelight.runs.folder import Division, RunFolder
from limelight.runs.shards import Shard, plan, run_shard, shard_size

if TYPE_CHECKING:
    from limelight.data import Dataset

Progress = Callable[[int, int], None]
"""Called with how many images are done, and how many there are."""


@dataclass
class Job:
    """What a process needs to do shards.

    Attributes:
        evaluator: explains and scores the images.
        dataset: whose images they are.
        folder: of the run.
        columns: of the rows: methods, folders of maps and, with metrics, baselines.
    """

    evaluator: Evaluator
    dataset: Dataset
    folder: RunFolder
    columns: tuple[str, ...]

    def divide(self, each: Callable[[], None] | None = None, workers: int = 1) -> Division:
        """How the images are divided into shards: what the folder says, or measured and kept there.

        Measuring finds the batch size where none was given, does the first batch as the first
        shard, and makes the others so large that they take a minute; of several `workers` each gets
        at least two.
        """
        explaining, images = self.evaluator.explaining, len(self.dataset)
        known = self.folder.division()
        if known is not None:
            explaining.batch_size = explaining.batch_size or known.batch
            return known
        self.folder.part("rows", 0).unlink(missing_ok=True)  # how long it took is not known
        batch = explaining.batch_size or choose_batch_size(explaining, self.dataset)
        explaining.batch_size = batch
        first = min(batch, images)
        start = time.perf_counter()
        self.do(Shard(0, 0, first), each)
        seconds = time.perf_counter() - start
        others = shard_size(batch, seconds)
        if workers > 1:
            share = -(-(images - first) // (2 * workers))
            others = min(others, batch * max(1, -(-share // batch)))
        division = Division(first, others, batch)
        self.folder.keep_division(division)
        return division

    def do(self, shard: Shard, each: Callable[[], None] | None = None) -> None:
        """Do a shard; `each` is called after each image. A shard that is done is not done again."""
        run_shard(self.evaluator, self.dataset, shard, self.folder, self.columns, each)


class Count:
    """How many images of a run are done, passed on to its `progress`."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def one(self) -> None:
        """One more is done."""
        self.add(1)

    def add(self, images: int) -> None:
        """So many more are done at once."""
        self._done += images
        if self._progress is not None:
            self._progress(self._done, self._total)


def run_here(job: Job, progress: Progress | None) -> None:
    """The local engine: the shards that are not done yet, one after the other."""
    total = len(job.dataset)
    if not total:
        return
    count = Count(total, progress)
    fresh = job.folder.division() is None
    division = job.divide(count.one)
    shards = [s for s in plan(total, division.first, division.others) if s.number or not fresh]
    waiting = [shard for shard in shards if not job.folder.has(shard.number)]
    done = sum(s.stop - s.start for s in shards) - sum(s.stop - s.start for s in waiting)
    if done:
        count.add(done)
    for shard in waiting:
        job.do(shard, count.one)
