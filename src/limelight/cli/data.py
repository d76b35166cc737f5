"""`limelight data`."""

from __future__ import annotations

import dataclasses
import json
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limelight.cli.options import Json
from limelight.errors import DatasetError, LimelightError

if TYPE_CHECKING:
    import numpy as np

    from limelight.data import Dataset, Example
    from limelight.data.statistics import Statistics

_TILE, _CAPTION, _GAP = 176, 18, 6  # pixels of the contact sheet
_COLUMNS = 6
_CLASSES, _LISTED = 10, 20  # classes and problems that are printed; --json has all


def command(
    dataset: Annotated[
        str | None,
        typer.Argument(
            help="A path, READER:PATH (options after a question mark: coco:PATH?per=class), or "
            "digits, the embedded data set. Without it, the readers are listed."
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, test … as the data set names them; all if absent.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The contact sheet. [default: contact-sheet.png]"),
    ] = None,
    images: Annotated[int, typer.Option(min=0, help="Images on the contact sheet.")] = 24,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Decode every image; exit code 1 where something is broken."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first broken entry of the annotations.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is in a data set: counts, classes, boxes, and what is broken.

    Also how far two guesses get that look at no image (the best centred box, the whole image), and
    a contact sheet with the boxes drawn; with --json the sheet is drawn only where --out is given.
    """
    from limelight.data import open as open_dataset
    from limelight.data.statistics import describe

    if dataset is None:
        _list_readers(as_json)
        return
    opened = open_dataset(dataset, split=split, strict=strict)
    if opened.recognized and not as_json:
        typer.echo(opened.recognized)
    statistics = describe(opened, decode=verify, progress=_progress)
    parts = {name: len(open_dataset(dataset, split=name, strict=strict)) for name in opened.splits}
    problems = [str(problem) for problem in [*opened.problems, *statistics.problems]]
    if as_json:
        typer.echo(json.dumps(_as_dictionary(opened, statistics, parts, problems), indent=1))
    else:
        _print(opened, statistics, parts, problems)
    if images and len(opened) and (out is not None or not as_json):
        path = out or Path("contact-sheet.png")
        _draw_sheet(opened, images, path)
        if not as_json:
            typer.echo(str(path))
    if verify and problems:
        raise typer.Exit(1)


def _list_readers(as_json: bool) -> None:
    from limelight.data import list_readers

    readers = list_readers()
    if as_json:
        rows = [
            {
                "name": r.name,
                "short": r.short,
                "title": r.title,
                "expects": r.expects,
                "options": list(r.options),
            }
            for r in readers
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for reader in readers:
        typer.echo(f"{reader.name}: {reader.title}")
        typer.echo(textwrap.fill(reader.expects, 96, initial_indent="  ", subsequent_indent="  "))
        if reader.short:
            typer.echo(f"  short: {reader.short}:PATH")
        if reader.options:
            typer.echo(f"  options: {', '.join(reader.options)}")


def _progress(indices: Iterable[int]) -> Iterable[int]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        return indices
    from rich.console import Console
    from rich.progress import track

    return track(indices, "reading", console=Console(stderr=True), transient=True)


def _as_dictionary(
    dataset: Dataset, statistics: Statistics, parts: dict[str, int], problems: list[str]
) -> dict[str, Any]:
    names = dataset.class_names
    described = dataclasses.asdict(statistics)
    labels = described.pop("labels")
    classes = [
        {"index": label, "name": names[label] if names else None, "images": count}
        for label, count in labels.items()
    ]
    return {
        "name": dataset.name,
        "recognized": dataset.recognized,
        "split": dataset.split,
        "splits": parts,
        **described,
        "classes": classes,
        "problems": problems,
    }


def _print(
    dataset: Dataset, statistics: Statistics, parts: dict[str, int], problems: list[str]
) -> None:
    typer.echo(repr(dataset))
    for title, text in _rows(dataset, statistics, parts):
        typer.echo(f"  {title:<18}  {text}")
    for problem in problems[:_LISTED]:
        typer.echo(f"broken: {problem}")
    if len(problems) > _LISTED:
        typer.echo(f"and {len(problems) - _LISTED} more broken entries (--json lists all)")


def _rows(
    dataset: Dataset, statistics: Statistics, parts: dict[str, int]
) -> Iterable[tuple[str, str]]:
    yield "images", f"{statistics.images:,}"
    if parts:
        counts = ", ".join(f"{name} {count:,}" for name, count in parts.items())
        yield "splits", f"{counts}; shown: {dataset.split or 'all'}"
    yield "classes", _classes(dataset, statistics.labels)
    if statistics.unlabelled:
        yield "without one class", f"{statistics.unlabelled:,}"
    yield "boxes", f"{statistics.boxes:,}; {statistics.without_boxes:,} images without"
    if statistics.with_mask:
        yield "masks", f"{statistics.with_mask:,} images"
    spreads = {
        "boxes an image": (statistics.boxes_per_image, "{:.3g}"),
        "box area": (statistics.area_share, "{:.1%}"),
        "box width / height": (statistics.aspect, "{:.2f}"),
        "image width": (statistics.width, "{:.0f}"),
        "image height": (statistics.height, "{:.0f}"),
    }
    for title, (spread, form) in spreads.items():
        if spread is not None:
            low, median, high, mean = (
                form.format(v) for v in (spread.low, spread.median, spread.high, spread.mean)
            )
            yield title, f"median {median}, 90% from {low} to {high}, mean {mean}"
    if statistics.centre_iou is not None and statistics.whole_iou is not None:
        centre = (
            f"{statistics.centre_iou:.3f} mean IoU ({statistics.centre_share:.0%} of each side)"
        )
        yield "best centre box", centre
        yield "whole image", f"{statistics.whole_iou:.3f} mean IoU"


def _classes(dataset: Dataset, labels: dict[int, int]) -> str:
    if not labels:
        return "none"
    names = dataset.class_names
    low, high = min(labels.values()), max(labels.values())
    shown = [
        f"{names[label] if names else label} ({count:,})"
        for label, count in list(labels.items())[:_CLASSES]
    ]
    images = f"{low:,} to {high:,}" if low < high else f"{low:,}"
    more = "; …" if len(labels) > _CLASSES else ""
    return f"{len(labels):,} with {images} images: {'; '.join(shown)}{more}"


def _draw_sheet(dataset: Dataset, count: int, path: Path) -> None:
    """Write images from all over the data set, evenly spread, with their boxes and classes.

    Raises:
        DatasetError: the file cannot be written.
    """
    import numpy as np
    from PIL import Image

    count = min(count, len(dataset))
    chosen = [i * len(dataset) // count for i in range(count)]
    columns = min(_COLUMNS, count)
    high, wide = _TILE + _CAPTION + _GAP, _TILE + _GAP
    sheet = np.full((-(-count // columns) * high + _GAP, columns * wide + _GAP, 3), 255, np.uint8)
    for place, index in enumerate(chosen):
        top, left = place // columns * high + _GAP, place % columns * wide + _GAP
        tile, caption = _tile(dataset, index)
        sheet[top : top + _TILE, left : left + _TILE] = tile
        _write(sheet[top + _TILE : top + _TILE + _CAPTION, left : left + _TILE], caption)
    try:
        Image.fromarray(sheet).save(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"the contact sheet cannot be written to {path}: {error}") from error


def _tile(dataset: Dataset, index: int) -> tuple[np.ndarray, str]:
    """The image with its boxes, in the middle of a grey square, and what to write below it."""
    import numpy as np
    from PIL import Image

    from limelight import draw

    tile = np.full((_TILE, _TILE, 3), 225, np.uint8)
    try:
        example = dataset[index]
        picture = example.read()
    except LimelightError:
        return tile, f"{index}: cannot be read"  # what is wrong stands among the problems
    scale = _TILE / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    factor = (width / picture.width, height / picture.height) * 2
    small = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    top, left = (_TILE - height) // 2, (_TILE - width) // 2
    drawn = draw.boxes(small, example.boxes * factor)
    tile[top : top + height, left : left + width] = drawn
    return tile, _caption(dataset, example)


def _caption(dataset: Dataset, example: Example) -> str:
    if example.label is None:
        return example.id
    names = dataset.class_names
    return f"{names[example.label] if names else example.label} · {example.id}"


def _write(strip: np.ndarray, text: str) -> None:
    from limelight.draw.labels import write_label

    write_label(strip, text, (0, 0), (255, 255, 255))
