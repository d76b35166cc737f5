"""The leaderboard's figure: every number at its place, and a note where there is no matplotlib."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from limelight.errors import LimelightWarning
from limelight.metrics import Result
from limelight.report.benchmark import _write_plot
from limelight.report.leaderboard_figure import leaderboard_figure
from limelight.runs import Column, Evaluation, Leaderboard, Standing
from limelight.runs.folder import PLOT, RunFolder

COLUMNS = (
    Column("mean-iou", "mean IoU", "localization", False),
    *(Column(f"score-{k}", f"score {k}", "faithfulness", k % 2 == 0) for k in range(8)),
    Column("seconds", "s / image", "cost", True),
)


def result(value: float, images: int) -> Result:
    return Result("", value, images, 0, {}, (value - 0.25, value + 0.125))


@pytest.fixture
def board() -> Leaderboard:
    """Three methods; the second has no score 3, and its other scores are of fewer images."""
    standings = []
    for place, name in enumerate(["gradcam", "scorecam", "random"]):
        results = {c.key: result(place + k / 8, 9 - place) for k, c in enumerate(COLUMNS)}
        if name == "scorecam":
            del results["score-3"]
        ranks = dict.fromkeys(results, 1.0)
        standings.append(Standing(name, None, results, ranks, {"cost": 1.0}, 1.0 + place))
    none = Evaluation("", [], (), {}, {}, "true", ())
    return Leaderboard(COLUMNS, tuple(standings), none)


def test_every_figure_is_at_its_place(board: Leaderboard) -> None:
    axes = {each.get_label(): each for each in leaderboard_figure(board).axes if each.get_visible()}
    assert list(axes) == ["mean rank", *(column.key for column in COLUMNS)]
    for column in COLUMNS:
        lines = [np.array(line.get_xydata()) for line in axes[column.key].get_lines()]
        dots = {xy[0, 1]: xy[0, 0] for xy in lines if len(xy) == 1}
        bars = {xy[0, 1]: tuple(xy[:, 0]) for xy in lines if len(xy) == 2}
        known = {
            place: each.results[column.key]
            for place, each in enumerate(board.standings)
            if column.key in each.results
        }
        assert dots == {place: each.value for place, each in known.items()}
        assert bars == {place: each.interval for place, each in known.items()}
        title = axes[column.key].get_title("left")
        assert title.splitlines()[:2] == [column.group, column.title]
        assert ("lower is better" in title) == column.lower
    assert axes["score-2"].get_title("left").endswith("7 to 9 images")
    names = [label.get_text() for label in axes["mean rank"].get_yticklabels()]
    assert names == ["gradcam", "scorecam", "random"]
    low, high = axes["mean rank"].get_ylim()
    assert low > high  # the best method is at the top


def test_note_without_matplotlib(
    board: Leaderboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    wanted = r'leaderboard.png is not written: .*matplotlib.*pip install "limelight\[plot\]"'
    with pytest.warns(LimelightWarning, match=wanted):
        _write_plot(board, RunFolder(tmp_path))
    assert not (tmp_path / PLOT).exists()
