"""Reports with known contents: a bright square in noise, with maps that lie on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from limelight.report import Item, Report, Score

METHODS = ("cam", "layercam")


def make_item(number: int, size: tuple[int, int] = (48, 72), **changes: Any) -> Item:
    """Item `number`, whose IoU of "cam" falls with the number and of "layercam" rises."""
    high, wide = size
    random = np.random.default_rng(number)
    image = random.integers(0, 90, (high, wide, 3), np.uint8)
    x0, y0 = 10 + number % 20, 5 + number % 15
    image[y0 : y0 + 20, x0 : x0 + 30] = 240
    cells = np.zeros((6, 9))
    cells[y0 // 8 : y0 // 8 + 3, x0 // 8 : x0 // 8 + 4] = 1
    full = np.zeros(size)
    full[y0 : y0 + 20, x0 : x0 + 30] = 0.9
    item: dict[str, Any] = {
        "id": f"image-{number}.png",
        "image": image,
        "label": "square",
        "predicted": "square" if number % 3 else "circle",
        "probability": 0.875,
        "true_boxes": [[x0, y0, x0 + 30, y0 + 20]],
        "maps": {"cam": cells, "layercam": full},
        "boxes": {
            "cam": [x0 + 1, y0 + 2, x0 + 33, y0 + 25],
            "layercam": np.array([x0, y0, x0 + 29.5, y0 + 20.25]),
        },
        "iou": {"cam": 0.9 - number / 250, "layercam": number / 250},
    }
    return Item(**{**item, **changes})


def make_report(count: int, **changes: Any) -> Report:
    report: dict[str, Any] = {
        "title": "Squares",
        "summary": f"On {count} images the maps find the square with a mean IoU of 0.61.",
        "table": [
            Score("cam", 0.612, (0.598, 0.626), 0.71, 0.93, 0.975, 0.2),
            Score("layercam", 0.655, (0.64, 0.67), 0.8, 0.91, 0.975, 0.15),
            Score("centre box", 0.231, None, 0.04, 0.3, baseline=True),
            Score("whole image", 0.174, None, 0.0, None, baseline=True),
        ],
        "items": [make_item(number) for number in range(count)],
        "settings": {
            "configuration": {"seed": 0, "layer": "features.3"},
            "versions": {"python": "3"},
        },
    }
    return Report(**{**report, **changes})
