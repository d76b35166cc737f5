"""What the probe for Keras takes, what it keeps, and how it patches layers."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from limelight import Explainer, explain
from limelight.arrays import to_numpy
from limelight.errors import ImageError, LayerNotFound, ModelError, TargetError
from limelight.probes import probe_for
from oracles import networks
from oracles.any_model import methods_of_layers
from oracles.subjects import calling

pytestmark = pytest.mark.keras
NAMES = [method.name for method in methods_of_layers()]
IMAGES = networks.keras_images(3)


def backend() -> str:
    import keras

    return keras.backend.backend()


def test_runs_in_the_models_own_arrays() -> None:
    import keras

    found = explain(networks.keras_model(), IMAGES, target="top2")
    for array in (found.values, found.scores, found.target, found.probability):
        assert keras.ops.is_tensor(array)


def test_images_of_every_kind_are_taken() -> None:
    import keras

    model = networks.keras_model()
    expected = explain(model, IMAGES).numpy()
    for given in (keras.ops.convert_to_tensor(IMAGES), list(IMAGES), IMAGES.astype("f8")):
        np.testing.assert_allclose(explain(model, given).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "error", "said"),
    [
        (IMAGES[0], ImageError, r"batch \(N, H, W, C\).*\(17, 13, 3\).*images\[None\]"),
        (IMAGES[0, 0], ImageError, r"batch \(N, H, W, C\).*\(13, 3\)"),
        ((IMAGES * 9).astype("u1"), ImageError, "preprocessed floats.*uint8.*limelight.load"),
        (IMAGES[..., :2], ImageError, r"\('N', 17, 13, 3\).*\(3, 17, 13, 2\)"),
        (IMAGES[:, :9], ImageError, r"\('N', 17, 13, 3\).*\(3, 9, 13, 3\)"),
        (IMAGES[None], ImageError, r"\('N', 17, 13, 3\).*\(1, 3, 17, 13, 3\)"),
        (IMAGES[:0], ImageError, "batch is empty"),
        ("cat.jpg", ImageError, "bare model.*limelight.load"),
        ([IMAGES[0], IMAGES[1, :5]], ImageError, "arrays of one shape"),
        (None, ImageError, "NoneType is no batch"),
    ],
)
def test_what_is_no_batch_is_said_so(images: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        explain(networks.keras_model(), images)


def model_of(function: Any) -> Any:
    """A subclassed model, which says nothing of its shapes, and returns `function` of a map."""
    import keras

    class Returning(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv = keras.layers.Conv2D(4, 3, name="conv", kernel_initializer="ones")

        def call(self, images: Any) -> Any:
            return function(self.conv(images))

    model = Returning()
    model(IMAGES[:1])
    return model


def mean(values: Any) -> Any:
    import keras

    return keras.ops.mean(values, (1, 2))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            lambda a: a,
            r"output has the shape \(.*, 15, 11, 4\).*\(N, classes\).*target=<a callable",
        ),
        (
            lambda a: {"maps": a, "pooled": mean(a)},
            r"a dict of 'maps', 'pooled'.*not known: give target=lambda output: output\['maps'\]",
        ),
        (lambda a: (a, mean(a)), r"output has the shape \(.*, 15, 11, 4\)"),
        (lambda a: mean(a) * float("nan"), "not a number.*image 0, 1, 2"),
        (lambda a: mean(a)[:2], r"output has the shape \(2, 4\)"),
    ],
)
@pytest.mark.parametrize("layer", [None, "conv"])
def test_an_output_that_is_no_scores_is_said_so(
    function: Any, said: str, layer: str | None
) -> None:
    with pytest.raises(ModelError, match=said):
        explain(model_of(function), IMAGES, layer=layer)


def test_images_that_a_subclassed_model_cannot_take() -> None:
    model = model_of(mean)
    with pytest.raises(ImageError, match=r"images of 3 channels.*\(\d, 17, 13, 2\) with 2"):
        explain(model, IMAGES[..., :2])
    with pytest.raises(ModelError, match=r"cannot take images of shape \(\d, 2, 2, 3\): \w"):
        explain(model, IMAGES[:, :2, :2])


def test_any_other_output_is_explained_through_a_callable() -> None:
    model = model_of(lambda a: {"features": a})
    found = explain(
        model, IMAGES, "hirescam", layer="conv", target=lambda out: out["features"][:, 4, 5, 1]
    )
    features = to_numpy(model.conv(IMAGES))
    expected = np.zeros((3, 15, 11))
    expected[:, 4, 5] = features[:, 4, 5, 1]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    assert found.target is None and found.probability is None and found.scores is None


@pytest.mark.parametrize("result", [lambda out: 1.0, lambda out: out, lambda out: out[0, 0]])
def test_a_callable_that_gives_something_else(result: Any) -> None:
    with pytest.raises(TargetError, match=r"callable.*one score per image"):
        explain(networks.keras_model(), IMAGES, target=result)


def test_a_layer_that_does_not_return_one_tensor() -> None:
    import keras

    class Pair(keras.layers.Layer):
        def call(self, values: Any) -> Any:
            return values, 2 * values

    given = networks.keras_input()
    first, second = Pair(name="pair")(networks.keras_layer("conv1")(given))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Add(name="sum")([first, second]))
    model = keras.Model(given, pooled)
    with pytest.raises(LayerNotFound, match=r"'pair' exists, but .* than one tensor"):
        explain(model, IMAGES, layer="pair")
    assert explain(model, IMAGES).layer == "sum"


def test_channels_first() -> None:
    """Where the backend's kernels on the CPU have it; a Flatten left at its default is no sign."""
    import keras

    if backend() == "tensorflow":
        pytest.skip("TensorFlow has no convolution with channels first on the CPU")
    target = np.array([2, 0, 1])
    model = networks.keras_model("softmax", data_format="channels_first")
    for layer in ("conv1", "relu3"):
        found = explain(model, networks.images(3), "hirescam", layer=layer, target=target)
        a, g, _ = networks.plain_evidence(networks.images(3), layer, target)
        np.testing.assert_allclose(found.numpy(), (a * g).sum(1), atol=1e-5)
        assert found.frames[0].input_size == networks.SIZE
        assert not found.channels_last
    given = networks.keras_input("channels_first")
    conv = networks.keras_layer("conv1", "channels_first")
    flat = keras.layers.Flatten()(keras.layers.ReLU(name="relu")(conv(given)))
    model = keras.Model(given, keras.layers.Dense(2, kernel_initializer="ones")(flat))
    assert explain(model, networks.images(1)).values.shape == (1, 15, 11)
    with pytest.raises(ImageError, match=r"batch \(N, C, H, W\)"):
        explain(model, networks.images(1)[0])


