"""GrabCut seeded by the map, by OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.errors import require
from limelight.localization.refinement.declaration import refiner
from limelight.localization.refinement.scaling import shrunk, stretched

if TYPE_CHECKING:
    import numpy as np

_SIDE = 128  # pixels along the longer side: at 224 the same boxes cost three times as much


@refiner("grabcut", title="GrabCut", paper="Rother 2004", weight=0.5)
def grabcut(
    values: np.ndarray,
    image: np.ndarray,
    *,
    sure: float = 1.5,
    probable: float = 0.8,
    never: float = 0.1,
    iterations: int = 3,
) -> np.ndarray:
    """1 in the object that GrabCut cuts out around the map, 0 outside.

    The map seeds the cut: foreground above `sure`, probable foreground above `probable`,
    background below `never`, and probable background between, all in units of the map's mean, since
    maps of some methods light a small part of the image and those of others half of it. With a
    weight of 1 the mask would leave a threshold nothing to choose. The cut is made on at most 128
    pixels along the longer side.

    Args:
        values: (h, w) map, in 0..1.
        image: (h, w, 3) uint8.
        sure, probable, never: multiples of the map's mean.
        iterations: of the cut.

    Raises:
        MissingExtra: OpenCV is not installed.

    Source: Rother, Kolmogorov and Blake, "GrabCut: Interactive Foreground Extraction using Iterated
    Graph Cuts", SIGGRAPH 2004.
    """
    import numpy as np

    cv2 = require("cv2", "opencv", "maps refined by grabcut")
    level, small = shrunk(values, image, _SIDE)
    level = level / level.mean()
    seeds = np.full(level.shape, cv2.GC_PR_BGD, np.uint8)
    seeds[level > probable] = cv2.GC_PR_FGD
    seeds[level > sure] = cv2.GC_FGD
    seeds[level < never] = cv2.GC_BGD
    inside = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
    if inside.any() and not inside.all() and iterations:
        cv2.setRNGSeed(0)  # its mixtures start from random colours
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(small, seeds, None, *models, iterations, cv2.GC_INIT_WITH_MASK)
        inside = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
    return stretched(inside.astype(np.float32), values.shape)
