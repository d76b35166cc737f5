"""Invariant 6 on keras.applications: taken up again at a layer, a network gives its own logits.

With random weights and small images; one network at once, all others that fit into memory as a long
proof, as all are on JAX, where XLA compiles each for a quarter of a minute. Small networks on every
backend, and edits, are in test_keras_memories.py.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from limelight.arrays import to_numpy
from limelight.probes import Request, probe_for
from limelight.probes.choosing import choose
from limelight.scores import Score

pytestmark = pytest.mark.keras

# The sides of the images, the least that they take; without the largest of each family.
SIDES = {
    "VGG16": 32, "VGG19": 32, "MobileNet": 32, "MobileNetV2": 32, "MobileNetV3Small": 32,
    "MobileNetV3Large": 32, "ResNet50": 32, "ResNet50V2": 32, "ResNet101": 32, "ResNet101V2": 32,
    "DenseNet121": 32, "DenseNet169": 32, "EfficientNetB0": 32, "EfficientNetB1": 32,
    "EfficientNetV2B0": 32, "EfficientNetV2B1": 32, "ConvNeXtTiny": 32, "ConvNeXtSmall": 32,
    "NASNetMobile": 32, "Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75,
}  # fmt: skip
FIRST = set() if os.environ["KERAS_BACKEND"] == "jax" else {"MobileNetV2"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FIRST else pytest.mark.soak) for name in SIDES],
)
def test_6_unedited_activations_give_back_the_logits(name: str) -> None:
    """At the chosen layer, for two images in the other order."""
    import keras

    if name == "NASNetMobile" and os.environ["KERAS_BACKEND"] == "torch":
        pytest.skip("Keras itself does not build NASNet there")
    keras.utils.set_random_seed(0)
    shape = (SIDES[name], SIDES[name], 3)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=shape, classes=7, classifier_activation=None
    )
    probe = probe_for(model)
    images = np.random.default_rng(0).uniform(-1, 1, (2, *shape)).astype(np.float32)
    batch = probe.prepare(images)
    layer = choose(probe.trace(batch))
    request = Request(layers=(layer,), gradients=False, scores=(Score(),), top=1)
    capture = probe.capture(batch, request, None)
    order = [1, 0]
    edited = probe.xp.stack([capture.activations[layer][i] for i in order])
    reruns = probe.reruns(batch, layer, request)
    found = to_numpy(reruns.activations(edited, order))
    assert reruns.reason is None
    expected = to_numpy(capture.scores)[order]
    assert np.abs(expected[0] - expected[1]).max() > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
