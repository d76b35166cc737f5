"""A picture with an object, and the coarse map that a network would give of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from limelight.boxes import iou
from limelight.localization import locate


@dataclass
class Scene:
    """An ellipse of one colour on another, noisy; a blob of 7 × 7 cells that lies beside it."""

    image: np.ndarray
    map: np.ndarray
    box: np.ndarray

    def iou_of(self, values: np.ndarray, threshold: float = 0.3) -> float:
        return float(iou(locate(values, threshold)[None], self.box[None])[0, 0])


@pytest.fixture(scope="session")
def scene() -> Scene:
    y, x = np.mgrid[:112, :140]
    inside = ((x - 85) / 38) ** 2 + ((y - 50) / 24) ** 2 < 1
    rng = np.random.default_rng(5)
    image = np.where(inside[..., None], (190, 120, 60), (60, 110, 90)) + rng.normal(
        0, 12, (112, 140, 3)
    )
    cy, cx = np.mgrid[:7, :7]
    blob = np.exp(-((cx - 3.4) ** 2 + (cy - 2.4) ** 2) / 2.5).astype(np.float32)
    box = np.array([47, 26, 124, 75], float)
    return Scene(np.clip(image, 0, 255).astype(np.uint8), blob, box)
