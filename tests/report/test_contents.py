"""Which items come first, and which IoUs are counted."""

from __future__ import annotations

import math

import pytest

from limelight.errors import RunError
from limelight.report import Score
from report.examples import make_item, make_report


def test_items_are_ranked_by_the_first_method_of_the_table() -> None:
    report = make_report(4)
    assert report.ranking() == "cam"
    best, rest = report.ranked()
    assert [item.id for item in best] == [f"image-{n}.png" for n in range(4)]
    assert rest == []


def test_the_lead_can_be_named() -> None:
    best, _ = make_report(4, lead="layercam").ranked()
    assert [item.id for item in best] == [f"image-{n}.png" for n in (3, 2, 1, 0)]
    with pytest.raises(
        RunError, match="no item of the report has an IoU of 'layrcam'; did you mean"
    ):
        make_report(4, lead="layrcam").ranking()


def test_a_table_of_other_names_leaves_the_items_own_order() -> None:
    report = make_report(2, table=[Score("something", 0.5)])
    assert report.ranking() == "cam"


def test_items_without_an_iou_are_kept_apart() -> None:
    items = [make_item(0, iou={}), make_item(1), make_item(2, iou={"cam": math.nan}), make_item(3)]
    best, rest = make_report(0, items=items).ranked()
    assert [item.id for item in best] == ["image-1.png", "image-3.png"]
    assert [item.id for item in rest] == ["image-0.png", "image-2.png"]
    nothing = make_report(0, items=[make_item(0, iou={})])
    assert nothing.ranking() is None
    assert nothing.ranked()[0] == []


def test_equal_items_keep_their_order() -> None:
    items = [make_item(n, iou={"cam": 0.5}) for n in (4, 2, 9)]
    best, _ = make_report(0, items=items).ranked()
    assert [item.id for item in best] == ["image-4.png", "image-2.png", "image-9.png"]


def test_the_distribution_is_of_all_images_or_else_of_the_items() -> None:
    given = {"cam": [0.1, math.nan, 0.3], "centre box": [0.2], "empty": []}
    assert make_report(2, ious=given).distribution() == {"cam": [0.1, 0.3], "centre box": [0.2]}
    items = [make_item(0), make_item(1, iou={"cam": 0.25})]
    assert make_report(0, items=items).distribution() == {"cam": [0.9, 0.25], "layercam": [0.0]}


def test_right_and_wrong() -> None:
    assert make_item(1).correct is True
    assert make_item(3).correct is False
    assert make_item(3, label=None).correct is None


def test_an_iou_of_minus_zero_is_zero() -> None:
    overlap = make_item(0, iou={"cam": -0.0}).overlap("cam")
    assert f"{overlap:.2f}" == "0.00"
