"""A report as a file: the page, and its figures beside it."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from limelight._version import __version__
from limelight.draw.browser import data_script
from limelight.errors import RunError
from limelight.report import cards, cases, charts
from limelight.report.boards import board_of
from limelight.report.contents import Item, Report
from limelight.report.figures import write_figures
from limelight.viewer import cards_script, cards_style


def write(
    report: Report,
    path: str | os.PathLike[str],
    *,
    best: int = 6,
    figures: bool = True,
    colormap: str = "jet",
) -> Path:
    """Write a report as one HTML file, and its figures as PNG files beside it.

    The file holds its pictures, raw maps and one script, and asks for nothing from elsewhere. It
    appears, or is replaced, only when it is whole.

    Args:
        report: what to show.
        path: of the HTML file; folders on the way are made.
        best: how many of the best and of the worst items are on paper, and where no script runs.
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
        def draw(item: Item) -> cases.Case:
            return cases.make_case(item, numbers[id(item)], lead, colormap)

        return [cards.drawn(partial(draw, item), item) for item in items]

    if len(ranked) > 2 * best:
        first, last = ranked[:best], ranked[: -best - 1 : -1]
    else:
        first, last = ranked, []
    others = unranked[: best if ranked else 2 * best]
    sections: list[dict[str, Any]] = [
        {"id": "best", "title": "Best" if last else "Best first", "cases": drawn(first)},
        {"id": "worst", "title": "Worst", "cases": drawn(last)},
        {
            "id": "unranked",
            "title": "Without an IoU" if ranked else "The first",
            "cases": drawn(others),
        },
    ]
    return environment.get_template("report.html").render(
        report=report,
        lead=lead,
        sections=[section for section in sections if section["cases"]],
        left_out=len(report.items) - len(first) - len(last) - len(others),
        bars=charts.histograms(report.distribution()),
        lines=[charts.chart_of(curves) for curves in report.curves],
        winners=_winners(report),
        board=None if report.leaderboard is None else board_of(report.leaderboard),
        style=Markup((folder / "report.css").read_text(encoding="utf-8") + cards_style()),
        version=__version__,
        **_scripted(report, lead, colormap, folder),
    )


def _scripted(report: Report, lead: str | None, colormap: str, folder: Path) -> dict[str, Any]:
    """What the script needs, and the script with the hash that lets it, and no other, run."""
    from markupsafe import Markup

    if not report.items:
        return {"script": None, "json": "", "pictures": ""}
    json = Markup(data_script(cards.page_data(report, lead, colormap)))
    pictures = Markup("\n".join(map(data_script, cards.cards(report.items))))
    own = ((folder / name).read_text(encoding="utf-8") for name in ("curves.js", "report.js"))
    text = "\n" + cards_script() + "".join(own)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    script = {"text": Markup(text), "hash": f"sha256-{digest}"}
    return {"script": script, "json": json, "pictures": pictures}


def _winners(report: Report) -> dict[str, float]:
    """The highest value of each column of the table among the methods, where there are several."""
    methods = [score for score in report.table if not score.baseline]
    if len(methods) < 2:
        return {}
    columns = ("mean_iou", "gt_known", "pointing_game")
    values = {c: [getattr(score, c) for score in methods] for c in columns}
    known = {c: [v for v in values[c] if v is not None] for c in columns}
    return {column: max(found) for column, found in known.items() if found}
