"""`limelight layers`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from limelight.cli.options import Arch, Classes, Json, Preprocess, Size, open_model


def command(
    model: Annotated[str, typer.Argument(help="As --model of `limelight explain`.")],
    arch: Arch = None,
    preprocess: Preprocess = "auto",
    size: Size = None,
    classes: Classes = None,
    every: Annotated[
        bool, typer.Option("--all", help="List also the layers that cannot be explained.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List a model's layers that can be explained, with their shapes, and the automatic one."""
    from limelight.explainer.layers import list_layers

    classifier = open_model(model, arch, preprocess, size, classes, weights=False, quiet=as_json)
    layers = list_layers(classifier)
    rows = [asdict(layer) for layer in layers if every or layer.explainable]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("layer", "kind", "shape", ""):
        table.add_column(title, no_wrap=title == "layer")
    for row in rows:
        note = "automatic" if row["automatic"] else "" if row["explainable"] else "no map"
        shape = " × ".join(map(str, row["shape"]))
        table.add_row(str(row["layer"]), str(row["kind"]), shape, note)
    Console().print(table)
    if not any(layer.automatic for layer in layers):
        typer.echo("No layer has height and width: give reshape_transform= in Python.")
