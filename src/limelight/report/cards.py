"""The items of a report as data for its script, which shows and boxes them."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from limelight.draw.browser import SMALL, color_tables, image_uri, packed_map
from limelight.frames import Frame
from limelight.report.cases import describe, upright
from limelight.report.contents import Item, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

_MANY = 60  # items, from which on pictures are smaller
_SIDE, _SIDE_OF_MANY = 480, 320  # pixels of the longer side of a picture
_QUALITY, _QUALITY_OF_MANY = 85, 70


def page_data(report: Report, lead: str | None, colormap: str) -> dict[str, Any]:
    """All that the script shows, without its cards."""
    names = dict.fromkeys(method for item in report.items for method in item.maps)
    scored = dict.fromkeys(name for item in report.items for name in item.iou)
    return {
        "lead": lead,
        "methods": list(names),
        "scored": list(scored),
        "thresholds": {score.name: score.threshold for score in report.table},
        "tables": color_tables(colormap),
    }


def card(item: Item, many: int) -> dict[str, Any]:
    """An item as plain values, on a page with so `many`.

    Raises:
        ImageError, BoxError: its image, maps or boxes are not what `Item` says.
    """
    pixels = item.pixels()
    size = pixels.shape[:2]
    crowded = many > _MANY
    true = upright(item.true_boxes, item.id)
    panels = []
    for name, values in item.maps.items():
        frame = item.frames.get(name, Frame.identity(size))
        found = next(iter(upright(item.boxes.get(name, ()), item.id)), None)
        panels.append(
            {
                "name": name,
                **packed_map(values),
                "frame": asdict(frame),
                "box": None if found is None else _corners(found),
                "iou": item.overlap(name),
            }
        )
    return {
        "id": item.id,
        "label": item.label,
        "predicted": item.predicted,
        "probability": item.probability,
        "correct": item.correct,
        "alt": describe(item, len(true)),
        "size": list(size),
        "exact": max(size) <= SMALL,
        "image": image_uri(
            pixels,
            _SIDE_OF_MANY if crowded else _SIDE,
            _QUALITY_OF_MANY if crowded else _QUALITY,
        ),
        "seen": None if item.seen is None else [_short(value) for value in item.seen],
        "true": [_corners(box) for box in true],
        "iou": {name: item.overlap(name) for name in item.iou},
        "panels": panels,
    }


def _corners(box: Iterable[float]) -> list[float]:
    x, y, width, height = box
    return [_short(x), _short(y), _short(x + width), _short(y + height)]


def _short(value: Any) -> float:
    number = round(float(value), 2)
    return int(number) if math.isfinite(number) and number == int(number) else number
