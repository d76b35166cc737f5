"""bfloat16 in the steps of a Keras training, float32 in all that is kept of it.

On a CPU, by saying that there is a GPU: bfloat16 is the same arithmetic there, only slower.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.models import load
from limelight.training import keras_precision, train_classifier
from training.shapes import shapes

pytestmark = pytest.mark.keras
OPTIONS: dict[str, Any] = {"batch_size": 16, "augment": (), "progress": False, "framework": "keras"}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types that ReLUs were called with."""
    keras = pytest.importorskip("keras")
    types: list[str] = []
    original = keras.layers.ReLU.call

    def call(self: Any, inputs: Any) -> Any:
        types.append(keras.backend.standardize_dtype(inputs.dtype))
        return original(self, inputs)

    monkeypatch.setattr(keras.layers.ReLU, "call", call)
    return types


def small() -> Any:
    """A model with a nested one, the way backbones are used."""
    import keras

    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(8, 3, strides=2, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
        ],
        name="inner",
    )
    image = keras.Input((32, 32, 3))
    pooled = layers.GlobalAveragePooling2D(name="pool")(inner(image))
    return keras.Model(image, layers.Dense(3, name="head")(pooled))


def test_inside_bfloat16_outside_as_before(seen: list[str]) -> None:
    model = small()
    images = np.random.default_rng(0).random((4, 32, 32, 3), np.float32)
    before = np.asarray(model.predict(images, verbose=0))
    seen.clear()
    with keras_precision.mixed(model, True):
        inside = model(images)
        assert seen == ["bfloat16"]
        assert "float32" in str(inside.dtype), "the loss takes float32"
        inner = model.get_layer("inner")
        assert inner.get_layer("conv").kernel.dtype == "float32"
    seen.clear()
    with keras_precision.mixed(model, False):
        model(images)
    assert seen == ["float32"]
    np.testing.assert_array_equal(np.asarray(model.predict(images, verbose=0)), before)


def test_put_back_after_an_error() -> None:
    model = small()
    with pytest.raises(KeyboardInterrupt), keras_precision.mixed(model, True):
        raise KeyboardInterrupt
    assert {layer.dtype_policy.name for layer in model.get_layer("inner").layers} == {"float32"}


@pytest.mark.compiles
def test_what_is_kept_is_float32(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seen: list[str]
) -> None:
    monkeypatch.setattr(keras_precision, "has_gpu", lambda: True)
    train, test = shapes(96), shapes(48, seed=1)
    out = tmp_path / "run"
    train_classifier(train, validation=test, epochs=6, learning_rate=0.02, out=out, **OPTIONS)
    assert "bfloat16" in seen
    classifier = load(out)
    assert {layer.dtype_policy.name for layer in classifier.model.layers} == {"float32"}
    # Validation is that of the model that is kept, to the last image.
    batch, _ = classifier.prepare(test[0])
    right = np.asarray(classifier.model.predict(batch, verbose=0)).argmax(1) == test[1]
    lines = (out / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("validation_accuracy")
    best = max(float(line.split(",")[column]) for line in lines[1:])
    assert right.mean() == pytest.approx(best, abs=1e-6)
    assert best > 0.8, "it learns"


def test_no_gpu_here_no_bfloat16(seen: list[str]) -> None:
    if keras_precision.has_gpu():
        pytest.skip("there is a GPU")
    train_classifier(shapes(24), validation=shapes(12, seed=1), epochs=1, **OPTIONS)
    assert set(seen) == {"float32"}
