"""`limelight export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The JSON file to write.")],
    method: Annotated[
        str | None,
        typer.Option("--method", "-x", help="Whose boxes; needed where the run has several."),
    ] = None,
) -> None:
    """Write the boxes of a run as a COCO file: images, annotations and categories."""
    from limelight.runs import open as open_run

    typer.echo(str(open_run(run).to_coco(out, method)))
