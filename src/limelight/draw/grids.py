"""Many maps at a glance: methods × images, or layers × images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from limelight.draw import fonts, panels
from limelight.draw.overlays import overlay
from limelight.draw.pictures import as_rgb
from limelight.errors import BoxError, ImageError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADING = 9  # points
_BETWEEN = 6  # points at least from one heading to the next
_WIDEST = 2.0  # inches of one image
_IN_A_LINE = 5  # maps of a single image; more of them wrap


def grid(
    images: Sequence[Any],
    maps: Mapping[str, Sequence[Any]] | Sequence[Sequence[Any]],
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    boxes: Mapping[str, Sequence[Any]] | Sequence[Sequence[Any]] | None = None,
    true_boxes: Sequence[Any] | None = None,
    *,
    captions: Mapping[str, Sequence[str]] | Sequence[Sequence[str]] | None = None,
    transpose: bool = False,
    title: str | None = None,
    alpha: float = 0.5,
    colormap: str = "jet",
    seen: Sequence[Any] | None = None,
) -> Figure:
    """Overlays of several methods (or layers) on several images, in one figure.

    The images stand in the first row, and below them one row for each method. The many maps of a
    single image follow it from left to right, in as many lines as columns.

    Args:
        images: n images, each as `limelight.draw.overlay` takes it, of any sizes.
        maps: the maps, `maps[row][image]`, or a dict of their rows by name; each map has the size
            of its image and values in [0, 1].
        rows: a name for each row; the names of the dict where it is None.
        columns: a title for each image.
        boxes: predicted boxes, arranged as `maps` (a dict may leave rows out), each entry as
            `limelight.draw.boxes` takes it, or None.
        true_boxes: the true boxes of each image, drawn in all its pictures.
        captions: a short text under each overlay, arranged as `maps` ("IoU 0.81").
        transpose: one row for each image instead, with the image first; `rows` and `columns` keep
            their meaning, so that `rows` then stand above the columns.
        title: a text above the whole.
        alpha, colormap: as in `overlay`.
        seen: for each image what the model has seen, as in `overlay`.

    Returns:
        A matplotlib figure whose axes are labelled "image/0", "image/1" …, then "<row>/0" … It
        belongs to no window; a notebook shows it.

    Raises:
        MissingExtra: matplotlib is not installed.
        ImageError, BoxError: numbers of images, maps, titles or boxes that do not agree, and what
            `overlay` and `boxes` raise.
    """
    pixels = [as_rgb(image) for image in images]
    count = len(pixels)
    if not count:
        raise ImageError("a grid needs at least one image, and was given none")
    table = _named(maps, rows, count)
    names = list(table)
    found = _arranged(boxes, names, count, "boxes")
    notes = _arranged(captions, names, count, "captions")
    headings = _per_image(columns, count, "columns")
    truth = _per_image(true_boxes, count, "true_boxes")
    visible = _per_image(seen, count, "seen")

    lines, across = (count, 1 + len(names)) if transpose else (1 + len(names), count)
    wrapped = count == 1 and len(names) > _IN_A_LINE
    if wrapped:
        across = math.ceil(math.sqrt(1 + len(names)))
        lines = math.ceil((1 + len(names)) / across)
    below = (0.22 if captions is not None else 0.06) + (0.22 if wrapped else 0)
    canvas = _canvas(pixels, lines, across, below, title)
    cells = canvas.subplots(lines, across, squeeze=False)
    for empty in cells.flat[1 + len(names) :] if wrapped else ():
        empty.remove()

    def cell(row: int, column: int) -> Axes:
        if wrapped:
            return cast("Axes", cells.flat[row])
        return cast("Axes", cells[column, row] if transpose else cells[row, column])

    whose: set[str] = set()
    for row, name in enumerate(["image", *names]):
        for column in range(count):
            axes = cell(row, column)
            axes.set_label(f"{name}/{column}")
            picture = pixels[column]
            if row:
                map = table[name][column]
                picture = overlay(picture, map, alpha, colormap, visible[column])
            panels.show(axes, picture, picture.shape[:2])
            if panels.add_boxes(axes, truth[column], "true"):
                whose.add("true")
            if row and panels.add_boxes(axes, found[name][column], "predicted"):
                whose.add("predicted")
            if row and notes[name][column]:
                panels.set_text(axes.set_xlabel("", fontsize=8), notes[name][column])
    for row, name in enumerate(["image", *names]):
        _head(cell(row, 0), _short(name, across) if wrapped else name, transpose or wrapped)
    for column, heading in enumerate(headings):
        if heading:
            text = "\n".join(_short(line, across) for line in str(heading).split("\n"))
            _head(cell(0, column), text, above=not transpose or wrapped)
    panels.add_legend(canvas, whose)
    return canvas


def _canvas(
    pixels: list[np.ndarray], lines: int, across: int, below: float, title: str | None
) -> Figure:
    """A figure with room for the cells, whose shape is that of the middle one of the images."""
    ratios = sorted(picture.shape[0] / picture.shape[1] for picture in pixels)
    ratio = min(max(ratios[len(ratios) // 2], 0.4), 2.0)
    side = min(_side(across), 60 / (lines * ratio))
    around = 0.65 + (0.3 if title else 0)  # headings, legend, title
    return panels.new_canvas(
        max(side * across + 0.3, 3.0), (side * ratio + below) * lines + around, title
    )


def _side(across: int) -> float:
    """The width in inches of each of `across` images."""
    return min(_WIDEST, 40 / across)


def _named(maps: Any, rows: Sequence[str] | None, count: int) -> dict[str, Sequence[Any]]:
    """The rows of maps by name, each checked to have one map an image."""
    values = list(maps.values() if isinstance(maps, Mapping) else maps)
    default = list(maps) if isinstance(maps, Mapping) else [str(i + 1) for i in range(len(values))]
    names = [str(name) for name in (default if rows is None else rows)]
    if len(names) != len(values) or not values:
        raise ImageError(
            f"{len(names)} names were given for {len(values)} rows of maps; expected one each, and "
            "at least one row"
        )
    if len(set(names)) != len(names) or "image" in names:
        raise ImageError(f"the names of the rows are {names}; they must differ, also from 'image'")
    for name, row in zip(names, values, strict=True):
        if len(row) != count:
            raise ImageError(
                f"row {name!r} has {len(row)} maps for {count} images; expected maps[row][image]"
            )
    return dict(zip(names, values, strict=True))


def _arranged(entries: Any, names: list[str], count: int, what: str) -> dict[str, Sequence[Any]]:
    """Boxes or captions by the name of their row, None where there are none."""
    given: dict[str, Any] = {}
    if isinstance(entries, Mapping):
        given = dict(entries)
    elif entries is not None:
        if len(entries) != len(names):
            raise BoxError(
                f"`{what}` has {len(entries)} rows and `maps` {len(names)}; expected {what}[row]"
                "[image], arranged as the maps are"
            )
        given = dict(zip(names, entries, strict=True))
    for name, row in given.items():
        if name not in names:
            raise BoxError(f"`{what}` names a row {name!r} of no maps{did_you_mean(name, names)}")
        if row is not None and len(row) != count:
            raise BoxError(f"`{what}` has {len(row)} entries in row {name!r} for {count} images")
    nothing = [None] * count
    return {name: nothing if given.get(name) is None else given[name] for name in names}


def _per_image(entries: Sequence[Any] | None, count: int, what: str) -> Sequence[Any]:
    if entries is None:
        return [None] * count
    if len(entries) != count:
        raise ImageError(
            f"`{what}` has {len(entries)} entries for {count} images; expected one each"
        )
    return entries


def _head(axes: Axes, text: str, above: bool) -> None:
    """A heading of a column (above its first picture) or of a row (left of it)."""
    if above:
        panels.set_text(axes.set_title("", fontsize=_HEADING), text)
    else:
        label = axes.set_ylabel("", fontsize=_HEADING)
        panels.set_text(label, text)


def _short(text: str, across: int) -> str:
    """A line cut to what fits above one of `across` images, as it will be written."""
    room = 72 * _side(across) - _BETWEEN

    def fits(line: str) -> bool:
        return fonts.width(line, _HEADING, panels.own_font()) <= room

    if fits(text):
        return text
    # Half a letter is never kept: a character that no font has is left out with its whole escape.
    shortened = (text[:n].rstrip() + "…" for n in range(len(text) - 1, 0, -1))
    return next((line for line in shortened if fits(line)), "…")
