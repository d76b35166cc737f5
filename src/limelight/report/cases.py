"""One item of a report as the page shows it: pictures, outlines and words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from limelight.draw.browser import SMALL, image_uri
from limelight.draw.outlines import as_box_rows
from limelight.errors import BoxError
from limelight.report import pictures
from limelight.report.contents import Item

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Panel:
    """A method on an image: its map as a picture, its box as x, y, width, height."""

    method: str
    uri: str
    box: Box | None
    iou: float | None
    alt: str
    note: str


@dataclass(frozen=True)
class Case:
    """An image with its panels; boxes are x, y, width, height in its pixels."""

    number: int
    item: Item
    width: int
    height: int
    uri: str
    exact: bool
    seen: Box | None
    true_boxes: list[Box]
    lead_box: Box | None
    lead_iou: float | None
    panels: list[Panel]
    alt: str


def make_case(item: Item, number: int, lead: str | None, colormap: str) -> Case:
    """Draw an item.

    Raises:
        ImageError, BoxError: its image, maps or boxes are not what `Item` says; the message names
            the item.
    """
    pixels = item.pixels()
    high, wide = pixels.shape[:2]
    seen = None
    if item.seen is not None:
        x0, y0, x1, y1 = (round(float(value)) for value in item.seen)
        seen = (max(x0, 0), max(y0, 0), min(x1, wide), min(y1, high))
    true_boxes = upright(item.true_boxes, item.id)
    found = {method: upright(box, item.id) for method, box in item.boxes.items()}
    panels = []
    for method in item.maps:
        box = next(iter(found.get(method, [])), None)
        panels.append(
            Panel(
                method,
                pictures.map_uri(item.whole_map(method), (high, wide), colormap, seen),
                box,
                item.overlap(method),
                f"{method} map of {item.id}: " + _where(box),
                item.notes.get(method, ""),
            )
        )
    return Case(
        number=number,
        item=item,
        width=wide,
        height=high,
        uri=image_uri(pixels, pictures.LONGEST_IMAGE),
        exact=max(wide, high) <= SMALL,
        seen=None if seen is None else _as_xywh(seen),
        true_boxes=true_boxes,
        lead_box=next(iter(found.get(lead or "", [])), None),
        lead_iou=item.overlap(lead),
        panels=panels,
        alt=describe(item, len(true_boxes)),
    )


def upright(boxes: Any, name: str) -> list[Box]:
    """Boxes x0, y0, x1, y1, one or many, as x, y, width, height; those with NaN are left out."""
    rows = as_box_rows(boxes)
    if rows.ndim != 2:
        raise BoxError(
            f"the boxes of {name!r} are corner points; expected x0, y0, x1, y1 in a report"
        )
    return [_as_xywh(row) for row in rows.tolist() if not any(map(math.isnan, row))]


def _as_xywh(box: Iterable[float]) -> Box:
    x0, y0, x1, y1 = (round(float(value), 2) for value in box)
    return x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)


def describe(item: Item, boxes: int) -> str:
    """The image in words, for those who do not see it."""
    parts = [f"image {item.id}"]
    if item.label is not None:
        parts.append(f"true class {item.label}")
    parts.append(f"predicted {item.predicted}")
    if boxes:
        parts.append("one true box" if boxes == 1 else f"{boxes} true boxes")
    return ", ".join(parts)


def _where(box: Box | None) -> str:
    if box is None:
        return "no box"
    x, y, width, height = box
    return f"box {width:.0f} × {height:.0f} pixels at x {x:.0f}, y {y:.0f}"
