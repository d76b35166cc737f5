"""Names of preprocessing: against keras.applications' own functions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import ModelLoadError
from limelight.models.conventions import (
    NAMED,
    application_of,
    build,
    choices,
    keras_application,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0-1", PIXELS / 255),
        ("-1-1", PIXELS / 127.5 - 1),
        ("0-255", PIXELS),
        ("imagenet", (PIXELS / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
    ],
)
def test_each_name_is_what_it_says(name: str, expected: np.ndarray) -> None:
    array, _ = build(name, (6, 5), None, False)(PIXELS)
    np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-5)
    assert name in choices()


def test_every_name_is_tested() -> None:
    parameters = test_each_name_is_what_it_says.pytestmark[0].args[1]
    assert {name for name, _ in parameters} == set(NAMED)


def applications() -> list[str]:
    return [
        "convnext", "densenet", "efficientnet", "efficientnet_v2", "inception_resnet_v2",
        "inception_v3", "mobilenet", "mobilenet_v2", "mobilenet_v3", "nasnet", "resnet",
        "resnet_v2", "vgg16", "vgg19", "xception",
    ]  # fmt: skip


@pytest.mark.keras
@pytest.mark.parametrize("module", applications())
def test_keras_applications_equal_their_own_function(module: str) -> None:
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.applications, module).preprocess_input(
        PIXELS.astype(np.float32), data_format="channels_last"
    )
    ours, _ = build(f"keras:{module}", (6, 5), None, False)(PIXELS)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-5)


@pytest.mark.keras
def test_the_names_that_keras_gives_are_recognized() -> None:
    assert application_of("mobilenetv2_1.00_224") == "mobilenetv2"
    assert application_of("mobilenet_0.50_None") == "mobilenet"
    for name in (
        "resnet50",
        "resnet50v2",
        "efficientnetv2-b0",
        "MobileNetV3Small",
        "nasnet_mobile",
    ):
        assert application_of(name) is not None, name
    assert keras_application("ResNet50")["channels"] == "BGR"
    assert keras_application("resnet50v2") == keras_application("mobilenet_v2")
    for name in ("sequential", "functional_3", "my_resnet50", "resnet50_cars", "resnet"):
        assert application_of(name) is None, name


@pytest.mark.keras
def test_an_unknown_application() -> None:
    with pytest.raises(ModelLoadError, match=r'no "resnet51"; did you mean .*resnet50'):
        build("keras:resnet51", (4, 4), None, False)


def test_a_mapping_and_what_it_leaves_open() -> None:
    said = {
        "mean": [0.1, 0.2, 0.3],
        "std": 0.5,
        "resize": 9,
        "crop": [6, 5],
        "interpolation": "bicubic",
    }
    made = build(said, None, None, True)
    assert (made.size, made.mean, made.std) == ((6, 5), (0.1, 0.2, 0.3), (0.5,))
    assert (made.mode, made.resize, made.interpolation) == ("crop", 9, "bicubic")
    assert made.channels_first and made.assumed == ""
    assert build(made.mapping(), (6, 5), None, True) == made
    open_mode = build({"mean": 0.5, "std": 0.5}, (4, 4), "L", False)
    assert open_mode.mode == "squash" and open_mode.channels == "L"
    assert open_mode.assumed == "squashed to 4×4, bilinear (no mode was given)"


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        ("image-net", "did you mean 'imagenet'.*expected preprocess= \"0-1\""),
        ("torchvision", "not known; expected"),
        (None, "preprocess=None is not known"),
        ({"mean": 0.5}, "mean and std together"),
        ({"mode": "crop"}, "names no mean and std"),
        (
            {"mean": 0, "std": 1, "interpolate": "bicubic"},
            "no entry 'interpolate'; did you mean 'interpolation'",
        ),
        ({"mean": "0.5", "std": 1}, "mean must be numbers"),
        ({"mean": 0, "std": 1, "crop": 5}, r"crop is \(5, 5\), but the model's size is \(4, 4\)"),
        ({"mean": 0, "std": 1, "mode": "fill"}, "mode is one of"),
        ({"mean": 0, "std": 1, "resize": "9"}, "not understood"),
    ],
)
def test_what_is_not_understood(preprocess: object, message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        build(preprocess, (4, 4), None, False)


def test_without_a_size() -> None:
    with pytest.raises(ModelLoadError, match="takes images of any size, so say which: size=224"):
        build("0-1", None, None, False)
