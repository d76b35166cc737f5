"""Folders of images without labels, and how they are told from folders of classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import limelight.data
from limelight.errors import DatasetError


def images(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / name)
    return folder


def test_all_images_in_order_without_labels(tmp_path: Path) -> None:
    images(tmp_path, "b.png", "a.jpg", ".hidden.png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    found = limelight.data.open(tmp_path)
    assert found.recognized is not None and "images" in found.recognized
    assert [example.id for example in found] == ["a.jpg", "b.png", "loop.jpg"]
    assert found.class_names is None
    for example in found:
        assert (example.label, len(example.boxes)) == (None, 0)
    assert found[1].read().size == (4, 4)
    assert len(limelight.data.open(f"images:{images(tmp_path, 'deep/c.png')}")) == 4


def test_images_beside_folders_of_images_ask_for_a_name(tmp_path: Path) -> None:
    """Read as classes, those that lie above would silently be missing."""
    images(tmp_path, "cat/1.png", "dog/1.png")
    assert limelight.data.open(tmp_path).class_names == ("cat", "dog")
    images(tmp_path, "above.png")
    with pytest.raises(DatasetError, match=f"write folder:{tmp_path} and images:{tmp_path}"):
        limelight.data.open(tmp_path)


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no images"):
        limelight.data.open(f"images:{tmp_path}")
    with pytest.raises(DatasetError, match="no split 'test'"):
        limelight.data.open(f"images:{images(tmp_path, 'a.png')}", split="test")
    with pytest.raises(DatasetError, match="is not a folder"):
        limelight.data.open(f"images:{tmp_path / 'a.png'}")
