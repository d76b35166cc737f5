"""WSOL metadata: the real CUB and ILSVRC lists, masks, and broken lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limelight.data
from limelight.errors import DatasetError, ImageError


@pytest.mark.parametrize(
    ("name", "split", "images", "boxes", "classes"),
    [
        ("CUB", "test", 5794, 5794, 200),
        ("CUB", "val", 1000, 1000, 200),
        ("ILSVRC", "val", 10000, 18532, 1000),
        ("ILSVRC", "test", 50000, 80477, 1000),
    ],
)
def test_the_real_lists(
    name: str, split: str, images: int, boxes: int, classes: int, data: Path
) -> None:
    folder = data / "annotations" / "wsol" / name
    dataset = limelight.data.open(folder, split=split)
    assert "read as wsol" in str(dataset.recognized)
    assert dataset.splits == ("test", "val")
    assert len(dataset) == images
    expected: dict[str, list[list[float]]] = {}
    for line in (folder / split / "localization.txt").read_text().splitlines():
        key, *box = line.split(",")
        expected.setdefault(key, []).append([float(value) for value in box])
    sizes = dict(
        line.split(",", 1) for line in (folder / split / "image_sizes.txt").read_text().splitlines()
    )
    labels = dict(
        line.split(",") for line in (folder / split / "class_labels.txt").read_text().splitlines()
    )
    assert sum(map(len, expected.values())) == boxes
    seen = set()
    for example in dataset:
        assert example.boxes.tolist() == expected[example.id]
        assert example.size is not None
        assert f"{example.size[1]},{example.size[0]}" == sizes[example.id]
        assert example.label == int(labels[example.id])
        seen.add(example.label)
    assert len(seen) == classes
    assert len(limelight.data.open(folder / split)) == images  # the folder of one split
    with pytest.raises(DatasetError, match="without its images"):
        dataset[0].read()


def write(root: Path, **files: str) -> Path:
    texts = {
        "image_ids": "x/a.png\nx/b.png\n",
        "class_labels": "x/a.png,3\nx/b.png,0\n",
        "image_sizes": "x/a.png,20,10\nx/b.png,40,20\n",
        "localization": "x/a.png,1,2,3,4\nx/b.png,2,2,6,6\nx/a.png,5,5,9,9\n",
    }
    for name, text in (texts | files).items():
        (root / f"{name}.txt").write_text(text)
    (root / "photos" / "x").mkdir(parents=True, exist_ok=True)
    for name in "ab":
        Image.new("RGB", (20, 10)).save(root / "photos" / "x" / f"{name}.png")
    return root


def test_images_of_another_size_scale_the_boxes(tmp_path: Path) -> None:
    dataset = limelight.data.open(f"wsol:{write(tmp_path)}?images=photos")
    assert [e.boxes.tolist() for e in dataset] == [[[1, 2, 3, 4], [5, 5, 9, 9]], [[1, 1, 3, 3]]]
    assert [e.label for e in dataset] == [3, 0]
    assert dataset[1].size == dataset[1].read().size[::-1] == (10, 20)
    bare = limelight.data.open(tmp_path)
    assert bare[1].boxes.tolist() == [[2, 2, 6, 6]]
    assert bare[1].size == (20, 40)


def test_masks_and_what_to_ignore(tmp_path: Path) -> None:
    one, two, ignored = np.zeros((3, 10, 20), bool)
    one[1:3, 2:5] = two[2:6, 4:9] = True
    ignored[0:4, 0:20] = True
    write(tmp_path, localization="x/a.png,m1.png,i.png\nx/a.png,m2.png,i.png\nx/b.png,m1.png,\n")
    for name, mask in {"m1": one, "m2": two, "i": ignored}.items():
        Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "photos" / f"{name}.png")
    first, second = limelight.data.open(f"wsol:{tmp_path}?images=photos")
    assert first.mask is not None
    assert first.ignore is not None
    np.testing.assert_array_equal(first.mask, one | two)
    np.testing.assert_array_equal(first.ignore, ignored & ~(one | two))
    assert second.mask is not None
    np.testing.assert_array_equal(second.mask, one)
    assert second.ignore is None
    assert first.boxes.shape == (0, 4)
    (tmp_path / "photos" / "m2.png").unlink()
    with pytest.raises(ImageError, match=r"the mask .*m2\.png cannot be read"):
        _ = first.mask


BROKEN = {
    "class_labels": ("x/a.png,3\nx/b.png,zero\n", 2, "class 'zero'"),
    "image_sizes": ("x/a.png,20,10\nx/b.png,40\n", 2, "2 fields; expected 3"),
    "localization": ("x/a.png,1,2,3,4\nx/c.png,2,2,6,6\n", 2, r"x/c\.png is not in image_ids"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_is_named(name: str, tmp_path: Path) -> None:
    text, line, message = BROKEN[name]
    write(tmp_path, **{name: text})
    with pytest.raises(DatasetError, match=rf"{name}\.txt, line {line}: .*{message}"):
        limelight.data.open(tmp_path)
    lenient = limelight.data.open(tmp_path, strict=False)
    assert (f"{tmp_path}/{name}.txt", line) in [(p.file, p.line) for p in lenient.problems]
    assert lenient[0].boxes.tolist()[0] == [1, 2, 3, 4]


def test_an_image_without_a_class_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, class_labels="x/b.png,0\n")
    with pytest.raises(DatasetError, match=r"image_ids\.txt, line 1: x/a\.png has no class"):
        limelight.data.open(tmp_path)
    assert [e.id for e in limelight.data.open(tmp_path, strict=False)] == ["x/b.png"]
