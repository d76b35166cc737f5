"""A classifier's batches, names and side file; no framework is needed for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limelight.errors import ImageError, ModelLoadError, TargetError
from limelight.models import Classifier, Preprocess

NAMES = ("tench", "Bull Mastiff", "crane", "CRANE", "crane", '猫 "<b>"')


def classifier(**options: object) -> Classifier:
    settings = {"preprocess": Preprocess((8, 8), (0.5,), (0.5,)), "class_names": NAMES}
    return Classifier(None, **{**settings, **options})


def test_one_image_several_and_a_batch(tmp_path: Path) -> None:
    arrays = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    Image.fromarray(arrays[0]).save(tmp_path / "a.png")
    mixed = [tmp_path / "a.png", Image.fromarray(arrays[1]), arrays[2]]
    expected = (arrays / 127.5 - 1).astype(np.float32)
    for images in (arrays, list(arrays), mixed, tuple(mixed), iter(mixed)):
        batch, frames = classifier().prepare(images)
        assert batch.dtype == np.float32
        np.testing.assert_allclose(batch, expected, atol=1e-6)
        assert len(frames) == 3
    for image in (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        arrays[0],
        Image.fromarray(arrays[0]),
    ):
        np.testing.assert_allclose(classifier().prepare(image)[0], expected[:1], atol=1e-6)
    encoded = (tmp_path / "a.png").read_bytes()
    np.testing.assert_allclose(classifier().prepare(encoded)[0], expected[:1], atol=1e-6)
    np.testing.assert_array_equal(classifier().display(expected), arrays)


def test_images_of_different_sizes_keep_their_own_frames() -> None:
    images = [np.zeros((8, 16, 3), np.uint8), np.zeros((40, 20), np.uint8)]
    batch, frames = classifier().prepare(images)
    assert batch.shape == (2, 8, 8, 3)
    assert [frame.original_size for frame in frames] == [(8, 16), (40, 20)]


def test_a_turned_photograph_has_the_frame_of_its_upright_twin(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (30, 20, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(array).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "t.png", exif=exif)
    turned, frames = classifier().prepare(tmp_path / "t.png")
    upright, twins = classifier().prepare(array)
    np.testing.assert_array_equal(turned, upright)
    assert frames == twins and frames[0].original_size == (30, 20)


def test_no_images_and_a_bad_one(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="there are no images"):
        classifier().prepare([])
    with pytest.raises(ImageError, match=r"there is no file .*cat\.jpg"):
        classifier().prepare([np.zeros((8, 8, 3), np.uint8), tmp_path / "cat.jpg"])


def test_names_to_indices() -> None:
    c = classifier()
    assert c.name_to_index("tench") == 0
    assert c.name_to_index(" bull mastiff ") == 1
    assert c.name_to_index("CRANE") == 3  # as written, before another capitalization
    assert c.name_to_index('猫 "<B>"') == 5
    with pytest.raises(TargetError, match=r"2 classes are named 'crane'.*\[2, 4\]"):
        c.name_to_index("crane")
    with pytest.raises(TargetError, match=r"3 classes are named 'Crane'"):
        c.name_to_index("Crane")
    with pytest.raises(TargetError, match="did you mean 'Bull Mastiff'"):
        c.name_to_index("bullmastif")
    with pytest.raises(TargetError, match="names of this model's classes are not known"):
        classifier(class_names=None).name_to_index("tench")


def test_side_file_keeps_what_load_has_to_be_told(tmp_path: Path) -> None:
    c = classifier(
        preprocess=Preprocess((8, 9), (0.1, 0.2, 0.3), (1, 2, 3), mode="crop", resize=12),
        source=str(tmp_path / "weights.pt"),
        arch="torchvision:squeezenet1_0",
        attributes={"classifier.1.padding": (1, 1)},
        activation="sigmoid",
    )
    path = c.save_side_file()
    assert path == tmp_path / "weights.pt.limelight.json"
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text("utf-8")) == {
        "size": [8, 9],
        "preprocess": {
            "mean": [0.1, 0.2, 0.3],
            "std": [1, 2, 3],
            "mode": "crop",
            "resize": 12,
            "interpolation": "bilinear",
            "channels": "RGB",
        },
        "activation": "sigmoid",
        "arch": "torchvision:squeezenet1_0",
        "attributes": {"classifier.1.padding": [1, 1]},
        "classes": list(NAMES),
    }
    assert "猫" in path.read_text("utf-8")


def test_what_a_side_file_cannot_keep(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="built by a function"):
        classifier().save_side_file(tmp_path / "w.pt")
    function = Preprocess((8, 8), function=lambda pixels: pixels)
    with pytest.raises(ModelLoadError, match="by a function cannot be kept"):
        classifier(framework="keras", preprocess=function).save_side_file(tmp_path / "m.keras")
    with pytest.raises(ModelLoadError, match="came from no file"):
        classifier().save_side_file()
    assert not list(tmp_path.iterdir())
