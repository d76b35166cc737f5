"""`limelight layers`."""

from __future__ import annotations

import json
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
    import numpy as np

    from limelight.errors import NoSpatialLayer
    from limelight.probes import probe_for
    from limelight.probes.choosing import choose, is_explainable

    classifier = open_model(model, arch, preprocess, size, classes, weights=False)
    probe = probe_for(classifier.model)
    height, width = classifier.preprocess.size
    batch, _ = classifier.prepare([np.zeros((height, width, 3), np.uint8)])
    trace = probe.trace(probe.prepare(batch))
    try:
        automatic = choose(trace)
    except NoSpatialLayer:
        automatic = None
    calls = {call.name: call for call in trace.calls}  # the last call of each
    rows = [
        {
            "layer": call.name,
            "kind": call.kind,
            "shape": list(call.shape[1:]),
            "explainable": is_explainable(call),
            "automatic": call.name == automatic,
        }
        for call in calls.values()
        if every or is_explainable(call)
    ]
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
        shape = " × ".join(map(str, row["shape"]))  # type: ignore[call-overload]
        table.add_row(str(row["layer"]), str(row["kind"]), shape, note)
    Console().print(table)
    if automatic is None:
        typer.echo("No layer has height and width: give reshape_transform= in Python.")
