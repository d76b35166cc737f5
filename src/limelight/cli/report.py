"""`limelight report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limelight.cli import options


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The HTML file.  [default: report.html in RUN]"),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--data", help="Where the images are, if no longer where the run found them."),
    ] = None,
    images: Annotated[
        int, typer.Option(min=1, help="How many are shown: best, worst, and some between.")
    ] = 1000,
    title: Annotated[str | None, typer.Option(help="Of the page.")] = None,
    colormap: Annotated[str, typer.Option(help="Of the maps: jet, viridis, gray …")] = "jet",
    strict: options.Strict = False,
) -> None:
    """Write the report of a run: one HTML file that opens anywhere, with no network.

    Of a run that is not finished, what is done. Opacity, threshold, order and filters are chosen
    in the page.
    """
    from limelight.errors import RunError
    from limelight.report.kept import report_of_run
    from limelight.report.page import write
    from limelight.runs.folder import REPORT

    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise RunError(f"--out {out}: the report is an HTML file, {out.with_suffix('.html')}")
    opened = None if dataset is None else options.open_data(dataset, None, strict, quiet=False)
    page = report_of_run(run, opened, title=title, images=images)
    typer.echo(str(write(page, out or run / REPORT, figures=False, colormap=colormap)))
