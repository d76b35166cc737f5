"""Taken up again inside a residual block, a Keras model returns what a whole run would.

The whole run is Keras's own, on these images, with the layer's `call` replaced by the edit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight.arrays import to_numpy
from limelight.probes import Request, probe_for
from limelight.scores import Score

pytestmark = pytest.mark.keras

COMPILED = os.environ["KERAS_BACKEND"] != "torch"
# XLA compiles four programs for each.
DEAR = pytest.mark.soak if os.environ["KERAS_BACKEND"] == "jax" else ()
SIDE = (6, 4)


def images(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (count, *SIDE, 3)).astype(np.float32)


def convolution(name: str, stride: int = 1) -> Any:
    import keras

    return keras.layers.Conv2D(
        4, 3, strides=stride, padding="same", name=name, bias_initializer="normal"
    )


def residual() -> Any:
    """A residual network of two blocks; the second is a model of its own, with a projection."""
    import keras

    given = keras.Input((*SIDE, 3))
    stem = keras.layers.ReLU(name="stem_relu")(convolution("stem")(given))
    branch = keras.layers.ReLU(name="branch_relu")(convolution("branch")(stem))
    first = keras.layers.Add(name="first")([convolution("branch_end")(branch), stem])
    inner = keras.Input((*SIDE, 4))
    bent = keras.layers.ReLU(name="inner_relu")(convolution("inner_conv", 2)(inner))
    shortcut = convolution("shortcut", 2)(inner)
    block = keras.Model(inner, convolution("inner_end")(bent) + shortcut, name="block")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.ops.relu(block(first)))
    return keras.Model(given, keras.layers.Dense(5, name="head")(pooled))


def around(tail: Callable[..., Any]) -> Any:
    """conv – target – and then what `tail` makes of the target, the convolution and the images."""
    import keras

    class Around(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.target = convolution("before"), convolution("target")
            self.windows, self.head = Windows(), keras.layers.Dense(5, name="head")

        def call(self, given: Any) -> Any:
            before = self.before(given)
            windows = self.windows(before)
            found = tail(self, self.target(before), before, given, windows)
            return self.head(keras.ops.mean(found, (1, 2)))

    class Windows(keras.layers.Layer):
        """The halves of each image as images of their own; and what is no tensor of images."""

        def call(self, given: Any) -> dict[str, Any]:
            self.output_kept = given + 1
            halves = keras.ops.reshape(given, (-1, SIDE[0] // 2, *SIDE[1:], 4))
            return {"halves": halves, "number": 3, "offset": keras.ops.ones((1, 4))}

    model = Around()
    model(images(1))
    return model


def with_the_images(self: Any, a: Any, before: Any, given: Any, windows: Any) -> Any:
    return a * given[..., :1] + before


def with_windows(self: Any, a: Any, before: Any, given: Any, windows: Any) -> Any:
    import keras

    whole = keras.ops.reshape(windows["halves"], (-1, *SIDE, 4))
    return a * whole * windows["number"] + windows["offset"]


def twice(self: Any, a: Any, before: Any, given: Any, windows: Any) -> Any:
    import keras

    return self.target(keras.ops.relu(a)) + before


def of_the_whole_batch(self: Any, a: Any, before: Any, given: Any, windows: Any) -> Any:
    import keras

    return a * keras.ops.mean(before)


LAYERS = {
    "branch": "memories", "branch_relu": "memories", "stem": "clean cut", "first": "clean cut",
    "block/inner_relu": "memories", "block/shortcut": "memories", "block": "clean cut",
}  # fmt: skip


def stashed(self: Any, a: Any, before: Any, given: Any, windows: Any) -> Any:
    return a + self.windows.output_kept


TAILS: dict[Callable[..., Any], str] = {
    with_the_images: "memories",
    with_windows: "memories",
    of_the_whole_batch: "memories",
    twice: "whole",
    stashed: "whole",
}


@pytest.fixture(scope="module")
def network() -> Any:
    import keras

    keras.utils.set_random_seed(1)
    return residual()


def kind(reruns: Any) -> str:
    """How the model is taken up again."""
    if reruns.reason is not None:
        return "whole"
    if COMPILED:
        run, _ = reruns._activations()
        cells = dict(zip(run.__code__.co_freevars, run.__closure__, strict=True))
        return "memories" if cells["memories"].cell_contents else "clean cut"
    memories = reruns._planned().memories
    return "memories" if any(memory.read for memory in memories.values()) else "clean cut"


def compare(model: Any, layer: str, last: int = 0) -> Any:
    """The reruns, after their scores were those of whole runs, unedited and edited."""
    import keras

    probe = probe_for(model)
    batch = probe.prepare(images())
    request = Request((layer,), False, (Score(),), top=1)
    capture = probe.capture(batch, request, None)
    reruns = probe.reruns(batch, layer, request)
    activations = to_numpy(capture.activations[layer])
    logits = to_numpy(model(images(), training=False))
    size = np.abs(logits).max()
    found = reruns.activations(keras.ops.convert_to_tensor(activations), [0, 1, 2])
    np.testing.assert_allclose(to_numpy(found), logits, rtol=0, atol=1e-5 * size)
    which = [2, 0, 2, 1]
    edited = activations[which] * np.random.default_rng(1).uniform(0, 1.5, activations[which].shape)
    edited = edited.astype(np.float32)
    found = reruns.activations(keras.ops.convert_to_tensor(edited), which)
    expected = edited_run(model, probe.layers[layer], edited, which, last)
    assert np.abs(expected - logits[which]).max() > 1e-2 * size
    np.testing.assert_allclose(to_numpy(found), expected, rtol=0, atol=1e-5 * size)
    return reruns


def edited_run(model: Any, layer: Any, edited: np.ndarray, which: list[int], last: int) -> Any:
    import keras

    call, runs = layer.call, iter(range(9))
    value = keras.ops.convert_to_tensor(edited.transpose(0, 2, 3, 1))
    layer.call = lambda *args, **kwargs: value if next(runs) == last else call(*args, **kwargs)
    try:
        return to_numpy(model(images()[which], training=False))
    finally:
        del layer.call


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(layer, marks=() if layer in ("stem", "block/inner_relu") else DEAR)
        for layer in LAYERS
    ],
)
def test_6_the_replayed_tail_is_the_model(network: Any, layer: str) -> None:
    assert kind(compare(network, layer)) == LAYERS[layer]


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(tail, id=tail.__name__, marks=() if tail in (with_windows, stashed) else DEAR)
        for tail in TAILS
    ],
)
def test_models_that_are_hard_to_take_up_again(tail: Callable[..., Any]) -> None:
    import keras

    keras.utils.set_random_seed(1)
    reruns = compare(around(tail), "target", last=int(tail is twice))
    assert kind(reruns) == TAILS[tail], reruns.reason
