"""Targets: every form that a user may give, and what each means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight.errors import TargetError
from limelight.targets.parsing import Target, parse_target

NAMES = {"tench": 0, "bull mastiff": 243, "tiger cat": 282}


def parse(target: Any, images: int = 3) -> Target:
    return parse_target(target, images, NAMES.__getitem__)


def arrays_of(values: Any) -> list[Any]:
    """The same values as users have them."""
    torch = pytest.importorskip("torch")
    plain = np.asarray(values)
    return [
        values,
        plain,
        plain.astype(np.int32),
        plain.astype(np.uint8),
        torch.tensor(values),
        torch.tensor(values, dtype=torch.int32),
    ]


def test_none_is_each_images_own_top_class() -> None:
    found = parse(None)
    assert (found.top, found.single, found.index, found.function) == (1, True, None, None)


@pytest.mark.parametrize(("text", "count"), [("top1", 1), ("top5", 5), ("top12", 12)])
def test_top_k(text: str, count: int) -> None:
    found = parse(text)
    assert (found.top, found.single, found.index) == (count, False, None)


def test_one_class_for_all() -> None:
    for value in arrays_of(7):
        found = parse(value)
        assert found.single and found.top == 0
        np.testing.assert_array_equal(found.index, [[7], [7], [7]])
        assert found.index is not None and found.index.dtype == np.int64


def test_one_class_per_image() -> None:
    torch = pytest.importorskip("torch")
    for value in [*arrays_of([4, 0, 2]), (4, 0, 2), [torch.tensor(4), np.int64(0), 2]]:
        found = parse(value)
        assert found.single
        np.testing.assert_array_equal(found.index, [[4], [0], [2]])


def test_several_classes_per_image() -> None:
    for value in arrays_of([[1, 2], [3, 4], [5, 6]]):
        found = parse(value)
        assert not found.single
        np.testing.assert_array_equal(found.index, [[1, 2], [3, 4], [5, 6]])
    for value in arrays_of([[8, 9, 9]]):
        found = parse(value)
        assert not found.single
        np.testing.assert_array_equal(found.index, [[8, 9, 9]] * 3)
    np.testing.assert_array_equal(parse([[1], [2], [3]]).index, [[1], [2], [3]])
    assert not parse([[1], [2], [3]]).single, "(N, 1) keeps its axis for K"


def test_names_stand_for_their_index_in_every_form() -> None:
    np.testing.assert_array_equal(parse("tiger cat").index, [[282]] * 3)
    assert parse("tiger cat").single
    np.testing.assert_array_equal(parse(["tench", "tiger cat", "tench"]).index, [[0], [282], [0]])
    np.testing.assert_array_equal(parse(["tench", 7, "tiger cat"]).index, [[0], [7], [282]])
    np.testing.assert_array_equal(parse(np.array(["tench"] * 3)).index, [[0]] * 3)
    found = parse([["bull mastiff", "tiger cat"]])
    np.testing.assert_array_equal(found.index, [[243, 282]] * 3)
    assert not found.single


def test_a_callable_is_kept() -> None:
    found = parse(max)
    assert found.function is max and found.index is None and found.top == 0 and found.single


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ([1, 2], r"2 targets were given for 3 images.*target=\[\[1, 2\]\]"),
        ([5], r"1 targets? .*3 images.*target=\[\[5\]\]"),
        ([[1, 2], [3, 4]], r"shape \(2, 2\).*\(3, K\) or \(1, K\)"),
        (np.zeros((1, 0), int), r"shape \(1, 0\)"),
        ([[]], "not a class"),
        (np.zeros((3, 1, 1), int), r"shape \(3, 1, 1\)"),
        ([[1, 2], [3], [4]], r"different lengths"),
        (True, "not a class"),
        ([True, False, True], "not a class"),
        ([1, True, 2], "not a class"),
        (np.True_, "not a class"),
        (1.0, "not a class"),
        ([0.0, 1.0, 2.0], "not a class"),
        ([], "not a class"),
        ({"a": 1}, "not a class"),
        ([None, 1, 2], "not a class"),
        (["tench", 1.5, 2], "not a class"),
        (["tench", True, 2], "not a class"),
        (b"tench", "not a class"),
        ("top0", "asks for no class"),
    ],
)
def test_what_is_no_target_is_said_so(target: Any, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        parse(target)


def test_classes_out_of_range() -> None:
    parse([0, 1, 9]).check(10)
    for target, wrong in (([0, 1, 10], 10), (-1, -1), ([[3, 4], [5, 99], [6, 7]], 99)):
        with pytest.raises(TargetError, match=rf"class {wrong} .*10 classes, 0 to 9"):
            parse(target).check(10)
    parse("top10").check(10)
    with pytest.raises(TargetError, match=r"top 11 .*10"):
        parse("top11").check(10)
    parse(None).check(1)
    parse(max).check(1)


def test_part_is_the_rows_of_a_batch() -> None:
    np.testing.assert_array_equal(parse([4, 0, 2]).part(1, 3), [[0], [2]])
    assert parse(None).part(0, 2) is None


@pytest.mark.keras
def test_tensors_of_the_backend_are_targets() -> None:
    keras = pytest.importorskip("keras")
    np.testing.assert_array_equal(
        parse(keras.ops.convert_to_tensor([4, 0, 2])).index, [[4], [0], [2]]
    )
