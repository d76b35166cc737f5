"""A leaderboard as the page shows it: a table, and each figure with its interval on a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limelight.runs import Column, Leaderboard


@dataclass(frozen=True)
class Cell:
    """A figure of a method: its text, its interval's, and its rank among the methods."""

    text: str
    interval: str
    rank: str
    first: bool


@dataclass(frozen=True)
class Line:
    """A method: its mean rank, that of each group, and its figures; None where it has none."""

    name: str
    rank: str
    groups: tuple[str, ...]
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Mark:
    """A method's figure in a chart: where it and its interval lie between 0 and 1."""

    name: str
    at: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Chart:
    """One figure of all methods, best first, on an axis from `low` to `high`."""

    title: str
    better: str
    low: str
    high: str
    marks: tuple[Mark, ...]

    @property
    def words(self) -> str:
        """What the chart shows, for those who do not see it."""
        figures = ", ".join(f"{mark.name} {mark.text}" for mark in self.marks)
        return f"{self.title}, {self.better}: {figures}"


@dataclass(frozen=True)
class Board:
    """The leaderboard in texts and places."""

    groups: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    charts: tuple[Chart, ...]


def board_of(leaderboard: Leaderboard) -> Board:
    """The leaderboard for the page."""
    lines = []
    for each in leaderboard.standings:
        cells: list[Cell | None] = []
        for column in leaderboard.columns:
            result = each.results.get(column.key)
            if result is None:
                cells.append(None)
                continue
            interval = ""
            if result.interval is not None:
                interval = f"[{figure(result.interval[0])}, {figure(result.interval[1])}]"
            rank = each.ranks[column.key]
            cells.append(Cell(figure(result.value), interval, f"{rank:g}", rank == 1))
        groups = tuple(
            f"{each.by_group[group]:.1f}" if group in each.by_group else "–"
            for group in leaderboard.groups
        )
        lines.append(Line(each.name, f"{each.rank:.1f}", groups, tuple(cells)))
    charts = tuple(_chart(leaderboard, column) for column in leaderboard.columns)
    return Board(leaderboard.groups, leaderboard.columns, tuple(lines), charts)


def figure(value: float) -> str:
    """A figure with three digits that count."""
    if value != 0 and (abs(value) < 0.001 or abs(value) >= 10000):
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def direction(column: Column) -> str:
    """Which values of a column are good, in words."""
    if column.group == "sanity":
        return "best near 0"
    return "lower is better" if column.lower else "higher is better"


def _chart(leaderboard: Leaderboard, column: Column) -> Chart:
    known = [each for each in leaderboard.standings if column.key in each.results]
    known.sort(key=lambda each: each.ranks[column.key])
    spans = []
    for each in known:
        result = each.results[column.key]
        low, high = result.interval or (result.value, result.value)
        spans.append((low, result.value, high))
    least = min(low for low, _, _ in spans)
    most = max(high for _, _, high in spans)
    wide = (most - least) or 1.0
    marks = tuple(
        Mark(
            each.name, (value - least) / wide, (low - least) / wide, (high - least) / wide,
            figure(value),
        )
        for each, (low, value, high) in zip(known, spans, strict=True)
    )  # fmt: skip
    return Chart(column.title, direction(column), figure(least), figure(most), marks)
