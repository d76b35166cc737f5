"""Boxes: their formats, and how much two of them overlap.

Coordinates are continuous: pixel ``j`` covers ``[j, j + 1)``, x runs to the right, y down. A box
``x0, y0, x1, y1`` is half-open, so that its width is ``x1 - x0``. Everything takes lists, NumPy
arrays and array-API arrays (torch, JAX): what comes in as torch goes out as torch, on its device.
Rows with NaN ("nothing found") stay rows with NaN, and overlap nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from limelight.errors import BoxError, did_you_mean

Size = tuple[float, float]
# (values, height, width, namespace) -> x0, y0, x1, y1; and the way back.
Read = Callable[[Any, float, float, Any], tuple[Any, Any, Any, Any]]
Write = Callable[[Any, Any, Any, Any, float, float], tuple[Any, ...]]


@dataclass(frozen=True)
class Format:
    """One way to write a box.

    Attributes:
        name: what `convert` calls it.
        about: its values in their order.
        shape: of one box: (4,), or (4, 2) for four points.
        normalized: whether x is divided by the image's width and y by its height.
        from_edges: whether it is measured from the image's right and bottom edges.
    """

    name: str
    about: str
    shape: tuple[int, ...]
    normalized: bool
    from_edges: bool
    read: Read
    write: Write


FORMATS: dict[str, Format] = {}
"""Every format by name, as declared below; each also as ``<name>-normalized``."""

CONVENTIONS: dict[str, int] = {"half_open": 0, "wsol2020": 1}
"""What an extent adds to the difference of its ends: 1 where both ends are pixels of the box."""


def _declare(
    name: str,
    about: str,
    read: Read,
    write: Write,
    *,
    shape: tuple[int, ...] = (4,),
    from_edges: bool = False,
    normalized_name: str = "",
) -> None:
    FORMATS[name] = Format(name, about, shape, False, from_edges, read, write)
    for other in filter(None, (f"{name}-normalized", normalized_name)):
        FORMATS[other] = Format(other, f"{about}; 0 to 1", shape, True, from_edges, read, write)


def _columns(b: Any) -> tuple[Any, Any, Any, Any]:
    return b[..., 0], b[..., 1], b[..., 2], b[..., 3]


def _read_xywh(b: Any, height: float, width: float, xp: Any) -> tuple[Any, Any, Any, Any]:
    x, y, w, h = _columns(b)
    return x, y, x + w, y + h


def _read_cxcywh(b: Any, height: float, width: float, xp: Any) -> tuple[Any, Any, Any, Any]:
    x, y, w, h = _columns(b)
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _read_minmax(b: Any, height: float, width: float, xp: Any) -> tuple[Any, Any, Any, Any]:
    x0, x1, y0, y1 = _columns(b)
    return x0, y0, x1, y1


def _read_yxyx(b: Any, height: float, width: float, xp: Any) -> tuple[Any, Any, Any, Any]:
    y0, x0, y1, x1 = _columns(b)
    return x0, y0, x1, y1


def _read_ltrb(b: Any, height: float, width: float, xp: Any) -> tuple[Any, Any, Any, Any]:
    left, top, right, bottom = _columns(b)
    return left, top, width - right, height - bottom


def _read_corners(b: Any, height: float, width: float, xp: Any) -> tuple[Any, Any, Any, Any]:
    low, high = xp.min(b, axis=-2), xp.max(b, axis=-2)
    return low[..., 0], low[..., 1], high[..., 0], high[..., 1]


_declare(
    "xyxy",
    "left, top, right, bottom",
    lambda b, h, w, xp: _columns(b),
    lambda x0, y0, x1, y1, h, w: (x0, y0, x1, y1),
)
_declare(
    "xywh",
    "left, top, width, height",
    _read_xywh,
    lambda x0, y0, x1, y1, h, w: (x0, y0, x1 - x0, y1 - y0),
)
_declare(
    "cxcywh",
    "centre x, centre y, width, height",
    _read_cxcywh,
    lambda x0, y0, x1, y1, h, w: ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0),
)
_declare(
    "minmax",
    "x_min, x_max, y_min, y_max",
    _read_minmax,
    lambda x0, y0, x1, y1, h, w: (x0, x1, y0, y1),
)
_declare(
    "yxyx",
    "top, left, bottom, right",
    _read_yxyx,
    lambda x0, y0, x1, y1, h, w: (y0, x0, y1, x1),
    normalized_name="tfds",
)
_declare(
    "ltrb",
    "distances to the image's left, top, right and bottom edges",
    _read_ltrb,
    lambda x0, y0, x1, y1, h, w: (x0, y0, w - x1, h - y1),
    from_edges=True,
)
_declare(
    "corners",
    "four points (x, y), written clockwise from the top left; read in any order, as the box around",
    _read_corners,
    lambda x0, y0, x1, y1, h, w: (x0, y0, x1, y0, x1, y1, x0, y1),
    shape=(4, 2),
)


def convert(boxes: Any, source: str, target: str, size: Size | None = None) -> Any:
    """The same boxes in another format.

    Args:
        boxes: (…, 4), or (…, 4, 2) for "corners".
        source: the format they are in, a name from `FORMATS`.
        target: the format wanted.
        size: (height, width) of the image in pixels, needed between pixels and normalized, and
            for "ltrb".

    Returns:
        An array of the kind that came in. Whole numbers stay whole where nothing is divided;
        otherwise, and for float16, at least float32.

    Raises:
        BoxError: an unknown format, values that are not boxes, or a size that is missing.

    Example:
        >>> convert([[2, 1, 8, 5]], "xyxy", "xywh").tolist()
        [[2, 1, 6, 4]]
        >>> convert([[2, 1, 8, 5]], "xyxy", "tfds", size=(10, 20)).tolist()
        [[0.1, 0.1, 0.5, 0.4]]
    """
    before, after = _format(source), _format(target)
    xp, b = _array(boxes, before.shape)
    height, width = _size(size, before, after)
    h, w = (1, 1) if before.normalized else (height, width)
    x0, y0, x1, y1 = before.read(b, h, w, xp)
    if before.normalized and not after.normalized:
        x0, y0, x1, y1 = x0 * width, y0 * height, x1 * width, y1 * height
    elif after.normalized and not before.normalized:
        x0, y0, x1, y1 = x0 / width, y0 / height, x1 / width, y1 / height
    h, w = (1, 1) if after.normalized else (height, width)
    values = xp.stack(after.write(x0, y0, x1, y1, h, w), axis=-1)
    return xp.reshape(values, (*values.shape[:-1], *after.shape))


def area(boxes: Any, convention: str = "half_open") -> Any:
    """The area (…) of boxes (…, 4) as x0, y0, x1, y1; zero where an end lies before its start."""
    _, b = _array(boxes)
    one = _one(convention)
    return _length(b[..., 2] - b[..., 0] + one) * _length(b[..., 3] - b[..., 1] + one)


def iou(a: Any, b: Any, convention: str = "half_open") -> Any:
    """Intersection over union of all pairs.

    Args:
        a: (n, 4) boxes as x0, y0, x1, y1.
        b: (m, 4).
        convention: "half_open" (real-valued ends, as `torchvision.ops.box_iou`), or "wsol2020",
            which adds 1 to every extent (Choe et al. 2020).

    Returns:
        (n, m) in 0..1; 0 where both boxes are empty or one of them is NaN.

    Example:
        >>> iou([[0, 0, 4, 4]], [[0, 0, 4, 4], [2, 0, 6, 4], [9, 9, 12, 12]]).round(2).tolist()
        [[1.0, 0.33, 0.0]]
    """
    xp, a, b = _pair(a, b)
    return _iou(a[..., :, None, :], b[..., None, :, :], convention, xp)


def iou_each(a: Any, b: Any, convention: str = "half_open") -> Any:
    """Intersection over union (n,) of box i of `a` (n, 4) and box i of `b` (n, 4); see `iou`."""
    xp, a, b = _pair(a, b)
    if a.shape != b.shape:
        raise BoxError(
            f"iou_each compares boxes one by one and was given {tuple(a.shape)} and"
            f" {tuple(b.shape)}; use iou for all pairs"
        )
    return _iou(a, b, convention, xp)


def clip(boxes: Any, size: Size) -> Any:
    """Boxes (…, 4) as x0, y0, x1, y1, cut at the edges of an image of `size` (height, width).

    Example:
        >>> clip([[-3.0, 2.0, 25.0, 30.0]], (20, 20)).tolist()
        [[0.0, 2.0, 20.0, 20.0]]
    """
    xp, b = _array(boxes)
    x0, y0, x1, y1 = _columns(b)
    height, width = size
    ends = ((x0, width), (y0, height), (x1, width), (y1, height))
    return xp.stack([_between(v, high, xp) for v, high in ends], axis=-1)


def _between(values: Any, high: float, xp: Any) -> Any:
    values = xp.where(values < 0, xp.zeros_like(values), values)
    return xp.where(values > high, xp.zeros_like(values) + high, values)  # NaN is neither


def _length(values: Any) -> Any:
    return values * (values > 0)  # NaN stays NaN


def _iou(a: Any, b: Any, convention: str, xp: Any) -> Any:
    one = _one(convention)
    width = xp.minimum(a[..., 2], b[..., 2]) - xp.maximum(a[..., 0], b[..., 0]) + one
    height = xp.minimum(a[..., 3], b[..., 3]) - xp.maximum(a[..., 1], b[..., 1]) + one
    shared = _length(width) * _length(height)
    union = area(a, convention) + area(b, convention) - shared
    covers = union > 0
    ratio = shared / xp.where(covers, union, xp.ones_like(union))
    return xp.where(covers, ratio, xp.zeros_like(ratio))


def _one(convention: str) -> int:
    if convention not in CONVENTIONS:
        known = " or ".join(map(repr, CONVENTIONS))
        raise BoxError(f"unknown convention {convention!r}, expected {known}")
    return CONVENTIONS[convention]


def _format(name: str) -> Format:
    if name not in FORMATS:
        hint = did_you_mean(str(name), FORMATS) or f"; known are {', '.join(FORMATS)}"
        raise BoxError(f"unknown box format {name!r}{hint}")
    return FORMATS[name]


def _size(size: Size | None, before: Format, after: Format) -> Size:
    if size is None:
        both = before.normalized and after.normalized
        edges = (f for f in (before, after) if f.from_edges and not f.normalized)
        if before.normalized != after.normalized or (not both and any(edges)):
            raise BoxError(
                f"boxes from {before.name!r} to {after.name!r} need size=(height, width) of the"
                " image in pixels"
            )
        return 1, 1
    height, width = size
    if not (height > 0 and width > 0):
        raise BoxError(f"size=({height}, {width}) is no image; expected (height, width) in pixels")
    return height, width


def _array(boxes: Any, shape: tuple[int, ...] = (4,), like: Any = None) -> tuple[Any, Any]:
    """The namespace of `boxes` (of `like` where given) and the boxes as its array."""
    import array_api_compat

    if _foreign(boxes):
        like = boxes
    xp = array_api_compat.array_namespace(like) if like is not None else _numpy()
    device = {"device": array_api_compat.device(like)} if like is not None else {}
    try:
        array = boxes if like is boxes else xp.asarray(boxes, **device)
    except (ValueError, TypeError) as error:
        raise BoxError(f"boxes must be numbers in rows of {shape[-1]}: {error}") from None
    if array.shape == (0,):
        array = xp.reshape(array, (0, *shape))
    if tuple(array.shape[-len(shape) :]) != shape:
        expected = ", ".join(map(str, shape))
        raise BoxError(f"boxes of shape {tuple(array.shape)}, expected (…, {expected})")
    if xp.isdtype(array.dtype, "integral"):
        array = xp.astype(array, xp.int64)  # small and unsigned types would overflow
    elif not xp.isdtype(array.dtype, "real floating"):
        raise BoxError(f"boxes of type {array.dtype}, expected integers or floats")
    elif xp.finfo(array.dtype).bits < 32:
        array = xp.astype(array, xp.float32)
    return xp, array


def _pair(a: Any, b: Any) -> tuple[Any, Any, Any]:
    like = next((x for x in (a, b) if _foreign(x)), None)
    xp, a = _array(a, like=like)
    _, b = _array(b, like=a if like is not None else None)
    return xp, a, b


def _foreign(array: Any) -> bool:
    """Whether this is a torch or JAX array, asked without importing either."""
    for module, name in (("torch", "Tensor"), ("jax", "Array")):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(array, getattr(loaded, name)):
            return True
    return False


def _numpy() -> Any:
    import array_api_compat.numpy

    return array_api_compat.numpy
