"""Maps refined with the help of the image: a coarse map is drawn to the image's own edges.

Every module of this package is found by itself: a new refiner is a formula in one of them, or in a
module of its own, and its test.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

from limelight.errors import ImageError, MethodError, did_you_mean
from limelight.localization.refinement.declaration import Refinement, Refiner, _registry
from limelight.localization.refinement.guide import guide_of
from limelight.specs import parse_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from limelight.frames import Frame

__all__ = ["Refinement", "Refiner", "find_refinement", "guide_of", "list_refiners", "refine"]


@cache
def _load_all() -> dict[str, Refiner]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _registry


def list_refiners() -> list[Refiner]:
    """Every refiner, with its paper and its options, in order of name."""
    return [refiner for _, refiner in sorted(_load_all().items())]


def find_refinement(spec: str) -> Refinement:
    """The refiner and its options of a text like "grabcut" or "grabcut:iterations=3".

    Raises:
        MethodError: there is no such refiner, or it does not have an option or such a value of it.
    """
    name, options = parse_spec(str(spec), "refiner")
    registry = _load_all()
    if name not in registry:
        raise MethodError(
            f"there is no refiner {name!r}"
            + (did_you_mean(name, registry) or f"; there are {', '.join(sorted(registry))}")
        )
    return registry[name].with_options(options)


def refine(
    maps: Any,
    pictures: Sequence[np.ndarray],
    kind: str,
    frames: Sequence[Frame] | None = None,
) -> np.ndarray:
    """Maps refined with the help of their images.

    Each map is normalized by "max", carried to the pixels of the model's input (at most 256 along
    the longer side) and refined there, with what lies there of the image; what the model has not
    seen of the image stays out. A map that is nowhere positive, is constant or has values that are
    not finite holds nothing to refine: it is only carried.

    Args:
        maps: (N, h, w) or (N, K, h, w), raw.
        pictures: N uint8 arrays (H, W, 3): the images, upright, in original pixels.
        kind: a name from `list_refiners`, with options as in "grabcut:iterations=3".
        frames: where each map's input lies in its image; None: a map covers its whole image. Their
            inputs have one size.

    Returns:
        (N, h', w') or (N, K, h', w') float32, in 0..1, in the same frames.

    Raises:
        MethodError: as `find_refinement`.
        ImageError: there are not N pictures, or they are not of one size.
        MissingExtra: the refiner needs a library that is not installed.
    """
    import numpy as np

    from limelight.frames import Frame as Whole

    refinement = find_refinement(kind)
    values = np.asarray(maps, np.float32)
    if len(pictures) != len(values):
        raise ImageError(f"{len(pictures)} pictures were given to refine {len(values)} maps")
    if frames is None:
        frames = [Whole.identity((p.shape[0], p.shape[1])) for p in pictures]
    if len({frame.input_size for frame in frames}) > 1:
        raise ImageError("maps of inputs of several sizes were given: refine each by itself")
    refined = []
    for each, picture, frame in zip(values, pictures, frames, strict=True):
        guide = guide_of(picture, frame)
        several = each.reshape(-1, *each.shape[-2:])
        done = np.stack([refinement(one, guide) for one in several])
        refined.append(done.reshape(*each.shape[:-2], *done.shape[-2:]))
    return np.stack(refined) if refined else np.zeros(values.shape, np.float32)
