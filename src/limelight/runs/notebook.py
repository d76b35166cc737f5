"""The table of an evaluation in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from limelight.runs.table import COLUMNS, Line

if TYPE_CHECKING:
    from limelight.runs.evaluation import Evaluation


def table_of(evaluation: Evaluation) -> str:
    """The lines of `evaluation` as HTML, in per cent with their intervals; baselines in grey."""
    headings = ["%", "cut at", *(COLUMNS[name] for name in evaluation.columns)]
    lines = [_line(line, evaluation.columns) for line in evaluation.table()]
    count = f"{len(evaluation.scored):,} images of {evaluation.data}"
    if evaluation.errors:
        count += f", and {len(evaluation.errors):,} that could not be evaluated"
    if evaluation.accuracy is not None:
        count += f"; accuracy {evaluation.accuracy.in_percent()} %"
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    return (
        f"<table><caption>{escape(count)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _line(line: Line, columns: tuple[str, ...]) -> str:
    cut = "" if line.cut is None else f"{line.cut.threshold:.2f}"
    figures = [line.results[name].in_percent() if name in line.results else "–" for name in columns]
    cells = "".join(f"<td>{escape(each)}</td>" for each in (line.name, cut, *figures))
    style = ' style="opacity: 0.6"' if line.baseline else ""
    return f"<tr{style}>{cells}</tr>"
