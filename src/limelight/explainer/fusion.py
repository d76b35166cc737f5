"""One map of several layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from limelight.arrays import like, namespace
from limelight.frames import Frame
from limelight.localization import normalize
from limelight.methods import Method
from limelight.methods.declaration import Formula

FUSIONS = ("mean", "max")


def fuse_layers(maps: Mapping[str, Any], method: Method, how: str) -> Any:
    """The mean or elementwise maximum of maps (N, K, h, w) of several layers.

    Each is divided by its maximum and brought to the finest grid. Where the method says so
    (`Method.early`), the maps of all but the deepest layer, the last one of the coarsest grid, are
    scaled first.
    """
    values = list(maps.values())
    xp = namespace(values[0])
    cells = [each.shape[-2] * each.shape[-1] for each in values]
    deepest = max(i for i, count in enumerate(cells) if count == min(cells))
    finest = values[cells.index(max(cells))]
    frame = Frame.identity((int(finest.shape[-2]), int(finest.shape[-1])))
    fused: Any = None
    for i, each in enumerate(values):
        if method.early is not None and i != deepest:
            n, k, *grid = each.shape
            flat = xp.reshape(each, (n * k, *grid))
            each = xp.reshape(method.early(xp, flat), (n, k, *grid))
        rows, columns, _ = frame.resampling((int(each.shape[-2]), int(each.shape[-1])))
        each = xp.matmul(
            xp.matmul(like(rows, each), normalize(each, "max", xp)),
            like(columns.T.copy(), each),
        )
        if fused is None:
            fused = each
        else:
            fused = fused + each if how == "mean" else xp.maximum(fused, each)
    return fused / len(values) if how == "mean" else fused


def across_layers(maps: Mapping[str, Any], activations: Mapping[str, Any], across: Formula) -> Any:
    """One map of maps (N, K, h, w) of several layers, by a method's own formula.

    `activations`: (N, C, h, w) of the same layers. Of layers with a grid of one size, the later one
    is the deeper.
    """
    later_first = list(maps)[::-1]
    deepest_first = sorted(later_first, key=lambda name: math.prod(maps[name].shape[-2:]))
    xp = namespace(maps[deepest_first[0]])
    features = [activations[name] for name in deepest_first]
    return xp.stack(
        [
            across(xp, [maps[name][:, k] for name in deepest_first], features)
            for k in range(maps[deepest_first[0]].shape[1])
        ],
        axis=1,
    )
