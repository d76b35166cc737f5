"""`limelight models`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from limelight.cli.options import Json
from limelight.errors import did_you_mean


def command(
    pattern: Annotated[
        str | None,
        typer.Argument(
            help="timm:resnet* for the ids of one source, '*resnet50*' for those of all; without "
            "it, the sources are listed."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List where models come from, or the ids that match a pattern; --model takes each of them."""
    from limelight.models import list_models

    if pattern is not None:
        ids = list_models(pattern)
        if as_json:
            typer.echo(json.dumps(ids, indent=1))
        elif ids:
            typer.echo("\n".join(ids))
        else:
            source, colon, name = pattern.rpartition(":")
            known = list_models(f"{source}{colon}*")
            close = did_you_mean(f"{source}{colon}{name.strip('*')}", known)
            typer.echo(f"no model matches {pattern}{close}", err=True)
        return
    rows = [
        {
            "example": origin.example,
            "summary": origin.summary,
            "needs": f'pip install "limelight[{origin.extra}]"',
            "installed": origin.installed,
        }
        for origin in list_models()
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("example", "what it is", "needs"):
        table.add_column(title, no_wrap=title == "example")
    for row in rows:
        needs = "installed" if row["installed"] else row["needs"]
        table.add_row(str(row["example"]), str(row["summary"]), str(needs))
    Console(markup=False).print(table)
