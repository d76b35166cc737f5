"""The published evaluator (Choe et al. 2020), threshold by threshold, plainly with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np


def contour_boxes(values: np.ndarray, cut: int, largest_only: bool) -> list[list[int]]:
    """Boxes of the contours of ``values > cut``, in the convention of the protocol."""
    height, width = values.shape
    _, binary = cv2.threshold(values, cut, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return [[0, 0, 0, 0]]
    if largest_only:
        contours = [max(contours, key=cv2.contourArea)]
    found = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        found.append([x, y, min(x + w, width - 1), min(y + h, height - 1)])
    return found


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """All pairs (n, m), with both ends of a box counted."""
    a, b = a[:, None, :], b[None, :, :]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.maximum(0, high - low + 1).prod(-1)
    sizes = [(c[..., 2:] - c[..., :2] + 1).prod(-1) for c in (a, b)]
    return shared / (sizes[0] + sizes[1] - shared)


def best_ious(score_map: np.ndarray, truth: np.ndarray, version: int, step: float) -> np.ndarray:
    """The best IoU (t,) of one map in 0..1 with the boxes `truth` (m, 4) at each threshold."""
    values = (score_map * 255).astype(np.uint8)
    best = []
    for threshold in np.arange(0, 1, step):
        found = contour_boxes(values, int(threshold * values.max()), version == 1)
        best.append(iou(np.array(found), np.asarray(truth)).max())
    return np.array(best)
