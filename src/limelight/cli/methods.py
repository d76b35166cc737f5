"""`limelight methods`."""

from __future__ import annotations

import json

import typer

from limelight.cli.options import Json


def command(as_json: Json = False) -> None:
    """List the methods: name, paper, cost, options."""
    from limelight.methods import list_methods

    methods = list_methods()
    if as_json:
        rows = [
            {
                "name": method.name,
                "title": method.title,
                "paper": method.paper,
                "needs": sorted(method.needs),
                "cost": method.cost,
                "frameworks": list(method.frameworks),
                "class_blind": method.class_blind,
                "differentiable": method.differentiable,
                "options": dict(method.options),
                "description": method.description,
            }
            for method in methods
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    from rich.console import Console
    from rich.measure import Measurement
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("method", "what it is", "paper", "cost", "runs on", "options"):
        table.add_column(title, no_wrap=title == "method")
    lines = [
        (
            method.name,
            method.title,
            method.paper,
            method.cost,
            ", ".join(method.frameworks),
            ", ".join(f"{name}={value}" for name, value in method.options.items()),
        )
        for method in methods
    ]
    for line in lines:
        table.add_row(*line)
    console = Console(highlight=False, markup=False)
    unbounded = console.options.update(max_width=1000)
    if Measurement.get(console, unbounded, table).maximum <= console.width:
        console.print(table)
        return
    console.print("method", style="bold")
    for name, *rest in lines:  # all of it, where a table would cut words off
        console.print(Text(name))
        console.print(Padding(Text("; ".join(filter(None, rest))), (0, 0, 0, 4)))