def test_mixed_precision() -> None:
    """Maps and scores are float32 and near to those of the float32 model."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = networks.keras_model("softmax")
    finally:
        keras.config.set_dtype_policy("float32")
    found = explain(model, IMAGES, "hirescam", target=1)
    expected = explain(networks.keras_model("softmax"), IMAGES, "hirescam", target=1)
    assert found.numpy().dtype == to_numpy(found.scores).dtype == np.float32
    size = np.abs(expected.numpy()).max()
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=0.05 * size)


def test_a_model_that_was_never_called_is_built() -> None:
    import keras

    layers = [networks.keras_layer(name) for name in networks.LAYERS]
    sequential = keras.Sequential([*layers, *networks.keras_head("softmax")])
    found = explain(sequential, IMAGES, layer="conv3")
    assert found.values.shape == (3, 4, 3) and sequential.built
    networks.fill(sequential)
    expected = explain(networks.keras_model("softmax"), IMAGES, layer="conv3")
    np.testing.assert_allclose(
        explain(sequential, IMAGES, layer="conv3").numpy(), expected.numpy(), atol=1e-6
    )


def test_the_model_is_run_once_and_traced_once() -> None:
    """On torch every run is a call; on TensorFlow and JAX calls are what is traced."""
    calls: list[int] = []
    model = calling("keras", lambda: calls.append(1))
    calls.clear()
    explainer = Explainer(model, ["gradcam", "layercam"], ["conv1", "relu3"])
    explainer(IMAGES, target="top3")
    first = len(calls)
    explainer(IMAGES, target="top3")
    second = len(calls) - first
    if backend() == "torch":
        assert (first, second) == (1, 1)
    else:
        assert second == 0
    explain(model, IMAGES, target="top3")  # the layer is looked for
    calls.clear()
    explain(model, IMAGES, target="top3")
    explain(model, IMAGES[:2], target="top3", batch_size=2)
    assert len(calls) == (2 if backend() == "torch" else 0)


def test_new_weights_are_used_at_once() -> None:
    """What is compiled holds no weights, whether they are trained or frozen meanwhile."""
    import keras

    given = keras.Input((9, 8, 3))
    options: dict[str, Any] = {"padding": "same", "kernel_initializer": "zeros"}
    first = keras.layers.Conv2D(3, 3, name="first", **options)
    second = keras.layers.Conv2D(3, 3, name="second", **options)
    model = keras.Model(given, keras.layers.GlobalAveragePooling2D()(second(first(given))))
    images = np.random.default_rng(0).normal(0, 1, (2, 9, 8, 3)).astype(np.float32)
    kernels = np.random.default_rng(1).normal(0, 1, (2, 3, 3, 3, 3)).astype(np.float32)
    explainer = Explainer(model, ["hirescam", "cam"], "second")
    for trainable in ((True, True), (False, True), (True, False)):
        first.trainable, second.trainable = trainable
        kernels = kernels[::-1] * 1.1
        for layer, kernel in zip((first, second), kernels, strict=True):
            layer.set_weights([kernel, np.zeros(3, np.float32)])
        found = explainer(images, target=0)
        features = to_numpy(second(first(images)))
        np.testing.assert_allclose(found["cam"].numpy(), features[..., 0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(
            found["hirescam"].numpy(), features[..., 0] / 72, rtol=1e-4, atol=1e-5
        )


def test_a_model_may_be_forgotten() -> None:
    model = networks.keras_model("softmax")
    explain(model, IMAGES, NAMES, target="top2")
    explain(model, IMAGES, target=lambda output: output[:, 0])
    forgotten = weakref.ref(model)
    del model
    gc.collect()
    assert forgotten() is None


def test_each_callable_is_itself() -> None:
    """What was compiled for one is not used for another, although both are called the same."""
    model = networks.keras_model()
    _, _, logits = networks.plain_evidence(networks.images(1), "relu3", np.array([0]))
    for number in (2, 1):

        def target(output: Any, number: int = number) -> Any:
            return output[:, number]

        found = explain(model, IMAGES[:1], "hirescam", layer="relu3", target=target)
        bias = networks.weights()["head"][1][number]
        assert found.numpy().sum() == pytest.approx(logits[0, number] - bias, abs=1e-4)


def test_what_is_kept_of_a_model_is_bounded() -> None:
    """A user with a new callable for each call does not fill the memory."""
    from limelight.probes.keras import PerModel

    class Compiled:
        pass

    kept, probe = PerModel(), probe_for(networks.keras_model())
    made = [weakref.ref(kept.get(probe, key, Compiled)) for key in range(100)]
    gc.collect()
    alive = [key for key, reference in enumerate(made) if reference() is not None]
    assert alive == list(range(alive[0], 100)) and 10 <= len(alive) <= 50
    assert kept.get(probe, 99, Compiled) is made[99]()
    other = probe_for(networks.keras_model())
    assert kept.get(other, 99, Compiled) is not made[99]()


def test_a_changed_model_is_seen_anew() -> None:
    import keras

    model = networks.keras_model()
    plain = explain(model, IMAGES, target=0)
    model.get_layer("head").activation = keras.activations.softmax
    softened = explain(model, IMAGES, target=0)
    np.testing.assert_allclose(to_numpy(softened.scores), to_numpy(plain.scores), atol=1e-6)
    np.testing.assert_allclose(softened.numpy(), plain.numpy(), atol=1e-6)
    model.get_layer("head").activation = keras.activations.tanh
    bent = explain(model, IMAGES, target=0)
    np.testing.assert_allclose(to_numpy(bent.scores), np.tanh(to_numpy(plain.scores)), atol=1e-6)


def test_patches_are_of_one_thread() -> None:
    """Another thread calls the layer as it is; afterwards it is what it was, for everybody."""
    import keras

    from limelight.probes.keras_patching import patched, without_activation

    layer = keras.layers.Activation("softmax")
    values = keras.ops.convert_to_tensor(np.array([[1.0, 3.0]], np.float32))
    expected = to_numpy(layer(values))
    other: list[np.ndarray] = []

    def call() -> None:
        other.append(to_numpy(layer(values)))

    def in_another_thread() -> np.ndarray:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join(30)
        return other.pop()

    before = dict(vars(layer))
    with without_activation(layer):
        np.testing.assert_array_equal(to_numpy(layer(values)), to_numpy(values))
        np.testing.assert_array_equal(in_another_thread(), expected)
        assert layer.activation.__name__ == "softmax", "what it is called by does not change"
    with patched({"it": layer}, lambda name, call: lambda given: 2 * call(given)):
        np.testing.assert_array_equal(to_numpy(layer(values)), 2 * expected)
        with patched({"it": layer}, lambda name, call: lambda given: 5 * call(given)):
            np.testing.assert_allclose(to_numpy(layer(values)), 10 * expected)
        np.testing.assert_array_equal(in_another_thread(), expected)
    assert dict(vars(layer)) == before
    np.testing.assert_array_equal(to_numpy(layer(values)), expected)


def test_keras_2_objects_are_said_so() -> None:
    kind = type("Functional", (), {"__module__": "tf_keras.src.engine.functional"})
    for made in (kind(), type("Mine", (kind,), {"__module__": "__main__"})()):
        with pytest.raises(ModelError, match=r"Keras 2 model.*needs Keras 3.*load_model"):
            probe_for(made)
        with pytest.raises(ModelError, match="Keras 2"):
            explain(made, IMAGES)
