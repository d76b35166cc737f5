"""The bugs that the field's notebooks hand on to one another, and that they are not here.

Each test does first what the notebooks do and shows what goes wrong, then asks Limelight for the
same. The time that rebuilding costs is measured in benchmarks/keras_methods.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import limelight
from limelight import Frame, Maps
from limelight.arrays import to_numpy
from limelight.boxes import iou
from limelight.errors import ModelLoadError

torch = pytest.importorskip("torch")


def as_maps(*values: Any) -> Maps:
    """Maps of the size of their images, as if they had been explained."""
    array = np.asarray(values, np.float32)
    frames = (Frame.identity(array.shape[1:]),) * len(array)
    return Maps(array, None, None, None, method="gradcam", layer="features", frames=frames)


class Brightness(torch.nn.Module):
    """Class 0: how bright the image is; class 1: how dark. One cell of the map is 8 × 8 pixels."""

    def __init__(self, scale: float = 1.0, bias: float = 0.0, softmax: bool = False) -> None:
        super().__init__()
        self.features = torch.nn.Conv2d(3, 2, 8, 8, bias=False)
        with torch.no_grad():
            self.features.weight[0] = 1 / 192
            self.features.weight[1] = -1 / 192
        self.relu = torch.nn.ReLU()
        self.head = torch.nn.Linear(2, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[scale, 0.0], [0.0, scale]]))
            self.head.bias.copy_(torch.tensor([bias, 0.0]))
        self.last = torch.nn.Softmax(dim=1) if softmax else torch.nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.last(self.head(self.relu(self.features(images)).mean((2, 3))))


def by_hand(
    model: Brightness, images: torch.Tensor, of: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Activations and gradients of the class of image 0, as notebooks take them."""
    features = model.relu(model.features(images)).detach().requires_grad_()
    output = model.last(model.head(features.mean((2, 3))))
    chosen = int(output[0].argmax()) if of is None else of
    (gradients,) = torch.autograd.grad(output[:, chosen].sum(), features)
    return features.detach(), gradients


def square(
    size: tuple[int, int], box: tuple[int, int, int, int], value: float = 1.0
) -> torch.Tensor:
    """A dark image (1, 3, H, W) with one bright box, x0, y0, x1, y1."""
    image = torch.zeros(1, 3, *size)
    x0, y0, x1, y1 = box
    image[:, :, y0:y1, x0:x1] = value
    return image


