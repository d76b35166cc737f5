"""Sizes from headers, against the decoded image."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limelight import images
from limelight.data.header import upright_frame, upright_size
from limelight.errors import ImageError


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_and_frame_of_a_turned_photograph(orientation: int, tmp_path: Path) -> None:
    """A stored pixel lies where the decoded upright image shows it."""
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[2:4, 5:9] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    file = tmp_path / "a.png"
    image.save(file, exif=exif)
    upright = np.asarray(images.read(file))
    assert upright_size(file) == upright.shape[:2]
    assert upright_size(io.BytesIO(file.read_bytes())) == upright.shape[:2]
    ys, xs = np.nonzero(upright[..., 0])
    box = upright_frame(file).to_input([5, 2, 9, 4])
    assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_turns_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    Image.new("RGB", (20, 10)).save(file, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert upright_size(file) == images.read(file).size[::-1] == (10, 20)


def test_what_is_no_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match=r"there is no file .*gone\.jpg"):
        upright_size(tmp_path / "gone.jpg")
    (tmp_path / "a.jpg").write_bytes(b"text")
    with pytest.raises(ImageError, match=r"a\.jpg cannot be read as an image"):
        upright_size(tmp_path / "a.jpg")
    Image.new("RGB", (20, 10)).save(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    with pytest.raises(ImageError, match="decompression bomb"):
        upright_size(tmp_path / "big.png")
