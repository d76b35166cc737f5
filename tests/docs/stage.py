"""What the pages speak of, small: photographs, models and runs, and smaller values for large ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 64
_stages: dict[str, Callable[[], dict[str, Any]]] = {}
# By page, what is written there and what the test runs in its place.
SMALLER = {
    "README": {'resnet50(weights="DEFAULT")': "resnet50()", "(8, 3, 224, 224)": "(2, 3, 96, 96)"},
    "index": {'resnet18(weights="DEFAULT")': "resnet18()"},
    "faithfulness": {'"cars196:/data/cars"': '"cars196:cars"', '"RUN"': '"BOARD"'},
}


def of(page: str) -> dict[str, Any]:
    """The names that a page assumes; its files are written into the working folder."""
    names: dict[str, Any] = {"__name__": "page"}
    if page in _stages:
        names |= _stages[page]()
    return names


def smaller(page: str, code: str) -> str:
    """The code with smaller values; each must be there, so that none outlives its page."""
    for written, run in SMALLER.get(page, {}).items():
        code = code.replace(written, run)
    return code


def check(page: str, names: dict[str, Any]) -> None:
    """What a page says in comments of the names that it leaves behind."""
    if page == "README":
        assert names["both"]["cam"].values.shape == (2, 2, 3, 3)
        assert set(names["by_layer"]) == {"conv4_block6_out", "conv5_block3_out"}
    if page == "index":
        assert set(names["maps"]) == {"gradcam", "layercam"}
    if page == "boxes":
        assert names["maps"].boxes().shape == (2, 4)
    if page == "own-maps":
        assert 0 <= names["result"].value <= 1


def stage(page: str) -> Callable[[Callable[[], dict[str, Any]]], Callable[[], dict[str, Any]]]:
    """Declare what a page assumes."""

    def declare(made: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        _stages[page] = made
        return made

    return declare


def photographs(folder: str = ".") -> None:
    """cat.jpg and dog.png, with a bright object each."""
    from PIL import Image, ImageDraw

    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, box in (("cat.jpg", (20, 10, 60, 50)), ("dog.png", (5, 5, 40, 60))):
        picture = Image.new("RGB", (96, 64), (30, 60, 30))
        ImageDraw.Draw(picture).ellipse(box, fill=(230, 180, 90))
        picture.save(Path(folder) / name)


def keras_model(path: str) -> None:
    """A small network with the names of ResNet-50's layers and of its classes."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=4, activation="relu", name="conv4_block6_out"),
            layers.Conv2D(8, 3, strides=2, activation="relu", name="conv5_block3_out"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1000, activation="softmax"),
        ]
    )
    model.save(path)


def classifier() -> Any:
    """A small PyTorch network of ten classes, as a Classifier."""
    import torch

    import limelight
    from limelight.training import small_cnn

    torch.manual_seed(0)
    return limelight.load(small_cnn(10).eval(), size=SIDE, preprocess="0-1")


@stage("README")
@stage("index")
@stage("boxes")
def _photographs_and_a_keras_model() -> dict[str, Any]:
    photographs()
    keras_model("model.keras")
    return {}


@stage("concepts")
@stage("localization")
def _photographs_and_a_classifier() -> dict[str, Any]:
    import limelight

    photographs()
    return {"limelight": limelight, "classifier": classifier()}


@stage("own-maps")
def _a_data_set_with_maps() -> dict[str, Any]:
    photographs()
    photographs("dataset")
    lines = ["file,class,boxes", "cat.jpg,cat,20 10 60 50", "dog.png,dog,5 5 40 60"]
    Path("dataset/index.csv").write_text("\n".join(lines) + "\n", "utf-8")
    Path("mine").mkdir()
    for name in ("cat", "dog"):
        np.save(f"mine/{name}.npy", np.random.default_rng(0).random((8, 8)))
    return {"classifier": classifier()}


@stage("at-scale")
def _a_run() -> dict[str, Any]:
    import limelight

    photographs("PHOTOS/deep")
    limelight.run(classifier(), "PHOTOS", ["gradcam", "layercam"], out="RUN")
    return {}


@stage("faithfulness")
def _cars_and_two_models() -> dict[str, Any]:
    import torch

    from examples import miniatures

    miniatures.cars196(Path("cars"), train=2, test=3)
    images = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 3), dtype=np.uint8)
    found = {"model": classifier(), "images": list(images)}
    torch.manual_seed(1)
    return found | {"trained_on_random_labels": classifier()}


@stage("transfer")
def _weights_of_squeezenet() -> dict[str, Any]:
    from safetensors.torch import save_file
    from torchvision.models import squeezenet1_0

    import limelight

    save_file(squeezenet1_0().state_dict(), "squeezenet1_0.safetensors")
    return {"limelight": limelight}


@stage("keras-nested")
def _a_backbone_in_another_model() -> dict[str, Any]:
    import keras

    import limelight

    inputs = keras.Input((SIDE, SIDE, 3))
    features = keras.layers.Conv2D(8, 3, strides=8, activation="relu", name="conv5_block3_out")(
        inputs
    )
    backbone = keras.Model(inputs, features, name="backbone")
    outer = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(backbone(outer))
    model = keras.Model(outer, keras.layers.Dense(3)(pooled))
    photographs()
    made = limelight.load(model, preprocess="0-1", size=SIDE)
    return {"limelight": limelight, "classifier": made, "photographs": ["cat.jpg"]}
