"""COCO: splits, crowds, masks against slow encoders, and broken annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.measure import points_in_poly

import limelight.data
from limelight.data.polygons import Outlines, from_run_lengths
from limelight.errors import DatasetError


def content(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "images": [{"id": 5, "file_name": "a.png", "height": 10, "width": 20}],
        "annotations": [
            {"id": 1, "image_id": 5, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 0,
             "segmentation": [[1, 2, 4, 2, 4, 6, 1, 6], [10, 5, 12, 5, 12, 7, 10, 7]]},
            {"id": 2, "image_id": 5, "category_id": 9, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
        "categories": [{"id": 9, "name": "bee"}, {"id": 3, "name": "ant"}],
    }  # fmt: skip
    return whole | changes


def write(root: Path, whole: dict[str, Any], split: str = "val2017") -> Path:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / split).mkdir(exist_ok=True)
    (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(whole, indent=1))
    Image.new("RGB", (20, 10)).save(root / split / "a.png")
    return root


def test_splits_crowds_and_masks(tmp_path: Path) -> None:
    write(tmp_path, content())
    write(tmp_path, content(), "train2017")
    val = limelight.data.open(tmp_path, split="val2017")
    assert val.splits == ("train2017", "val2017")
    assert val.class_names == ("ant", "bee")
    (example,) = val
    assert example.id == "a.png"
    assert example.label == 0
    assert example.boxes.tolist() == [[1, 2, 4, 6]]
    assert example.read().size == (20, 10)
    expected = np.zeros((10, 20), bool)
    expected[2:6, 1:4] = expected[5:7, 10:12] = True
    assert example.mask is not None
    np.testing.assert_array_equal(example.mask, expected)
    assert len(limelight.data.open(tmp_path, split="val2017", crowd=True)[0].boxes) == 2
    both = limelight.data.open(tmp_path)
    assert [e.id for e in both] == ["train2017/a.png", "val2017/a.png"]
    assert both[1].read().size == (20, 10)


def test_one_file_and_a_folder_of_images(tmp_path: Path) -> None:
    write(tmp_path, content())
    file = tmp_path / "annotations" / "instances_val2017.json"
    assert limelight.data.open(file)[0].read().size == (20, 10)
    moved = tmp_path / "x.json"
    moved.write_text(file.read_text())
    dataset = limelight.data.open(moved, images="val2017")
    assert dataset[0].read().size == (20, 10)


BROKEN: dict[str, dict[str, Any]] = {
    "annotations\\[0\\].*image_id": {"annotations": [{"category_id": 3, "bbox": [1, 2, 3, 4]}]},
    "annotations\\[0\\].*KeyError\\(7\\)": {
        "annotations": [{"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]}]
    },
    "annotations\\[0\\].*bbox \\[1, 2, 3\\]": {
        "annotations": [{"image_id": 5, "category_id": 3, "bbox": [1, 2, 3]}]
    },
    "annotations\\[0\\] \\(id 4\\): .*no area": {
        "annotations": [{"id": 4, "image_id": 5, "category_id": 3, "bbox": [1, 2, 0, 3]}]
    },
    "images\\[1\\]": {"images": [*content()["images"], {"id": 6}]},
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_entry_is_named(message: str, tmp_path: Path) -> None:
    write(tmp_path, content(**BROKEN[message]))
    with pytest.raises(DatasetError, match=rf"instances_val2017\.json.*{message}"):
        limelight.data.open(tmp_path)
    lenient = limelight.data.open(tmp_path, strict=False)
    assert len(lenient.problems) == 1
    assert [e.id for e in lenient] == ["val2017/a.png"] or [e.id for e in lenient] == ["a.png"]


def test_what_is_no_coco_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"images": [],\n oops}')
    with pytest.raises(DatasetError, match=r"a\.json, line 2: not JSON"):
        limelight.data.open(f"coco:{tmp_path}/a.json")
    (tmp_path / "a.json").write_text("[1, 2]")
    with pytest.raises(DatasetError, match="no COCO json"):
        limelight.data.open(f"coco:{tmp_path}/a.json")


def packed(runs: list[int]) -> str:
    """COCO's compressed run lengths, written from their description, digit by digit."""
    text = ""
    for i, run in enumerate(runs):
        value = run - runs[i - 2] if i > 2 else run
        while True:
            digit, value = value & 31, value >> 5
            last = value == (-1 if digit & 16 else 0)
            text += chr((digit | (0 if last else 32)) + 48)
            if last:
                break
    return text


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths(height: int, width: int, seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    runs, value = [0], False
    for x in range(width):
        for y in range(height):
            if mask[y, x] != value:
                runs.append(0)
                value = not value
            runs[-1] += 1
    np.testing.assert_array_equal(from_run_lengths(runs, (height, width)), mask)
    np.testing.assert_array_equal(from_run_lengths(packed(runs), (height, width)), mask)
    drawn = Outlines(({"size": [height, width], "counts": packed(runs)},), (height, width))
    np.testing.assert_array_equal(drawn(), mask)


def test_run_lengths_that_do_not_fill_the_image() -> None:
    with pytest.raises(DatasetError, match="cover 5 pixels; expected 2×3"):
        from_run_lengths([2, 3], (2, 3))


@settings(deadline=None, max_examples=60)
@given(st.integers(3, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_polygons(corners: int, seed: int, fractions: bool) -> None:
    """Also those that cross themselves or lie partly outside: a pixel counts by its centre."""
    points = np.random.default_rng(seed).uniform((-4, -4), (34, 24), (corners, 2))
    scaled = points / (30, 20) if fractions else points
    mask = Outlines((scaled.ravel().tolist(),), (20, 30), fractions=fractions)()
    centres = [(x + 0.5, y + 0.5) for y in range(20) for x in range(30)]
    expected = points_in_poly(centres, points).reshape(20, 30)
    np.testing.assert_array_equal(mask, expected)
