"""The leaderboard on the page: every figure, interval and rank of it, and the charts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import limelight
from limelight.report.boards import board_of, figure
from limelight.runs.leaderboard import Leaderboard
from runs import examples

pytest.importorskip("pyarrow")
METRICS = ["pointing-game", "deletion", "model-randomization-rank"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Leaderboard, Path]:
    out = tmp_path_factory.mktemp("bench") / "RUN"
    board = limelight.bench(
        examples.classifier(), examples.dataset(9), ["gradcam", "cam"], out=out, metrics=METRICS
    )
    return board, out


def test_the_page_has_every_figure(made: tuple[Leaderboard, Path]) -> None:
    board, out = made
    page = (out / "report.html").read_text(encoding="utf-8")
    start = page.index('id="leaderboard"')
    text = page[start : page.index("</section>", start)]
    rows = re.findall(r"<tr>\s*<th scope=\"row\"><bdi>(.*?)</bdi></th>(.*?)</tr>", text, re.S)
    assert [name for name, _ in rows] == [each.name for each in board.standings]
    for (_, row), standing in zip(rows, board.standings, strict=True):
        assert f"<strong>{standing.rank:.1f}</strong>" in row
        for key, result in standing.results.items():
            assert f">{figure(result.value)}</span>" in row
            assert result.interval is not None
            low, high = map(figure, result.interval)
            assert f"[{low}, {high}]" in row
            assert f"#{standing.ranks[key]:g}<" in row
    for column in board.columns:
        assert column.title in text
    assert text.count("<svg") == len(board.columns)
    assert text.count("<circle") == len(board.columns) * len(board.standings)
    assert "has the best mean rank" in page


def test_charts_place_figures_between_their_ends(made: tuple[Leaderboard, Path]) -> None:
    board, _ = made
    for chart, column in zip(board_of(board).charts, board.columns, strict=True):
        assert min(mark.low for mark in chart.marks) == 0
        assert max(mark.high for mark in chart.marks) == pytest.approx(1) or all(
            mark.low == mark.high for mark in chart.marks
        )
        for mark in chart.marks:
            assert mark.low - 1e-9 <= mark.at <= mark.high + 1e-9
        ranks = {each.name: each.ranks[column.key] for each in board.standings}
        by_rank = sorted(board.standings, key=lambda each: ranks[each.name])
        assert [mark.name for mark in chart.marks] == [each.name for each in by_rank]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.000"), (0.12345, "0.123"), (12.345, "12.3"), (0.00012, "1.2e-04"), (-0.5, "-0.500")],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text
