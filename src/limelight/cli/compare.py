"""`limelight compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from limelight.cli import options
from limelight.errors import ImageError, RunError


def command(
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    model: options.Model,
    arch: options.Arch = None,
    preprocess: options.Preprocess = "auto",
    size: options.Size = None,
    classes: options.Classes = None,
    method: options.Methods = ["all-gradient"],  # noqa: B006 (Typer copies it)
    layer: options.Layers = None,
    target: options.TargetClass = None,
    threshold: options.Threshold = None,
    alpha: Annotated[float, typer.Option(help="Of the overlays: 0 image, 1 colours.")] = 0.5,
    colormap: Annotated[str, typer.Option(help="Of the overlays: jet, viridis, gray …")] = "jet",
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write.")] = Path(
        "compare.png"
    ),
) -> None:
    """Draw methods side by side, or layers, or both: one picture with a row for each.

    All of it comes from one forward pass of each image. Exit code 1 where some of several images
    could not be read; they are left out, and listed at the end.
    """
    from limelight import draw
    from limelight.arrays import to_numpy
    from limelight.explainer import explain

    names, method_options = options.parse_methods(method, groups=True)
    classifier = options.open_model(model, arch, preprocess, size, classes)
    wanted = options.parse_target(target, classifier)
    if isinstance(wanted, list) or (isinstance(wanted, str) and wanted.startswith("top")):
        raise RunError("compare draws one class per image; `limelight explain` writes several")
    read, failed = _read(images)
    if not read:
        raise failed[0][1]
    found = explain(
        classifier,
        list(read.values()),
        names,
        target=wanted,
        layer=layer or None,
        options=method_options,
    )
    rows: dict[str, Any] = {}
    for name, by_layer in found.items():
        if isinstance(by_layer, dict):
            for path, maps in by_layer.items():
                rows[path if len(found) == 1 else f"{name} · {path}"] = maps
        else:
            rows[name] = by_layer
    first = next(iter(rows.values()))
    pictures = first.pictures(list(read.values()))
    figure = draw.grid(
        pictures,
        {row: [to_numpy(each) for each in maps.resized("max")] for row, maps in rows.items()},
        columns=[f"{images[i].name}\n{name}" for i, name in zip(read, first.names(), strict=True)],
        boxes={row: [box[None] for box in maps.boxes(threshold)] for row, maps in rows.items()},
        alpha=alpha,
        colormap=colormap,
        seen=[frame.seen() for frame in first.frames],
    )
    draw.save(figure, out)
    typer.echo(str(out))
    if failed:
        typer.echo(f"{len(failed)} of {len(images)} images could not be read:", err=True)
        for path, error in failed:
            typer.echo(f"  {path}: {error}", err=True)
        raise typer.Exit(1)


def _read(paths: list[Path]) -> tuple[dict[int, Any], list[tuple[Path, ImageError]]]:
    """The photographs by their place among `paths`, and those that cannot be read."""
    from limelight.images import read

    pictures: dict[int, Any] = {}
    failed = []
    for i, path in enumerate(paths):
        try:
            pictures[i] = read(path)
        except ImageError as error:
            failed.append((path, error))
    return pictures, failed
