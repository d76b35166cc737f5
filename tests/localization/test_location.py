"""Boxes of maps against flood fills and rules written out, with x and y never the same."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limelight.errors import BoxError, MethodError, MissingExtra
from limelight.localization import BOXES, RULES, locate


def flood(seed: tuple[int, int], inside: np.ndarray) -> set[tuple[int, int]]:
    todo, seen = [seed], {seed}
    while todo:
        y, x = todo.pop()
        for near in ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
            in_image = 0 <= near[0] < inside.shape[0] and 0 <= near[1] < inside.shape[1]
            if in_image and inside[near] and near not in seen:
                seen.add(near)
                todo.append(near)
    return seen


def plain_components(values: np.ndarray, inside: np.ndarray) -> list[tuple[int, list[float]]]:
    found, left = [], {(int(y), int(x)) for y, x in np.argwhere(inside)}
    for y, x in sorted(left):
        if (y, x) in left:
            part = flood((y, x), inside)
            left -= part
            ys, xs = [p[0] for p in part], [p[1] for p in part]
            score = max(values[p] for p in part)
            found.append((len(part), [min(xs), min(ys), max(xs) + 1, max(ys) + 1, score]))
    return sorted(found, key=lambda f: -f[0])


def plain_peaks(values: np.ndarray, inside: np.ndarray) -> list[tuple[float, ...]]:
    """Each pixel's plateau climbs, plateau by plateau, to its highest neighbour."""
    boxes: dict[Any, list[tuple[int, int]]] = {}
    for y, x in np.argwhere(inside):
        plateau = flood((int(y), int(x)), inside & (values == values[y, x]))
        while True:
            around = {
                (p[0] + dy, p[1] + dx) for p in plateau for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            }
            around = {
                p for p in around if 0 <= p[0] < values.shape[0] and 0 <= p[1] < values.shape[1]
            }
            top = max(values[p] for p in around)
            if top == values[min(plateau)]:
                break
            plateau = flood(min(p for p in around if values[p] == top), inside & (values == top))
        boxes.setdefault((float(top), min(plateau)), []).append((int(y), int(x)))
    return sorted(
        (
            min(x for _, x in part),
            min(y for y, _ in part),
            max(x for _, x in part) + 1,
            max(y for y, _ in part) + 1,
            top,
        )
        for (top, _), part in boxes.items()
    )


small_maps = arrays(np.float64, (6, 9), elements=st.integers(0, 5).map(lambda v: v / 5))
distinct_maps = st.permutations(range(54)).map(lambda p: np.array(p, float).reshape(6, 9) / 53)


@settings(deadline=None, max_examples=100)
@given(values=small_maps, threshold=st.sampled_from([0.0, 0.2, 0.5, 0.79, 1.0]))
def test_components_against_a_flood_fill(values: np.ndarray, threshold: float) -> None:
    expected = plain_components(values, values > threshold * values.max())
    got = locate(values, threshold, which="all")
    assert sorted(map(tuple, got)) == sorted(tuple(box) for _, box in expected)
    sizes = {tuple(box): n for n, box in expected}
    assert [sizes[tuple(row)] for row in got] == [n for n, _ in expected] or len(sizes) < len(got)
    largest = locate(values, threshold)
    if expected:
        assert tuple(largest) in {tuple(box[:4]) for n, box in expected if n == expected[0][0]}
    else:
        assert np.isnan(largest).all() and got.shape == (0, 5)


@settings(deadline=None, max_examples=60)
@given(values=distinct_maps, threshold=st.sampled_from([0.0, 0.3, 0.8]))
def test_peaks_against_plain_climbing(values: np.ndarray, threshold: float) -> None:
    got = locate(values, threshold, which="peaks")
    assert sorted(map(tuple, got)) == plain_peaks(values, values > threshold * values.max())
    assert (np.diff(got[:, 4]) <= 0).all()


@settings(deadline=None, max_examples=60)
@given(values=small_maps)
def test_peaks_with_plateaus(values: np.ndarray) -> None:
    """Where several neighbours are equally high the way up is free; the peaks are not."""
    got = locate(values, 0.1, which="peaks")
    expected = plain_peaks(values, values > 0.1 * values.max())
    assert sorted(got[:, 4]) == sorted(row[4] for row in expected)
    everything = locate(values, 0.1, which="all")
    for x0, y0, x1, y1, _ in got:
        assert any(a <= x0 and b <= y0 and c >= x1 and d >= y1 for a, b, c, d, _ in everything)


