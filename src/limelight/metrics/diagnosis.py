"""Why a box is wrong: the kinds of localization error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limelight.boxes import CONVENTIONS, iou

if TYPE_CHECKING:
    import numpy as np

KINDS = ("right", "wrong class", "multi-instance", "part", "more", "wrong")
"""Each image is one of these; the first that fits, in the order of `diagnose`."""


def diagnose(
    boxes: np.ndarray, truth: np.ndarray, class_is_right: bool, convention: str, strict: bool
) -> np.ndarray:
    """The kind of error of each box, as an index of `KINDS`.

    "wrong class" where the class is; "right" where the IoU with a ground-truth box reaches 0.5
    (`strict`: exceeds it); "multi-instance" where more than 0.3 of each of several ground-truth
    boxes is covered; then, against the ground-truth box of the best IoU, "part" where more than
    half of the box lies in it, "more" where the box covers at least 0.7 of it; otherwise "wrong".

    Args:
        boxes: (n, 4) as x0, y0, x1, y1.
        truth: (m, 4), m > 0.
        class_is_right: whether the class predicted is the image's.
        convention: "half_open" or "wsol2020".
        strict: as above.

    Returns:
        (n,) small integers.

    Source: Xue et al. 2019 (DANet) and Gao et al. 2021 (TS-CAM).
    """
    import numpy as np

    overlap = iou(boxes, truth, convention)
    best = overlap.argmax(axis=1)
    top = overlap[np.arange(len(boxes)), best]
    of_truth, of_box = _shares(boxes, truth, CONVENTIONS[convention])
    chosen = np.arange(len(boxes)), best
    kind = np.select(
        [
            np.full(len(boxes), not class_is_right),
            top > 0.5 if strict else top >= 0.5,
            (of_truth > 0.3).sum(axis=1) > 1,
            of_box[chosen] > 0.5,
            of_truth[chosen] >= 0.7,
        ],
        [KINDS.index(k) for k in ("wrong class", "right", "multi-instance", "part", "more")],
        KINDS.index("wrong"),
    )
    return kind.astype(np.uint8)


def _shares(boxes: np.ndarray, truth: np.ndarray, one: int) -> tuple[np.ndarray, np.ndarray]:
    """What share of each ground truth, and of each box, their intersection is: (n, m) twice."""
    import numpy as np

    a, b = boxes[:, None, :], truth[None, :, :]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.maximum(high - low + one, 0).prod(axis=-1)
    sizes = [np.maximum(c[..., 2:] - c[..., :2] + one, 0).prod(axis=-1) for c in (b, a)]
    of_truth, of_box = (np.where(size > 0, shared / np.maximum(size, 1e-12), 0) for size in sizes)
    return of_truth, of_box
