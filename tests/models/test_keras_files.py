"""Keras files on every backend: what is read, what the model says of its input, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.errors import ModelLoadError
from limelight.models import load
from limelight.models.keras_files import activation, input_shape, metadata, outputs, read_model

pytestmark = pytest.mark.keras
keras = pytest.importorskip("keras")


def network(*first: Any, name: str | None = None, channels: int = 3) -> Any:
    """Sequential: the layers given, then convolution, pooling and a softmax over four classes."""
    return keras.Sequential(
        [
            keras.Input((16, 12, channels)),
            *first,
            keras.layers.Conv2D(5, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4, activation="softmax"),
        ],
        name=name,
    )


def functional(prepare: Callable[[Any], Any]) -> Any:
    image = keras.Input((16, 12, 3))
    x = keras.layers.Conv2D(5, 3)(prepare(image))
    return keras.Model(image, keras.layers.Dense(4)(keras.layers.GlobalMaxPooling2D()(x)))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_model_comes_back_from_both_formats(tmp_path: Path, suffix: str) -> None:
    model = network()
    model.save(tmp_path / f"m{suffix}")
    image = np.random.default_rng(0).random((2, 16, 12, 3), np.float32)
    back = read_model(tmp_path / f"m{suffix}")
    expected = keras.ops.convert_to_numpy(model(image))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(back(image)), expected, atol=1e-6)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_lambda_layer_is_refused_in_one_sentence(
    tmp_path: Path, suffix: str, nested: bool
) -> None:
    code = keras.layers.Lambda(lambda x: x * 2, output_shape=lambda shape: shape)
    if nested:
        code = keras.Sequential([keras.Input((16, 12, 3)), code])
    network(code).save(tmp_path / f"m{suffix}")
    with pytest.raises(
        ModelLoadError, match="holds a Lambda layer, which is Python code"
    ) as caught:
        load(tmp_path / f"m{suffix}", preprocess="0-1")
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_damaged_files_and_weights_alone(tmp_path: Path) -> None:
    for suffix in (".keras", ".h5"):
        path = tmp_path / f"m{suffix}"
        network().save(path)
        whole = path.read_bytes()
        for content in (b"", b"hello", whole[: len(whole) // 2]):
            path.write_bytes(content)
            with pytest.raises(ModelLoadError, match="not a whole Keras model file"):
                read_model(path)
    network().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ModelLoadError, match=r"weights alone.*model\.save\('model\.keras'\)"):
        load(tmp_path / "m.weights.h5")
    (tmp_path / "m.weights.h5").rename(tmp_path / "renamed.h5")
    with pytest.raises(ModelLoadError, match="weights alone"):
        load(tmp_path / "renamed.h5")


def test_a_layer_that_is_not_known_here(tmp_path: Path) -> None:
    class Doubling(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    network(Doubling()).save(tmp_path / "m.keras")
    with pytest.raises(ModelLoadError, match=r"needs the class Doubling, which is not known here"):
        read_model(tmp_path / "m.keras")


def test_models_that_take_no_image() -> None:
    a, b = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    with pytest.raises(ModelLoadError, match="the model takes 2 inputs"):
        load(keras.Model([a, b], keras.layers.Add()([a, b])))
    with pytest.raises(ModelLoadError, match=r"takes \(None, 7\), which is not a batch of images"):
        load(keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)]))


# --- what the model says of its input -----------------------------------------------------------

ZERO_TO_255 = {"mean": 0.0, "std": 1 / 255}
ZERO_TO_ONE = {"mean": 0.0, "std": 1.0}


def normalization(mean: float, variance: float) -> Any:
    return keras.layers.Normalization(mean=[mean] * 3, variance=[variance] * 3)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: network(keras.layers.Rescaling(1 / 255)), ZERO_TO_255),
        (lambda: network(keras.layers.Rescaling(1 / 127.5, offset=-1)), ZERO_TO_255),
        (lambda: network(keras.layers.Rescaling(2.0, offset=-1)), ZERO_TO_ONE),
        (lambda: network(normalization(118, 3400)), ZERO_TO_255),
        (lambda: network(normalization(0.45, 0.05)), ZERO_TO_ONE),
        (lambda: network(keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255)), ZERO_TO_255),
        (lambda: functional(lambda x: x / 255.0), ZERO_TO_255),
        (lambda: functional(lambda x: x / 127.5 - 1), ZERO_TO_255),
        (lambda: functional(keras.layers.Rescaling(1 / 255)), ZERO_TO_255),
        (lambda: functional(keras.applications.xception.preprocess_input), ZERO_TO_255),
        (lambda: functional(lambda x: (x - 0.5) / 0.2), ZERO_TO_ONE),
        (lambda: network(), None),
        (lambda: network(keras.layers.ZeroPadding2D(1)), None),
        (lambda: network(keras.layers.RandomFlip()), None),
        (lambda: network(keras.layers.BatchNormalization()), None),
        (lambda: functional(lambda x: x), None),
        (lambda: functional(lambda x: x / 8), None),  # 0..32: no convention at all
    ],
)
def test_scaling_inside_the_model_is_found(build: Any, expected: dict[str, float] | None) -> None:
    model = build()
    before = [np.array(w) for w in model.get_weights()]
    known = metadata(model)
    assert known.preprocess == expected
    assert known.size == (16, 12)
    assert (known.why != "") == (expected is not None)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("outer", [True, False])
def test_scaling_is_found_through_nesting(outer: bool) -> None:
    rescaling = keras.layers.Rescaling(1 / 255, name="into_range")
    backbone = network(*([] if outer else [rescaling]), name="backbone")
    first = [rescaling] if outer else []
    model = keras.Sequential([keras.Input((16, 12, 3)), *first, backbone])
    known = metadata(model)
    assert known.preprocess == ZERO_TO_255 and "'into_range'" in known.why
    image = keras.Input((16, 12, 3))
    x = rescaling(image) if outer else image
    known = metadata(keras.Model(image, backbone(x)))
    assert known.preprocess == ZERO_TO_255 and "'into_range'" in known.why


def test_subclassed_models_say_nothing() -> None:
    class Subclassed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network()

        def call(self, x: Any) -> Any:
            return self.inner(x)

    model = Subclassed()
    assert input_shape(model)[:3] == (None, None, None) and outputs(model) is None
    with pytest.raises(ModelLoadError, match=r"nothing says how images are prepared.*subclassed"):
        load(model, size=16)
    classifier = load(model, size=(16, 12), preprocess="0-1")
    assert classifier.preprocess.size == (16, 12) and classifier.framework == "keras"


def test_a_recognized_name_means_its_preprocessing() -> None:
    known = metadata(network(name="resnet50"))
    assert known.preprocess == "keras:resnet50" and "'resnet50'" in known.why
    assert known.classes is None  # four outputs
    assert metadata(network(name="my_resnet50")).preprocess is None


def test_names_that_promise_scaling_inside_count_only_where_it_is() -> None:
    """MobileNetV3, EfficientNet and ConvNeXt can be built with and without their scaling."""
    with pytest.raises(ModelLoadError, match="nothing says how images are prepared"):
        load(network(name="MobileNetV3Small"))
    rescaling = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")
    made = load(network(rescaling, name="MobileNetV3Small")).preprocess
    assert made.mean == (0.0,) and made.std == (1 / 255,)
    assert "'rescaling'" in made.assumed


def test_layout_and_channels() -> None:
    grey = load(network(channels=1), preprocess="0-1")
    array, _ = grey.preprocess(np.full((16, 12, 3), 255, np.uint8))
    assert array.shape == (16, 12, 1) and (array == 1).all()
    first = keras.Sequential(
        [keras.Input((3, 16, 12)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    array, frame = load(first, preprocess="0-1").preprocess(np.zeros((8, 8, 3), np.uint8))
    assert array.shape == (3, 16, 12) and frame.input_size == (16, 12)


def test_size_is_asked_for_where_the_model_takes_any() -> None:
    open_size = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    with pytest.raises(ModelLoadError, match="images of any size, so say which"):
        load(open_size, preprocess="0-1")
    assert load(open_size, preprocess="0-1", size=20).preprocess.size == (20, 20)
    with pytest.raises(ModelLoadError, match=r"takes 16×12 \(height × width\), and size=20"):
        load(network(), preprocess="0-1", size=20)


def test_outputs_and_activations() -> None:
    model = network()
    assert outputs(model) == 4 and activation(model) == "softmax"
    assert activation(keras.Sequential([keras.Input((16, 12, 3)), model])) == "softmax"
    assert outputs(functional(lambda x: x)) == 4 and activation(functional(lambda x: x)) == "linear"
    assert load(functional(lambda x: x), preprocess="0-1").activation == "softmax"
    for ending in ("sigmoid", "linear"):
        binary = keras.Sequential(
            [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(1, ending)]
        )
        assert load(binary, preprocess="0-1").activation == "sigmoid"
    tail = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Softmax()]
    )
    assert activation(tail) == "softmax"