def test_two_bumps_are_one_component_and_two_peaks() -> None:
    y, x = np.mgrid[:40, :90]
    bumps = [np.exp(-((x - cx) ** 2 + (y - 20) ** 2) / 200) for cx in (25, 60)]
    values = bumps[0] + 0.8 * bumps[1]
    assert len(locate(values, which="all")) == 1
    peaks = locate(values, which="peaks")
    assert len(peaks) == 2
    assert peaks[0, 2] == peaks[1, 0]  # they meet in the valley
    assert peaks[0, 0] < 25 < peaks[0, 2] < 60 < peaks[1, 2]
    assert peaks[0, 4] == values.max()


def test_rules() -> None:
    values = np.zeros((10, 20))
    values[2:4, 3:9] = 0.5
    values[6:8, 12:19] = 0.9
    small, both = [12, 6, 19, 8], 2
    assert locate(values, 0.56, "max").tolist() == small  # 0.56 · 0.9 > 0.5
    assert len(locate(values, 0.55, "max", "all")) == both
    assert locate(values, 0.5, "absolute").tolist() == small
    assert len(locate(values, 0.49, "absolute", "all")) == both
    assert locate(values, 1 - 14 / 200, "quantile").tolist() == small
    assert len(locate(values, 0.86, "quantile", "all")) == both
    assert len(locate(values, 0, "otsu", "all")) == both
    assert np.isnan(locate(values, 1.0)).all()


def test_otsu_against_scikit_image() -> None:
    from skimage.filters import threshold_otsu

    rng = np.random.default_rng(2)
    for _ in range(20):
        values = np.abs(rng.normal(0.2, 0.1, (31, 47)))
        values[5:20, 8:40] += rng.uniform(0.1, 0.8)
        cut = RULES["otsu"].cut(values, 0)
        width = np.ptp(values) / 256
        assert cut == pytest.approx(threshold_otsu(values) + width / 2, abs=1e-9)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("values", [np.zeros((4, 7)), np.full((4, 7), -1.0)])
def test_nothing_positive_gives_nan(rule: str, values: np.ndarray) -> None:
    assert np.isnan(locate(values, 0.2, rule)).all()
    assert locate(values, 0.2, rule, "all").shape == (0, 5)
    assert locate(values, 0.2, rule, "peaks").shape == (0, 5)
    assert np.isnan(locate(values, 0.2, rule, rotated=True)).all()


def test_rotated_box_of_an_upright_rectangle_is_that_rectangle() -> None:
    values = np.zeros((30, 50))
    values[4:10, 20:45] = 1
    values[20:22, 3:5] = 1  # a small one, which comes first for findContours
    corners = {tuple(p) for p in locate(values, rotated=True)}
    assert corners == {(20, 4), (45, 4), (45, 10), (20, 10)}
    single = np.zeros((5, 9))
    single[3, 7] = 1
    assert {tuple(p) for p in locate(single, rotated=True)} == {(7, 3), (8, 3), (8, 4), (7, 4)}


@pytest.mark.parametrize("degrees", [10, 30, 45, 70])
def test_rotated_box_finds_the_angle(degrees: float) -> None:
    a = np.radians(degrees)
    y, x = np.mgrid[:120, :200] + 0.5
    along = (x - 110) * np.cos(a) + (y - 60) * np.sin(a)
    across = -(x - 110) * np.sin(a) + (y - 60) * np.cos(a)
    values = ((abs(along) < 40) & (abs(across) < 12)).astype(float)
    corners = locate(values, rotated=True)
    np.testing.assert_allclose(corners.mean(0), (110, 60), atol=1)
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    np.testing.assert_allclose(sorted(sides), [24, 24, 80, 80], atol=2.5)
    long = (corners - np.roll(corners, 1, axis=0))[sides.argmax()]
    assert abs(np.degrees(np.arctan2(long[1], long[0])) % 180 - degrees) < 2


def test_rotated_box_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r'pip install "limelight\[opencv\]"'):
        locate(np.ones((3, 4)), rotated=True)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: locate(m, which="larges"), MethodError, "did you mean 'largest'"),
        (lambda m: locate(m, rule="zz"), MethodError, "there are max, absolute"),
        (lambda m: locate(m, 20), MethodError, "expected 0..1: a fraction of the map's maximum"),
        (lambda m: locate(m, which="all", rotated=True), MethodError, "largest contour"),
        (lambda m: locate(m[None]), BoxError, "(1, 4, 7), expected (H, W)"),
        (lambda m: locate(m / 0), BoxError, "not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:(divide|invalid)")
def test_bad_input_gets_one_sentence(call: Any, error: type, words: str) -> None:
    with pytest.raises(error) as raised:
        call(np.ones((4, 7)))
    assert words in str(raised.value)


def test_every_kind_of_box_is_tested_above() -> None:
    assert set(BOXES) == {"largest", "all", "peaks"}