def test_the_first_contour_instead_of_the_largest() -> None:
    cv2 = pytest.importorskip("cv2")
    heatmap = np.zeros((40, 60), np.float32)
    heatmap[5:25, 10:40] = 0.8  # the object
    heatmap[33:36, 50:53] = 1.0  # a speck below it
    contours, _ = cv2.findContours(
        (heatmap > 0.2).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    x, y, w, h = cv2.boundingRect(contours[0])
    assert (x, y, w, h) == (50, 33, 3, 3), "the notebooks' contours[0] is the speck"

    maps = as_maps(heatmap)
    assert maps.boxes(0.2).tolist() == [[10, 5, 40, 25]]
    corners = maps.boxes(0.2, rotated=True)[0]
    assert corners.min(0) == pytest.approx((10, 5), abs=1)
    assert corners.max(0) == pytest.approx((40, 25), abs=1)


def test_nan_where_the_map_is_nowhere_positive() -> None:
    model, image = Brightness(scale=-1.0), square((64, 64), (16, 16, 40, 40))
    features, gradients = by_hand(model, image, of=0)
    heatmap = (gradients.mean((2, 3), keepdim=True) * features).sum(1)[0]
    heatmap = heatmap.clamp(min=0)
    with np.errstate(invalid="ignore"):
        assert np.isnan((heatmap / heatmap.max()).numpy()).all(), "0 / 0"

    maps = limelight.explain(model, image, target=0, layer="relu")
    assert not maps.normalized().any()
    assert np.isnan(maps.boxes()).all(), "no box, not one of NaN turned into numbers"
    assert "zero everywhere" in maps.diagnosis[0]
    picture = maps.overlay(image)[0]
    assert picture.dtype == np.uint8
    # Where nothing is positive the whole overlay has the one colour of zero over the image.
    assert len(np.unique(picture[:16, :16].reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("softmax", [True, False])
def test_the_gradient_of_the_probability_vanishes_at_one(softmax: bool) -> None:
    model = Brightness(bias=200.0, softmax=softmax)  # as sure as float32 can say
    image = square((64, 64), (16, 16, 40, 40))
    tutorial = model if softmax else Brightness(bias=200.0, softmax=True)
    assert tutorial(image)[0, 0] == 1
    _, gradients = by_hand(tutorial, image)
    assert not gradients.any(), "the map is zero, whatever the network looked at"

    maps = limelight.explain(model, image, layer="relu")
    assert maps.probability[0] == 1
    assert maps.boxes(0.5).tolist() == [[16, 16, 40, 40]]
    unsure = limelight.explain(Brightness(), image, target=0, layer="relu")
    np.testing.assert_allclose(maps.numpy(), unsure.numpy(), rtol=1e-6)


def test_the_missing_relu() -> None:
    model = Brightness()
    with torch.no_grad():  # class 0: bright minus twice dark
        model.head.weight.copy_(torch.tensor([[1.0, -2.0], [0.0, 1.0]]))
    image = square((64, 64), (16, 16, 40, 40))
    image[:, :, 48:56, 48:56] = -1.0  # darker than dark: it speaks against the class
    features, gradients = by_hand(model, image, of=0)
    heatmap = (gradients.mean((2, 3), keepdim=True) * features).sum(1)[0]
    shown = (255 * heatmap / heatmap.max()).numpy().astype(np.int64).astype(np.uint8)
    assert heatmap[6, 6] < 0
    assert shown[6, 6] > 0, "below zero wraps around to a bright pixel"

    maps = limelight.explain(model, image, target=0, layer="relu")
    assert maps.numpy().min() == 0
    assert maps.values[0, 6, 6] == 0
    assert maps.boxes(0.5).tolist() == [[16, 16, 40, 40]]
    against = limelight.explain(model, image, target=0, layer="relu", negative=True)
    assert against.boxes(0.5).tolist() == [[48, 48, 56, 56]], "asked for, it is shown"


def test_x_and_y_swapped_on_images_that_are_not_square() -> None:
    cv2 = pytest.importorskip("cv2")
    box = (72, 8, 104, 24)
    model, image = Brightness(), square((40, 120), box)
    features, gradients = by_hand(model, image)
    heatmap = (gradients.mean((2, 3), keepdim=True) * features).sum(1)[0].numpy()
    resized = cv2.resize(heatmap, image.shape[2:])  # cv2 takes (width, height)
    ys, xs = np.nonzero(resized > 0.5 * resized.max())
    wrong = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    assert resized.shape == (120, 40)
    assert iou([wrong], [box]).item() < 0.1

    maps = limelight.explain(model, image, layer="relu")
    assert maps.resized().shape == (1, 40, 120)
    assert iou(maps.boxes(0.5), [box]).item() > 0.9
    normalized = maps.boxes(0.5, format="tfds")[0]  # ymin, xmin, ymax, xmax
    y0, x0, y1, x1 = normalized * (40, 120, 40, 120)
    np.testing.assert_allclose([x0, y0, x1, y1], maps.boxes(0.5)[0])


@pytest.mark.parametrize("mode", ["squash", "crop", "letterbox"])
def test_the_box_in_original_coordinates(mode: str) -> None:
    truth = (180, 60, 280, 160)
    picture = Image.new("RGB", (400, 200))
    ImageDraw.Draw(picture).rectangle((180, 60, 279, 159), fill="white")
    settings = {"mean": 0.0, "std": 1.0, "mode": mode}
    classifier = limelight.load(Brightness(), size=64, preprocess=settings)
    batch, _ = classifier.prepare(picture)
    features, gradients = by_hand(classifier.model, torch.as_tensor(batch))
    heatmap = (gradients.mean((2, 3), keepdim=True) * features).sum(1)[0].numpy()
    pixels = heatmap.repeat(8, 0).repeat(8, 1)  # at the size that the model takes
    ys, xs = np.nonzero(pixels > 0.5 * pixels.max())
    wrong = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    assert iou([wrong], [truth]).item() < 0.1, "drawn on the photograph it is somewhere else"

    maps = limelight.explain(classifier, picture, layer="relu")
    assert maps.resized().shape == (1, 200, 400)
    assert iou(maps.boxes(0.5), [truth]).item() > 0.7


@pytest.mark.compiles
def test_another_networks_preprocessing(mobilenet: Any, data: Path) -> None:
    import csv

    import keras

    with (data / "ilsvrc_val" / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::40]
    photographs = [
        Image.open(data / "ilsvrc_val" / row["file"]).convert("RGB").resize((224, 224))
        for row in rows
    ]
    truth = np.array([int(row["class_index"]) for row in rows])
    pixels = np.stack([np.asarray(each, np.float32) for each in photographs])
    copied = keras.applications.resnet50.preprocess_input(pixels.copy())
    wrong = mobilenet.predict(copied, verbose=0).argmax(1)
    assert (wrong == truth).mean() < 0.5, "ResNet's preprocessing in front of MobileNet"

    classifier = limelight.load(data / "models" / "mobilenet_v2.keras")
    assert "mobilenetv2" in classifier.preprocess.assumed.replace("_", "").lower()
    maps = limelight.explain(classifier, photographs, layer="out_relu")
    right = (to_numpy(maps.scores).argmax(1) == truth).mean()
    assert right > 0.65

    nameless = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(2, 3)])
    with pytest.raises(ModelLoadError, match="nothing says how images are prepared"):
        limelight.load(nameless)


def test_gradients_averaged_over_a_batch() -> None:
    model = Brightness()
    images = torch.cat([square((64, 64), (16, 16, 40, 40)), -square((64, 64), (32, 8, 64, 24))])
    assert model(images).argmax(1).tolist() == [0, 1]
    features, gradients = by_hand(model, images)  # the class of image 0, for all
    weights = gradients.mean((0, 2, 3))
    heatmaps = (weights[:, None, None] * features).sum(1).clamp(min=0)
    assert not heatmaps[1].any(), "image 1 is explained for the class of image 0"
    alone, _ = by_hand(model, images[1:])
    assert alone.sum() > 0, "by itself there would be something to see"

    maps = limelight.explain(model, images, layer="relu")
    assert maps.target.tolist() == [0, 1]
    assert maps.boxes(0.5).tolist() == [[16, 16, 40, 40], [32, 8, 64, 24]]
    for i in range(2):
        single = limelight.explain(model, images[i : i + 1], layer="relu")
        np.testing.assert_array_equal(single.numpy()[0], maps.numpy()[i])


@pytest.mark.keras
def test_the_model_rebuilt_for_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(4, 3, activation="relu", name="features"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    images = np.random.default_rng(0).random((5, 16, 16, 3)).astype(np.float32)
    built = counted(monkeypatch, keras.Model, "__init__")
    runs = counted(monkeypatch, layers.Conv2D, "call")
    for image in images:  # as the notebooks do
        outputs = [model.get_layer("features").output, *model.outputs]
        keras.Model(model.inputs[0], outputs)(image[None])
    assert built() >= 5, "one model an image"

    explainer = limelight.Explainer(model, layer="features")
    maps = [explainer(image[None]).numpy() for image in images[:1]]
    built(), runs()
    maps += [explainer(image[None]).numpy() for image in images[1:]]
    assert built() == 0
    # Compiled, the model's Python code runs for the first image only; on torch once an image.
    assert runs() == (4 if keras.backend.backend() == "torch" else 0)
    together = explainer(images).numpy()
    np.testing.assert_allclose(np.concatenate(maps), together, atol=1e-6)


def counted(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> Callable[[], int]:
    """A function that says how often `kind.name` was called since it was asked last."""
    original, calls = getattr(kind, name), [0]

    def call(self: Any, *args: Any, **options: Any) -> Any:
        calls[0] += 1
        return original(self, *args, **options)

    monkeypatch.setattr(kind, name, call)

    def count() -> int:
        found, calls[0] = calls[0], 0
        return found

    return count
