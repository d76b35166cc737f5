"""A report as a file: the page, and its figures beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limelight._version import __version__
from limelight.errors import LimelightError, RunError
from limelight.report import cases, charts
from limelight.report.boards import board_of
from limelight.report.contents import Item, Report
from limelight.report.figures import write_figures


def write(
    report: Report,
    path: str | os.PathLike[str],
    *,
    best: int = 6,
    figures: bool = True,
    colormap: str = "jet",
) -> Path:
    """Write a report as one HTML file, and its figures as PNG files beside it.

    The file holds its pictures, has no script and asks for nothing from elsewhere. It appears, or
    is replaced, only when it is whole.

    Args:
        report: what to show.
        path: of the HTML file; folders on the way are made.
        best: how many of the best and of the worst items come first; the others follow, folded.
        figures: whether to write ``figures/iou.png``, ``figures/best.png`` and
            ``figures/worst.png`` too, those that there is something to show in; needs matplotlib.
        colormap: as in `limelight.draw.colorize`.

    Returns:
        The path of the HTML file.

    Raises:
        RunError: the report cannot be written, or an item of it cannot be drawn.
        MissingExtra: `figures` is true and matplotlib is not installed.
    """
    target = Path(path)
    ranked, unranked = report.ranked()
    text = _render(report, ranked, unranked, best, colormap)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if figures:
            write_figures(report, target.parent / "figures", colormap)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"the report cannot be written to {target}: {error}") from error
    return target


def _render(
    report: Report, ranked: list[Item], unranked: list[Item], best: int, colormap: str
) -> str:
    """The page as text."""
    import jinja2
    from markupsafe import Markup

    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder, encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    lead = report.ranking()
    numbers = {id(item): number for number, item in enumerate(report.items)}

    def drawn(items: Sequence[Item]) -> list[cases.Case]:
        return [_case(item, numbers[id(item)], lead, colormap) for item in items]

    if len(ranked) > 2 * best:
        first, last, others = ranked[:best], ranked[: -best - 1 : -1], ranked[best:-best]
    else:
        first, last, others = ranked, [], []
    sections: list[dict[str, Any]] = [
        {
            "id": "best",
            "title": "Best cases" if last else "Cases, best first",
            "cases": drawn(first),
            "folded": False,
        },
        {"id": "worst", "title": "Worst cases", "cases": drawn(last), "folded": False},
        {"id": "others", "title": "All other cases", "cases": drawn(others), "folded": True},
        {
            "id": "unranked",
            "title": "Cases without an IoU" if ranked else "Cases",
            "cases": drawn(unranked),
            "folded": bool(ranked),
        },
    ]
    return environment.get_template("report.html").render(
        report=report,
        lead=lead,
        sections=[section for section in sections if section["cases"]],
        bars=charts.histograms(report.distribution()),
        winners=_winners(report),
        board=None if report.leaderboard is None else board_of(report.leaderboard),
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),
        version=__version__,
    )


def _case(item: Item, number: int, lead: str | None, colormap: str) -> cases.Case:
    try:
        return cases.make_case(item, number, lead, colormap)
    except LimelightError as error:
        raise RunError(f"item {item.id!r} of the report cannot be drawn: {error}") from error


def _winners(report: Report) -> dict[str, float]:
    """The highest value of each column of the table among the methods, where there are several."""
    methods = [score for score in report.table if not score.baseline]
    if len(methods) < 2:
        return {}
    columns = ("mean_iou", "gt_known", "pointing_game")
    values = {c: [getattr(score, c) for score in methods] for c in columns}
    known = {c: [v for v in values[c] if v is not None] for c in columns}
    return {column: max(found) for column, found in known.items() if found}
