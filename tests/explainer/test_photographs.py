"""Real photographs through real weights, with no option but the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limelight
from limelight import Classifier, explain
from limelight.arrays import to_numpy
from limelight.errors import ImageError, TargetError

# Seen in the picture (224 × 224): x0, y0, x1, y1 of the dog above the cat, and of the cat.
DOG, CAT = (75, 10, 165, 118), (45, 120, 205, 222)


def peak(map_: np.ndarray) -> tuple[int, int]:
    """x, y of the maximum."""
    y, x = np.unravel_index(map_.argmax(), map_.shape)
    return int(x), int(y)


def inside(point: tuple[int, int], box: tuple[int, int, int, int]) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


@pytest.fixture(scope="module")
def keras_classifier(data: Path) -> Classifier:
    pytest.importorskip("keras")
    return limelight.load(data / "models" / "mobilenet_v2.keras")


@pytest.mark.keras
def test_the_dog_and_the_cat(keras_classifier: Classifier, data: Path) -> None:
    maps = explain(keras_classifier, data / "photos" / "both.png", target="top4")
    (names,) = maps.names()
    assert names[0] == "bull mastiff"
    assert "tiger cat" in names
    resized = to_numpy(maps.resized())[0]
    assert resized.shape == (4, 224, 224)
    dog, cat = names.index("bull mastiff"), names.index("tiger cat")
    assert inside(peak(resized[dog]), DOG), peak(resized[dog])
    assert inside(peak(resized[cat]), CAT), peak(resized[cat])
    assert not inside(peak(resized[dog]), CAT) and not inside(peak(resized[cat]), DOG)
    assert maps.layer == "out_relu" and maps.diagnosis == [[None] * 4]


@pytest.mark.keras
def test_classes_by_name_and_photographs_of_every_kind(
    keras_classifier: Classifier, data: Path
) -> None:
    from PIL import Image

    file = data / "photos" / "both.png"
    image = Image.open(file).convert("RGB")
    pixels = np.asarray(image)
    wanted = explain(keras_classifier, file, target="Tiger Cat")
    assert wanted.names() == ["tiger cat"]
    for given in (str(file), [file], image, [image], pixels, [pixels], pixels[None], (image,)):
        found = explain(keras_classifier, given, target="tiger cat")
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    prepared, _ = keras_classifier.prepare(file)
    found = explain(keras_classifier, prepared, target=282)
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    both = explain(keras_classifier, [file, file], target=["bull mastiff", "tiger cat"])
    assert both.names() == ["bull mastiff", "tiger cat"]
    np.testing.assert_allclose(both.numpy()[1], wanted.numpy()[0], atol=1e-6)
    with pytest.raises(TargetError, match="no class is named 'tiger cats'; did you mean 'tiger c"):
        explain(keras_classifier, file, target="tiger cats")


@pytest.mark.keras
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("kangaroo/images/00090.jpg", "00090.jpg is damaged or truncated"),
        ("kangaroo/images/none.jpg", "there is no file"),
        ("photos/LICENSE", "LICENSE is not an image"),
        ("photos", "is a folder"),
    ],
)
def test_photographs_that_cannot_be_read(
    keras_classifier: Classifier, data: Path, broken: str, said: str
) -> None:
    for given in (data / broken, [data / "photos" / "both.png", data / broken]):
        with pytest.raises(ImageError, match=said):
            explain(keras_classifier, given)


@pytest.mark.keras
def test_no_photograph_at_all(keras_classifier: Classifier) -> None:
    with pytest.raises(ImageError, match="no images: the list is empty"):
        explain(keras_classifier, [])


def test_squeezenet_from_its_file(data: Path) -> None:
    """The same picture through PyTorch; regions by its own finer grid."""
    classifier: Any = limelight.load(
        data / "models" / "squeezenet1_0.safetensors",
        arch="torchvision:squeezenet1_0",
        preprocess={"mean": [123 / 255, 117 / 255, 104 / 255], "std": [1 / 255] * 3},
        size=227,
        classes="imagenet",
        attributes={"classifier.1.padding": (1, 1)},
    )
    maps = explain(
        classifier, data / "photos" / "both.png", ["gradcam", "cam"],
        target=[["bull mastiff", "tiger cat"]],
    )  # fmt: skip
    for found in maps.values():
        dog, cat = to_numpy(found.resized())[0]
        assert inside(peak(dog), DOG) and inside(peak(cat), CAT)
        boxes = found.boxes()
        assert boxes.shape == (1, 2, 4)
        assert boxes[0, 0, 1] < 30 < 120 < boxes[0, 1, 3], "the dog is above, the cat below"
    top = explain(classifier, data / "photos" / "both.png", target="top5")
    assert {"bull mastiff", "tiger cat"} <= set(top.names()[0])
