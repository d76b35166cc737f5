"""Boxes of maps, each in pixels of its own image and in the notation asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy

if TYPE_CHECKING:
    import numpy as np

    from limelight.frames import Frame
    from limelight.maps.result import Maps


def boxes_of(
    maps: Maps, cut: float, rule: str, which: str, rotated: bool, format: str, normalizer: str
) -> Any:
    """What `Maps.boxes` returns, of maps that are refined already; arguments as there."""
    import numpy as np

    from limelight import boxes as formats
    from limelight.localization import locate

    def box(map_: np.ndarray, frame: Frame) -> np.ndarray:
        found = locate(map_, cut, rule, which, rotated)
        if rotated or format == "xyxy":
            return found
        rewritten = formats.convert(found[..., :4], "xyxy", format, frame.original_size)
        if which == "largest":
            return rewritten
        flat = rewritten.reshape(len(found), math.prod(rewritten.shape[1:]))
        return np.concatenate([flat, found[:, 4:]], axis=1)

    found: list[Any] = []
    for frame, of_image in zip(maps.frames, maps.resized(normalizer), strict=True):
        host = to_numpy(of_image)
        if host.ndim == 2:
            found.append(box(host, frame))
        else:
            each = [box(map_, frame) for map_ in host]
            found.append(np.stack(each) if which == "largest" else each)
    return np.stack(found) if which == "largest" else found
