"""WSOL metadata read plainly, and the map of the centre baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from limelight.metrics import centre_gaussian, protocol_boxes


def read_wsol(folder: Path) -> list[np.ndarray]:
    """The boxes (n, 4) of each image on the square of 224 × 224 pixels."""
    sizes, boxes = {}, {}
    for line in (folder / "image_sizes.txt").read_text().splitlines():
        name, width, height = line.split(",")
        sizes[name] = int(height), int(width)
    for line in (folder / "localization.txt").read_text().splitlines():
        name, *box = line.split(",")
        boxes.setdefault(name, []).append([float(v) for v in box])
    return [protocol_boxes(boxes[name], size) for name, size in sizes.items()]


def centred(at: float | None) -> np.ndarray:
    """The centred Gaussian on the square, its centre at pixel index `at` both ways."""
    return centre_gaussian((224, 224), None if at is None else (at, at))
