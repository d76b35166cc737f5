"""An evaluation's figures on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from limelight.runs import Evaluation
    from limelight.runs.table import Line


_LISTED = 10  # images of many that could not be evaluated


def print_table(evaluation: Evaluation, columns: Sequence[str] | None = None) -> None:
    """The table of methods and baselines on standard output, in per cent.

    `columns`: names from `limelight.runs.COLUMNS`, all that have figures where it is None. The 95 %
    interval stands behind every figure where the terminal is wide enough, else behind the first, or
    behind none; then headings take two lines.
    """
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(highlight=False)
    lines = evaluation.table()
    present = evaluation.columns
    shown = [column for column in columns or present if column in present]
    if evaluation.accuracy is not None:
        count = len(evaluation.scored)
        console.print(f"accuracy {evaluation.accuracy.in_percent()} % of {count} images")
    if evaluation.scored and not shown:
        console.print(
            "no true boxes, so that maps have no scores of where they lie; `limelight bench` "
            "scores whether they are true",
            soft_wrap=True,
        )
    unbounded = console.options.update_width(1000)
    for intervals in (len(shown), 1, 0):
        table = _table(lines, shown, intervals)
        if Measurement.get(console, unbounded, table).maximum <= console.width:
            break
    if shown:
        console.print(table)
    if evaluation.errors:
        count = len(evaluation.errors)
        console.print(f"{count} image{'s' if count > 1 else ''} could not be evaluated:")
        for row in evaluation.errors[:_LISTED]:
            console.print(f"  {row.id}: {row.error}", markup=False, soft_wrap=True)
        if count > _LISTED:
            console.print(f"  and {count - _LISTED} more, in errors.csv")


def _table(lines: Sequence[Line], shown: Sequence[str], intervals: int) -> Table:
    """The figures of `shown`, with their intervals in as many of the first columns."""
    from rich.table import Table

    from limelight.runs import COLUMNS

    padding = (0, 1) if intervals else (0, 1, 0, 0)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=padding)
    table.add_column("%", no_wrap=True)
    for heading in ("cut at", *(COLUMNS[column] for column in shown)):
        heading = heading if intervals else heading.replace(" ", "\n")
        table.add_column(heading, justify="right", overflow="fold")
    for line in lines:
        figures = [
            line.results[column].in_percent(number < intervals) if column in line.results else "–"
            for number, column in enumerate(shown)
        ]
        cut = "" if line.cut is None else f"{line.cut.threshold:.2f}"
        table.add_row(line.name, cut, *figures, style="dim" if line.baseline else None)
    return table
