"""The report of a run that is kept in a folder."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from limelight.errors import RunError
from limelight.report.benchmark import in_words
from limelight.report.contents import Report
from limelight.report.evaluation import report_of

if TYPE_CHECKING:
    from limelight.data import Dataset


def report_of_run(
    path: str | os.PathLike[str],
    dataset: Dataset | None = None,
    *,
    title: str | None = None,
    images: int = 1000,
) -> Report:
    """The report of a run, an evaluation or a benchmark; of one not finished, of what is done.

    Args:
        path: the folder.
        dataset: to read images from; None: it is opened again where the run knows from what.
        title, images: as for `report_of`.

    Raises:
        RunError: there is no run, nothing of it is done, or its images are not at hand.
        DatasetError: the data set is no longer there.
    """
    from limelight.runs import open_run
    from limelight.runs.leaderboard import leaderboard
    from limelight.runs.metric_rows import scorers

    found = open_run(path, dataset)
    if found.dataset is None:
        raise RunError(f"{path} does not tell where its images are: give the data set")
    ranked = any(scorers()[name].measured for name in found.metrics)
    default = (
        f"Which method to trust: {found.data}" if ranked else f"Where models look: {found.data}"
    )
    page = report_of(found, title or default, images=images)
    if not ranked:
        return page
    board = leaderboard(found)
    return replace(page, leaderboard=board, summary=f"{page.summary} {in_words(board)}")
