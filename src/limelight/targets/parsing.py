"""What a user may give as the target, in one form: K classes for each of N images."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limelight.errors import TargetError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Target:
    """The classes to explain.

    Attributes:
        index: (N, K) class indices, or None.
        top: explain each image's own `top` best classes; 0 where `index` or `function` is given.
        function: a callable on the model's output returning one score per image (N,), or None.
        single: one class per image was asked for, so that results have no axis for K.
    """

    index: np.ndarray | None = None
    top: int = 0
    function: Callable[[Any], Any] | None = None
    single: bool = True

    def part(self, start: int, stop: int) -> np.ndarray | None:
        """The classes of the images `start` to `stop`."""
        return None if self.index is None else self.index[start:stop]

    def check(self, classes: int) -> None:
        """Raise `TargetError` where a class is asked for that the model does not have."""
        if self.top > classes:
            raise TargetError(
                f"the top {self.top} classes were asked for, but the model has {classes}"
            )
        if self.index is None:
            return
        outside = self.index[(self.index < 0) | (self.index >= classes)]
        if outside.size:
            raise TargetError(
                f"class {outside[0]} was asked for, but the model has {classes} classes, "
                f"0 to {classes - 1}"
            )


def parse_target(target: Any, images: int, name_to_index: Callable[[str], int]) -> Target:
    """The `Target` that a user means, for a call with `images` images.

    `target`: None (each image's own top class), an int or a class name (for all images), a
    sequence of N of them (one per image), an (N, K) or (1, K) array of them (K per image), "top5"
    and the like, or a callable on the model's output.

    Raises:
        TargetError: it has another length or type, or a name is not known.
    """
    import numpy as np

    if target is None:
        return Target(top=1)
    if isinstance(target, str) and (top := re.fullmatch(r"top(\d+)", target)):
        if int(top[1]) < 1:
            raise TargetError(f"target={target!r} asks for no class; 'top1' is the smallest")
        return Target(top=int(top[1]), single=False)
    if callable(target):
        return Target(function=target)
    if hasattr(target, "detach"):
        target = target.detach().cpu()
    try:
        given = np.asarray(target)
    except ValueError:
        raise TargetError(
            "the rows of target= have different lengths; (N, K) needs K classes for every image"
        ) from None
    if given.dtype.kind == "U" or isinstance(target, list | tuple):
        given = _without_names(np.asarray(target, dtype=object), given, name_to_index)
    if given.dtype.kind not in "iu":
        raise TargetError(
            f"target={target!r} is not a class: give an index, a class name, one per image, an "
            "(N, K) array of them, 'top5', or a callable on the model's output"
        )
    given = given.astype(np.int64)
    if given.ndim == 0:
        return Target(np.full((images, 1), given))
    if given.ndim == 1:
        if len(given) != images:
            raise TargetError(
                f"{len(given)} targets were given for {images} images; one-dimensional targets are "
                f"one per image. For {len(given)} classes of every image give the two-dimensional "
                f"form, target=[{given.tolist()}]"
            )
        return Target(given[:, None])
    if given.ndim == 2 and given.shape[0] in (1, images) and given.shape[1] > 0:
        return Target(np.broadcast_to(given, (images, given.shape[1])).copy(), single=False)
    raise TargetError(
        f"target has the shape {given.shape}; for {images} images it is one class, ({images},), "
        f"({images}, K) or (1, K)"
    )


def _without_names(
    objects: np.ndarray, given: np.ndarray, name_to_index: Callable[[str], int]
) -> np.ndarray:
    """`given` with indices for the names among its elements, which are `objects`.

    NumPy would make names of the numbers beside them, and numbers of truth values; those are left
    to be refused.
    """
    import numpy as np

    kinds = {type(each) for each in objects.flat}
    if kinds & {bool, np.bool_}:
        return objects
    if not kinds & {str, np.str_}:
        return given
    return np.array(
        [name_to_index(str(each)) if isinstance(each, str) else each for each in objects.flat]
    ).reshape(objects.shape)
