"""Boxes against torchvision, plain loops and their own inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limelight import boxes
from limelight.errors import BoxError

SIZE = (30, 50)  # height, width: not square, so that x and y cannot be swapped
KNOWN = {  # the box x 10..25, y 3..9 of an image 50 wide and 30 high, in every format
    "xyxy": [10, 3, 25, 9],
    "xywh": [10, 3, 15, 6],
    "cxcywh": [17.5, 6, 15, 6],
    "minmax": [10, 25, 3, 9],
    "yxyx": [3, 10, 9, 25],
    "ltrb": [10, 3, 25, 21],
    "corners": [[10, 3], [25, 3], [25, 9], [10, 9]],
    "tfds": [0.1, 0.2, 0.3, 0.5],
    "xyxy-normalized": [0.2, 0.1, 0.5, 0.3],
    "xywh-normalized": [0.2, 0.1, 0.3, 0.2],
    "cxcywh-normalized": [0.35, 0.2, 0.3, 0.2],
    "minmax-normalized": [0.2, 0.5, 0.1, 0.3],
    "yxyx-normalized": [0.1, 0.2, 0.3, 0.5],
    "ltrb-normalized": [0.2, 0.1, 0.5, 0.7],
    "corners-normalized": [[0.2, 0.1], [0.5, 0.1], [0.5, 0.3], [0.2, 0.3]],
}
coordinate = st.floats(-200, 200, width=32)
whole = st.integers(-300, 300)


@st.composite
def some_boxes(draw: st.DrawFn, values: st.SearchStrategy[Any] = coordinate) -> np.ndarray:
    """(n, 4) with x0 <= x1 and y0 <= y1, degenerate ones included."""
    rows = draw(st.lists(st.tuples(values, values, values, values), min_size=0, max_size=6))
    a = np.array(rows).reshape(-1, 4)
    return np.concatenate([np.minimum(a[:, :2], a[:, 2:]), np.maximum(a[:, :2], a[:, 2:])], axis=1)


def test_every_declared_format_has_a_known_example() -> None:
    assert set(KNOWN) == set(boxes.FORMATS)


@pytest.mark.parametrize("target", boxes.FORMATS)
@pytest.mark.parametrize("source", boxes.FORMATS)
def test_known_box(source: str, target: str) -> None:
    got = boxes.convert(KNOWN[source], source, target, SIZE)
    np.testing.assert_allclose(got, KNOWN[target], rtol=1e-12)


@pytest.mark.parametrize("name", boxes.FORMATS)
@settings(deadline=None, max_examples=20)
@given(b=some_boxes())
def test_round_trip(name: str, b: np.ndarray) -> None:
    there = boxes.convert(b, "xyxy", name, SIZE)
    assert there.shape == (len(b), *boxes.FORMATS[name].shape)
    np.testing.assert_allclose(boxes.convert(there, name, "xyxy", SIZE), b, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(b=some_boxes(whole))
def test_whole_numbers_stay_whole_where_nothing_is_divided(b: np.ndarray) -> None:
    b = b.astype(int)
    for name in ("xyxy", "xywh", "minmax", "yxyx", "ltrb", "corners"):
        there = boxes.convert(b, "xyxy", name, SIZE)
        assert np.issubdtype(there.dtype, np.integer)
        np.testing.assert_array_equal(boxes.convert(there, name, "xyxy", SIZE), b)
    half = boxes.convert([[0, 0, 3, 5]], "xyxy", "cxcywh")
    np.testing.assert_array_equal(half, [[1.5, 2.5, 3, 5]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16])
def test_small_types_do_not_overflow(dtype: type) -> None:
    b = np.array([[100, 120, 200, 250]], dtype)
    there = boxes.convert(b, "xywh", "xyxy")
    np.testing.assert_array_equal(there, [[100, 120, 300, 370]])
    assert boxes.area(np.array([[0, 0, 2000, 2000]], np.int16)) == 4_000_000
    np.testing.assert_array_equal(
        boxes.convert(np.array([[9, 9, 3, 4]], np.uint8), "xyxy", "xywh"), [[9, 9, -6, -5]]
    )


def test_rows_of_nan_survive_and_overlap_nothing() -> None:
    b = np.array([[1.0, 2, 3, 5], [math.nan] * 4])
    for name in boxes.FORMATS:
        there = boxes.convert(b, "xyxy", name, SIZE)
        assert np.isnan(there[1]).all()
        np.testing.assert_allclose(boxes.convert(there, name, "xyxy", SIZE), b)
    np.testing.assert_array_equal(boxes.clip(b, SIZE), b)
    np.testing.assert_array_equal(boxes.iou(b, b), [[1, 0], [0, 0]])
    np.testing.assert_array_equal(boxes.iou_each(b, b), [1, 0])


def test_corners_are_read_in_any_order() -> None:
    turned = [[[25, 9], [10, 3], [10, 9], [25, 3]], [[5, 0], [0, 5], [5, 10], [10, 5]]]
    got = boxes.convert(turned, "corners", "xyxy")
    np.testing.assert_array_equal(got, [[10, 3, 25, 9], [0, 0, 10, 10]])


def test_normalized_formats_among_themselves_need_no_size() -> None:
    got = boxes.convert(KNOWN["tfds"], "tfds", "cxcywh-normalized")
    np.testing.assert_allclose(got, KNOWN["cxcywh-normalized"])
    got = boxes.convert(KNOWN["tfds"], "tfds", "ltrb-normalized")
    np.testing.assert_allclose(got, KNOWN["ltrb-normalized"])


@pytest.mark.parametrize("empty", [[], np.zeros((0, 4)), np.zeros((0, 4), int)])
def test_no_boxes(empty: Any) -> None:
    assert boxes.convert(empty, "xyxy", "tfds", SIZE).shape == (0, 4)
    assert boxes.convert(empty, "xyxy", "corners").shape == (0, 4, 2)
    assert boxes.iou(empty, [[0, 0, 1, 1]]).shape == (0, 1)
    assert boxes.area(empty).shape == (0,)


def plain_iou(a: Any, b: Any, one: int) -> float:
    def length(p: float, q: float) -> float:
        return max(q - p + one, 0)

    shared = length(max(a[0], b[0]), min(a[2], b[2])) * length(max(a[1], b[1]), min(a[3], b[3]))
    areas = [length(c[0], c[2]) * length(c[1], c[3]) for c in (a, b)]
    union = sum(areas) - shared
    return shared / union if union > 0 else 0.0


@pytest.mark.parametrize(("convention", "one"), boxes.CONVENTIONS.items())
@settings(deadline=None, max_examples=40)
@given(a=some_boxes(), b=some_boxes(whole))
def test_iou_against_a_plain_loop(convention: str, one: int, a: np.ndarray, b: np.ndarray) -> None:
    expected = np.array([[plain_iou(p, q, one) for q in b] for p in a]).reshape(len(a), len(b))
    got = boxes.iou(a, b, convention)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    np.testing.assert_allclose(boxes.iou(b, a, convention), got.T, atol=1e-12)
    n = min(len(a), len(b))
    np.testing.assert_allclose(
        boxes.iou_each(a[:n], b[:n], convention), np.diagonal(got[:n, :n]), atol=1e-12
    )


def test_published_convention_counts_both_ends() -> None:
    assert boxes.iou([[0, 0, 0, 0]], [[0, 0, 0, 0]], "wsol2020") == 1
    assert boxes.iou([[0, 0, 0, 0]], [[0, 0, 0, 0]]) == 0
    assert boxes.iou([[0, 0, 9, 4]], [[5, 0, 14, 4]], "wsol2020") == pytest.approx(25 / 75)
    assert boxes.area([[0, 0, 9, 4]], "wsol2020") == 50
    assert boxes.area([[0, 0, 9, 4], [5, 0, 2, 4]]).tolist() == [36, 0]


@pytest.mark.torch
def test_iou_and_area_against_torchvision() -> None:
    import torch
    from torchvision.ops import box_area, box_convert, box_iou

    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 300, (60, 2, 2)).astype(np.float32)
    b = np.concatenate([corners.min(1), corners.max(1)], 1)
    b[:20] = np.floor(b[:20])
    t = torch.from_numpy(b)
    ours = boxes.iou(t, t[:25])
    assert isinstance(ours, torch.Tensor) and ours.dtype == torch.float32
    torch.testing.assert_close(ours, box_iou(t, t[:25]))
    torch.testing.assert_close(boxes.area(t), box_area(t))
    np.testing.assert_allclose(boxes.iou(b, b[:25]), box_iou(t, t[:25]), rtol=1e-6)
    for name in ("xywh", "cxcywh"):
        torch.testing.assert_close(boxes.convert(t, "xyxy", name), box_convert(t, "xyxy", name))
        torch.testing.assert_close(
            boxes.convert(t, name, "xyxy"), box_convert(t, name, "xyxy"), rtol=0, atol=1e-4
        )


@pytest.mark.torch
def test_torch_in_torch_out() -> None:
    import torch

    b = torch.tensor(KNOWN["xyxy"])
    for name in boxes.FORMATS:
        there = boxes.convert(b, "xyxy", name, SIZE)
        assert isinstance(there, torch.Tensor)
        np.testing.assert_allclose(there, KNOWN[name], rtol=1e-6)
    mixed = boxes.iou([KNOWN["xyxy"]], b[None])
    assert isinstance(mixed, torch.Tensor) and mixed.tolist() == [[1.0]]
    assert isinstance(boxes.clip(b, (5, 20)), torch.Tensor)
    assert boxes.clip(b, (5, 20)).tolist() == [10, 3, 20, 5]
    half = torch.tensor([[0, 0, 3000, 1]], dtype=torch.float16)
    assert boxes.area(half).tolist() == [3000]


@settings(deadline=None, max_examples=40)
@given(b=some_boxes())
def test_clip_keeps_the_part_inside(b: np.ndarray) -> None:
    cut = boxes.clip(b, SIZE)
    image = np.array([[0, 0, SIZE[1], SIZE[0]]])
    assert (cut >= 0).all() and (cut[:, 2] <= SIZE[1]).all() and (cut[:, 3] <= SIZE[0]).all()
    inside = [
        max(min(x1, SIZE[1]) - max(x0, 0), 0) * max(min(y1, SIZE[0]) - max(y0, 0), 0)
        for x0, y0, x1, y1 in b
    ]
    np.testing.assert_allclose(boxes.area(cut), inside, atol=1e-9)
    np.testing.assert_array_equal(boxes.clip(cut, SIZE), cut)
    np.testing.assert_allclose(boxes.iou(image, b) > 0, boxes.iou(image, cut) > 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: boxes.convert([[1, 2, 3, 4]], "XYXY", "xywh"), "did you mean 'xyxy'"),
        (lambda: boxes.convert([[1, 2, 3, 4]], "xyxy", "q"), "known are xyxy, "),
        (lambda: boxes.convert([[1, 2, 3, 4]], "xyxy", "tfds"), "size=(height, width)"),
        (lambda: boxes.convert([[1, 2, 3, 4]], "ltrb", "xywh"), "size=(height, width)"),
        (lambda: boxes.convert([[1, 2, 3, 4]], "xyxy", "tfds", (0, 5)), "size=(0, 5)"),
        (lambda: boxes.convert([[1, 2, 3]], "xyxy", "xywh"), "(1, 3), expected (…, 4)"),
        (lambda: boxes.convert([[1, 2, 3, 4]], "corners", "xywh"), "(1, 4), expected (…, 4, 2)"),
        (lambda: boxes.convert([[1, 2, 3, 4], [1]], "xyxy", "xywh"), "rows of 4"),
        (lambda: boxes.convert([["a", "b", "c", "d"]], "xyxy", "xywh"), "integers or floats"),
        (lambda: boxes.iou([[1, 2, 3, 4]], [[1, 2, 3, 4]], "closed"), "'half_open' or 'wsol2020'"),
        (lambda: boxes.iou_each([[1, 2, 3, 4]] * 2, [[1, 2, 3, 4]]), "use iou for all pairs"),
    ],
)
def test_bad_input_gets_one_sentence(call: Any, words: str) -> None:
    with pytest.raises(BoxError) as error:
        call()
    assert words in str(error.value)
    assert "\n" not in str(error.value)
