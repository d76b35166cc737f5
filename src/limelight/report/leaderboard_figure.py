"""A leaderboard as one figure: a panel for each score, methods from best to worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.draw import panels
from limelight.report.boards import direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from limelight.runs import Column, Leaderboard

_ACROSS = 7  # panels in a row
_WIDE, _LINE = 2.2, 0.17  # inches: of a panel, and of a method in it
_DOT, _FLOOR, _BAR = "#1f5f8f", "#b0410a", "#8fb4cc"


def leaderboard_figure(board: Leaderboard) -> Figure:
    """Each figure of every method, with its 95 % interval, in a panel of its own.

    The methods are in the order of their mean rank, which is the first panel, and at the same
    height in all; the random map, the floor of the comparison, has a colour of its own.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    columns: list[Column | None] = [None, *board.columns]
    rows = [columns[k : k + _ACROSS] for k in range(0, len(columns), _ACROSS)]
    names = [each.name for each in board.standings]
    high = _LINE * len(names) + 0.9
    canvas = panels.new_canvas(_WIDE * min(_ACROSS, max(map(len, rows))) + 1.6, high * len(rows))
    every = canvas.subplots(len(rows), max(map(len, rows)), squeeze=False)
    for places, shown in zip(every, rows, strict=True):
        for place, axes in enumerate(places):
            if place >= len(shown):
                axes.set_visible(False)
                continue
            _panel(axes, board, shown[place])
            axes.set_ylim(len(names) - 0.4, -0.6)
            labels = names if place == 0 else [""] * len(names)
            axes.set_yticks(range(len(names)), labels, fontsize=8)
            for label in axes.get_yticklabels():
                label.set_color(_FLOOR if label.get_text() == "random" else "black")
    return canvas


def _panel(axes: Axes, board: Leaderboard, column: Column | None) -> None:
    """One figure of all methods; None: their mean rank."""
    for place, each in enumerate(board.standings):
        colour = _FLOOR if each.name == "random" else _DOT
        if column is None:
            axes.plot(each.rank, place, "o", color=colour, markersize=4)
            continue
        result = each.results.get(column.key)
        if result is None:
            continue
        if result.interval is not None:
            axes.plot(result.interval, (place, place), color=_BAR, linewidth=3, zorder=1)
        axes.plot(result.value, place, "o", color=colour, markersize=4, zorder=2)
    axes.set_label("mean rank" if column is None else column.key)
    counts = {
        each.results[column.key].images
        for each in board.standings
        if column is not None and column.key in each.results
    }
    title = "mean rank" if column is None else column.title
    group = "over all groups but cost" if column is None else column.group
    words = "lower is better" if column is None else direction(column)
    if counts:
        several = f"{min(counts):,} to {max(counts):,}" if len(counts) > 1 else f"{max(counts):,}"
        words += f", {several} images"
    axes.set_title(f"{group}\n{title}\n{words}", fontsize=8, loc="left")
    axes.tick_params(labelsize=7)
    axes.grid(axis="both", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
