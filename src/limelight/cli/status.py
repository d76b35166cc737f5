"""`limelight status`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from limelight.cli.options import Json


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    as_json: Json = False,
) -> None:
    """Show how far a run is: images done, images that failed, whether its figures are there."""
    from limelight.runs import status

    state = status(run)
    configuration = state.content["configuration"]
    data, model = configuration["data"], configuration["model"]
    if as_json:
        kept = {
            "images": state.images,
            "done": state.done,
            "errors": state.errors,
            "finished": state.finished,
            "report": state.report,
            "hash": state.content["hash"],
            "configuration": configuration,
            "versions": state.content["versions"],
        }
        typer.echo(json.dumps(kept, ensure_ascii=False, indent=1))
        return
    split = f", {data['split']}" if data["split"] else ""
    typer.echo(f"data     {data['name']}{split}")
    if model is not None:
        typer.echo(f"model    {model['name']}")
    names = [*configuration["methods"], *configuration["maps"]]
    typer.echo(f"methods  {', '.join(names)} (target: {configuration['target']})")
    share = f" ({state.done / state.images:.0%})" if state.images else ""
    typer.echo(f"done     {state.done:,} of {state.images:,} images{share}")
    if state.errors:
        typer.echo(f"failed   {state.errors:,}: see errors.csv, written at the end")
    if state.report:
        typer.echo(f"report   {run / 'report.html'}")
    elif state.finished:
        typer.echo("figures  metrics.json")
    elif state.done < state.images:
        typer.echo("The same call goes on from here.")
