"""The two pointing games and mean IoU against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight.localization import locate
from limelight.metrics import energy_pointing_game, mean_iou, pointing_game

SIZE = (24, 41)  # not square


def made(count: int = 60) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(6)
    maps = rng.random((count, 6, 8)).repeat(4, axis=1).repeat(6, axis=2)[:, :, : SIZE[1]]
    maps = maps * np.linspace(0.5, 1, SIZE[1]) + rng.random((count, *SIZE)) * 0.05
    boxes = []
    for _ in range(count):
        n = rng.integers(1, 4)
        corner = rng.uniform((-3, -3), (38, 20), (n, 2))
        boxes.append(np.concatenate([corner, corner + rng.uniform(0.5, 12, (n, 2))], axis=1))
    return maps, boxes, rng.integers(0, 4, count) ** 2


def touches(box: Any, x: int, y: int) -> bool:
    """Whether the pixel (x, y), which covers x..x+1 and y..y+1, shares area with the box."""
    return bool(box[0] < x + 1 and box[2] > x and box[1] < y + 1 and box[3] > y)


def plain_hit(values: np.ndarray, boxes: np.ndarray, tolerance: float) -> bool:
    best, at = -np.inf, (0, 0)
    for y in range(SIZE[0]):
        for x in range(SIZE[1]):
            if values[y, x] > best:
                best, at = values[y, x], (x, y)
    return any(
        touches(box, x, y) and (x - at[0]) ** 2 + (y - at[1]) ** 2 < max(tolerance**2, 1e-9)
        for box in boxes
        for y in range(SIZE[0])
        for x in range(SIZE[1])
    )


@pytest.mark.parametrize("tolerance", [0, 3, 5])
def test_pointing_against_plain_loops(tolerance: float) -> None:
    maps, boxes, labels = made()
    hits = np.array([plain_hit(m, b, tolerance) for m, b in zip(maps, boxes, strict=True)])
    result = pointing_game(maps, boxes, labels, tolerance=tolerance)
    per_class = {int(c): hits[labels == c].mean() for c in np.unique(labels)}
    assert result.per_class == pytest.approx(per_class)
    assert result.value == pytest.approx(np.mean(list(per_class.values())))
    assert result.details["hits"] == hits.sum()
    assert result.details["over all images"] == pytest.approx(hits.mean())
    assert result.value != pytest.approx(hits.mean())
    one_class = pointing_game(maps, boxes, tolerance=tolerance)
    assert one_class.value == pytest.approx(hits.mean())
    assert 0 < hits.mean() < 1


def test_pointing_of_a_known_point() -> None:
    values = np.zeros((100, 160))
    values[40, 90] = 1
    for gap, hit in ((14, 1), (15, 0)):  # without the tolerance itself
        truth = [[[90 + gap, 0, 160, 100]]]
        assert pointing_game([values], truth).value == hit
        assert pointing_game([values], [[[0, 0, 160, 41 - gap]]]).value == hit
    assert pointing_game([values], [[[101, 51, 160, 100]]]).value == 0  # 11 and 11: 15.6 away
    assert pointing_game([values], [[[100, 50, 160, 100]]]).value == 1
    assert pointing_game([np.ones((9, 5))], [[[0, 0, 5, 9]]]).value == 0  # points nowhere


def test_energy_against_plain_loops() -> None:
    maps, boxes, labels = made()
    shares = []
    for values, truth in zip(maps, boxes, strict=True):
        inside = 0.0
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                inside += values[y, x] * any(touches(b, x, y) for b in truth)
        shares.append(inside / values.sum())
    result = energy_pointing_game(maps, boxes, labels)
    assert result.value == pytest.approx(np.mean(shares))
    assert result.per_class[4] == pytest.approx(np.mean(np.array(shares)[labels == 4]))
    rows = [np.array([[2.0, 5.0, 30.0, 6.0]])]  # rows are y
    striped = np.zeros(SIZE)
    striped[5] = 1
    assert energy_pointing_game([striped], rows).value == pytest.approx(28 / 41)
    assert energy_pointing_game([np.zeros(SIZE)], rows).value == 0


@pytest.mark.parametrize("rule", ["max", "absolute"])
@pytest.mark.parametrize(("convention", "one"), [("half_open", 0), ("wsol2020", 1)])
def test_mean_iou_against_plain_loops(rule: str, convention: str, one: int) -> None:
    maps, boxes, labels = made()
    maps[3] = 0  # nothing is found
    each = []
    for values, truth in zip(maps, boxes, strict=True):
        box = locate(values, 0.7, rule)
        overlaps = [0.0]
        if not np.isnan(box).any():
            edges = np.array([SIZE[1], SIZE[0], SIZE[1], SIZE[0]]) - [0, 0, one, one]
            p = np.minimum(box, edges)
            for b in truth:
                w = min(p[2], b[2]) - max(p[0], b[0]) + one
                h = min(p[3], b[3]) - max(p[1], b[1]) + one
                shared = max(w, 0) * max(h, 0)
                areas = [(c[2] - c[0] + one) * (c[3] - c[1] + one) for c in (p, b)]
                overlaps.append(shared / (sum(areas) - shared))
        each.append(max(overlaps))
    result = mean_iou(maps, boxes, labels, 0.7, rule, convention)
    assert result.value == pytest.approx(np.mean(each))
    assert each[3] == 0
    assert result.details["median"] == pytest.approx(np.median(each))
    assert result.details["share@0.3"] == pytest.approx(np.mean(np.array(each) >= 0.3))
    assert result.details["lower quartile"] <= result.details["median"]
    assert result.per_class[1] == pytest.approx(np.mean(np.array(each)[labels == 1]))
