"""Maps that are refined from deep layers to shallow ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limelight.evidence import Evidence
from limelight.methods.composition import Base, map_of
from limelight.methods.declaration import method
from limelight.methods.reduce import divide_by_maximum, resize


def _refine(xp: Any, maps: Sequence[Any], activations: Sequence[Any]) -> Any:
    """The product of `maps` (N, h, w), deepest first, each brought to the grid of the next."""
    refined = divide_by_maximum(xp, maps[0])
    for map in maps[1:]:
        larger = resize(xp, refined, (int(map.shape[-2]), int(map.shape[-1])))
        refined = divide_by_maximum(xp, larger * divide_by_maximum(xp, map))
    return refined


@method(
    "refinecam",
    title="RefineCAM",
    paper="Domeniconi et al. 2026",
    needs={"activations", "gradients"},
    across=_refine,
)
def refinecam(e: Evidence, *, base: Base = "gradcam++") -> Any:
    """M = M_1 · up(M_2 · up(M_3 …)), of the maps of `base` at several layers.

    M_1 is that of the shallowest layer. Each map is divided by its maximum (0 where nothing is
    positive), brought to the grid of the next by half-pixel bilinear interpolation, multiplied into
    it, and divided by its maximum again. Where no layers are given, they are the last ones of the
    model's three deepest stages, stage 2 to 4 of a ResNet.

    Source: Domeniconi et al., "How to Evaluate and Refine your CAM", arXiv 2605.14641.
    """
    return map_of(base, e)
