"""The items of a report as data for its script, which shows and boxes them."""

from __future__ import annotations

import math
import os
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from limelight.draw.browser import SMALL, color_tables, image_uri, packed_map
from limelight.errors import LimelightError, RunError
from limelight.frames import Frame
from limelight.report.cases import describe, upright
from limelight.report.contents import Item, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np

_MANY = 60  # items, from which on pictures are smaller
_SIDE, _SIDE_OF_MANY = 480, 320  # pixels of the longer side of a picture
_QUALITY, _QUALITY_OF_MANY = 85, 70
_MOST_WORKERS = 8


def page_data(report: Report, lead: str | None, colormap: str) -> dict[str, Any]:
    """All that the script shows, without pictures."""
    names = dict.fromkeys(method for item in report.items for method in item.maps)
    for item in report.items:
        names |= dict.fromkeys(name for lines in item.curves.values() for name in lines)
    scored = dict.fromkeys(name for item in report.items for name in item.iou)
    return {
        "lead": lead,
        "methods": list(names),
        "axes": {name: list(report.axes.get(name, [name])) for name in names},
        "scored": list(scored),
        "thresholds": {score.name: score.threshold for score in report.table},
        "tables": color_tables(colormap),
        "items": [heading(item) for item in report.items],
    }


def heading(item: Item) -> dict[str, Any]:
    """What an item is filtered and sorted by, and what stands above its pictures."""
    return {
        "id": item.id,
        "label": item.label,
        "predicted": item.predicted,
        "probability": item.probability,
        "correct": item.correct,
        "iou": {name: item.overlap(name) for name in item.iou},
    }


def cards(items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    """The pictures of each item as plain values, in their order.

    Images are read one after another, as whatever reads them may need; several processors make the
    pictures.

    Raises:
        RunError: an item cannot be drawn.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    begun: deque[tuple[Item, Future[dict[str, Any]]]] = deque()

    def first() -> dict[str, Any]:
        item, made = begun.popleft()
        return drawn(made.result, item)

    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            begun.append((item, pool.submit(card, item, drawn(item.pixels, item), len(items))))
            if len(begun) > 2 * workers:
                yield first()
        while begun:
            yield first()


def drawn(draw: Callable[[], Any], item: Item) -> Any:
    """What `draw` returns.

    Raises:
        RunError: it cannot be drawn; the message names the item.
    """
    try:
        return draw()
    except LimelightError as error:
        raise RunError(f"item {item.id!r} of the report cannot be drawn: {error}") from error


def card(item: Item, pixels: np.ndarray, many: int) -> dict[str, Any]:
    """The pictures of an item as plain values, on a page with so `many`.

    Raises:
        ImageError, BoxError: its maps or boxes are not what `Item` says.
    """
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
                "note": item.notes.get(name, ""),
            }
        )
    return {
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
        "panels": panels,
        "curves": {
            title: {name: [_rough(value) for value in values] for name, values in lines.items()}
            for title, lines in item.curves.items()
        },
    }


def _corners(box: Iterable[float]) -> list[float]:
    x, y, width, height = box
    return [_short(x), _short(y), _short(x + width), _short(y + height)]


def _rough(value: float) -> float | None:
    """Three digits that count, which is more than a small chart shows; None where not finite."""
    return float(f"{value:.3g}") if math.isfinite(value) else None


def _short(value: Any) -> float:
    number = round(float(value), 2)
    return int(number) if math.isfinite(number) and number == int(number) else number
