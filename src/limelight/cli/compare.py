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
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The picture to write; the report is beside it, as .html."
        ),
    ] = Path("compare.png"),
) -> None:
    """Show methods side by side, or layers, or both: a picture with a row for each, and a report.

    The report is one HTML file that opens anywhere, with opacity and threshold to move. All of it
    comes from one forward pass of each image. Exit code 1 where some of several images could not
    be read; they are left out, and listed at the end.
    """
    from limelight import draw
    from limelight.arrays import to_numpy
    from limelight.explainer import explain
    from limelight.report import compare, write
    from limelight.runs.configuration import describe_model, versions

    names, method_options = options.parse_methods(method, groups=True)
    classifier = options.open_model(model, arch, preprocess, size, classes, quiet=False)
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
    named = [images[i].name for i in read]
    figure = draw.grid(
        pictures,
        {row: [to_numpy(each) for each in maps.resized("max")] for row, maps in rows.items()},
        columns=[f"{file}\n{name}" for file, name in zip(named, first.names(), strict=True)],
        boxes={row: [box[None] for box in maps.boxes(threshold)] for row, maps in rows.items()},
        alpha=alpha,
        colormap=colormap,
        seen=[frame.seen() for frame in first.frames],
    )
    if out.suffix.lower() != ".html":
        draw.save(figure, out)
        typer.echo(str(out))
    model_of = describe_model(classifier)
    settings = {
        "model": model_of,
        "comparison": {
            "methods": ", ".join(found),
            "layers": ", ".join(dict.fromkeys(maps.layer for maps in rows.values())),
            "class": "the model's first" if wanted is None else wanted,
            "threshold": "each method's own" if threshold is None else threshold,
        },
        "versions": versions(),
    }
    page = compare(
        found, list(read.values()), named, f"Side by side: {model_of['name']}",
        threshold=threshold, settings=settings,
    )  # fmt: skip
    typer.echo(str(write(page, out.with_suffix(".html"), figures=False, colormap=colormap)))
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
