"""No layer named: the one that is right, for each network of keras.applications in the table.

The whole table on PyTorch, where nothing is compiled; elsewhere one network of it, and a sum between
layers, which the choice of ConvNeXt rests on.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import architectures
from architectures import Architecture
from limelight import explain
from limelight.arrays import to_numpy
from limelight.probes import probe_for
from limelight.probes.choosing import choose

pytestmark = pytest.mark.keras

BACKEND = os.environ["KERAS_BACKEND"]
# Where networks are compiled, that takes seconds.
COMPILED = "keras:MobileNet"
ROWS = [row for row in architectures.KERAS if BACKEND == "torch" or row.source == COMPILED]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.source)
def test_the_choice(row: Architecture) -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = row.build()
    images = np.random.default_rng(0).normal(0, 1, (2, *row.size, 3)).astype(np.float32)
    probe = probe_for(model)
    trace = probe.trace(probe.prepare(images))
    assert choose(trace) == row.layer
    maps = explain(model, images, "hirescam", target=[1, 3])
    assert maps.layer == row.layer
    assert maps.numpy().shape == (2, *row.grid)
    for found in maps.numpy():
        assert np.ptp(found) > 1e-3 * np.abs(found).max() > 0, "the map is not constant"
    if BACKEND == "torch":
        the_tail_gives_the_output(model, row, images)


def the_tail_gives_the_output(model: Any, row: Architecture, images: np.ndarray) -> None:
    """Invariant 6: on other images, with these activations at the layer, these images' logits.

    In all of these networks, everything behind the layer depends on it alone.
    """
    import keras
    import torch

    # Random weights let some of these networks fade out to 1e-10, which a softmax would hide.
    model.layers[-1].activation = keras.activations.linear
    layer = next(each for each in model.operations if each.name == row.layer)
    call, kept = layer.call, []

    def keep(*args: Any, **kwargs: Any) -> Any:
        kept.append(call(*args, **kwargs))
        return kept[0]

    layer.call = keep
    try:
        with torch.no_grad():
            output, replayed = (
                to_numpy(model(given, training=False)) for given in (images, 0 * images)
            )
    finally:
        del layer.call
    with torch.no_grad():
        others = to_numpy(model(0 * images, training=False))
    size = np.abs(output - others).max()
    assert size > 0
    np.testing.assert_allclose(replayed, output, rtol=0, atol=1e-5 * size)
    assert tuple(kept[0].shape[1:3]) == row.grid


def test_a_sum_between_layers_is_explained() -> None:
    """It is the last map of residual networks that add without a layer for it."""
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    given = keras.Input((8, 9, 3))
    convolved = keras.layers.Conv2D(4, 3, padding="same", name="conv")(given)
    branch = keras.layers.Conv2D(4, 3, padding="same", name="branch")(convolved)
    pooled = keras.layers.GlobalAveragePooling2D()(convolved + branch)
    model = keras.Model(given, keras.layers.Dense(3, name="head")(pooled))
    images = np.random.default_rng(0).normal(0, 1, (2, 8, 9, 3)).astype(np.float32)
    maps = explain(model, images, "hirescam", target=[2, 0])
    assert maps.layer == "add"
    features = sum(to_numpy(keras.Model(given, each)(images)) for each in (convolved, branch))
    weights = to_numpy(model.get_layer("head").kernel)[:, [2, 0]].T[:, None, None]
    np.testing.assert_allclose(maps.numpy(), (features * weights).sum(-1) / 72, atol=1e-6)
