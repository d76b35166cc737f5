"""GrabCut seeded by the map, by OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.errors import require
from limelight.localization.refinement.declaration import refiner

if TYPE_CHECKING:
    import numpy as np


@refiner("grabcut", title="GrabCut", paper="Rother 2004", weight=0.5)
def grabcut(
    values: np.ndarray,
    image: np.ndarray,
    *,
    sure: float = 0.7,
    probable: float = 0.3,
    never: float = 0.05,
    iterations: int = 3,
) -> np.ndarray:
    """1 in the object that GrabCut cuts out around the map, 0 outside.

    The map seeds the cut: foreground above `sure`, probable foreground above `probable`,
    background below `never`, and probable background between. With a weight of 1 the mask would
    leave a threshold nothing to choose.

    Args:
        values: (h, w) map, in 0..1.
        image: (h, w, 3) uint8.
        sure, probable, never: fractions of the map's maximum.
        iterations: of the cut.

    Raises:
        MissingExtra: OpenCV is not installed.

    Source: Rother, Kolmogorov and Blake, "GrabCut: Interactive Foreground Extraction using Iterated
    Graph Cuts", SIGGRAPH 2004.
    """
    import numpy as np

    cv2 = require("cv2", "opencv", "maps refined by grabcut")
    level = values / values.max()
    seeds = np.full(values.shape, cv2.GC_PR_BGD, np.uint8)
    seeds[level > probable] = cv2.GC_PR_FGD
    seeds[level > sure] = cv2.GC_FGD
    seeds[level < never] = cv2.GC_BGD
    inside = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
    if inside.any() and not inside.all() and iterations:
        cv2.setRNGSeed(0)  # its mixtures start from random colours
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(image, seeds, None, *models, iterations, cv2.GC_INIT_WITH_MASK)
        inside = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
    return inside.astype(np.float32)
