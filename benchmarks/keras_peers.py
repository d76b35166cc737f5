"""Ours and two other ways on a Keras model: tf-keras-vis 0.8.7, and that of the tutorials.

tf-keras-vis and the tutorials need the TensorFlow backend; tf-keras-vis lies in a folder of its own
(`make bench` installs it from `benchmarks/requirements.txt`) and is left out where that is not
there.
It returns maps of the images' size, scaled to 0..1; the tutorials' way returns one of the layer's
size, divided by its maximum.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peers import OURS

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("LIMELIGHT_TEST_DATA", ROOT.parent / "shared" / "data"))
APART = ROOT / ".venv" / "bench"
VIS, TUTORIAL = "tf-keras-vis", "the tutorials' way"
#: By method: its module and class in tf-keras-vis.
CLASSES = {
    "gradcam": ("gradcam", "Gradcam"),
    "gradcam++": ("gradcam_plus_plus", "GradcamPlusPlus"),
    "layercam": ("layercam", "Layercam"),
}
#: By network, its last feature map.
LAYERS = {"resnet50": "conv5_block3_out", "mobilenet_v2": "out_relu"}
SIDE = 224


def network(name: str) -> Any:
    """ResNet-50 with random weights, or the real MobileNetV2 of LIMELIGHT_TEST_DATA."""
    import keras

    if name == "resnet50":
        return keras.applications.ResNet50(weights=None)
    return keras.saving.load_model(DATA / "models" / f"{name}.keras")


def prepared(files: list[Path]) -> Any:
    """Photographs (N, 224, 224, 3) as this model takes them."""
    import numpy as np
    from PIL import Image

    size, bilinear = (SIDE, SIDE), Image.Resampling.BILINEAR
    pixels = [np.asarray(Image.open(f).convert("RGB").resize(size, bilinear)) for f in files]
    return np.stack(pixels).astype(np.float32) / 127.5 - 1


def forward(model: Any, images: Any) -> Callable[[], Any]:
    """The plain pass, with its result on the host."""
    import numpy as np
    from keras import ops
    from overhead import keras_forward

    run = keras_forward(model, images)
    return lambda: np.asarray(ops.convert_to_numpy(run()))


def ways(
    model: Any, images: Any, method: str, layer: str, classes: list[int]
) -> dict[str, Callable[[], Any]]:
    """By library: the maps of `method`, of one class for each image."""
    import keras

    import limelight

    explainer = limelight.Explainer(model, method, layer)
    found: dict[str, Callable[[], Any]] = {OURS: lambda: explainer(images, target=classes).numpy()}
    if keras.backend.backend() != "tensorflow":
        return found
    if method in CLASSES and APART.is_dir():
        found[VIS] = of_vis(model, images, method, layer, classes)
    if method == "gradcam":
        found[TUTORIAL] = lambda: [
            by_tutorial(model, image[None], layer, c)
            for image, c in zip(images, classes, strict=True)
        ]
    return found


def of_vis(
    model: Any, images: Any, method: str, layer: str, classes: list[int]
) -> Callable[[], Any]:
    """tf-keras-vis, as its documentation recommends it for a softmax model."""
    import importlib

    sys.path.append(str(APART))
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    module, name = CLASSES[method]
    kind = getattr(importlib.import_module(f"tf_keras_vis.{module}"), name)
    visualize = kind(model, model_modifier=ReplaceToLinear(), clone=True)
    score = CategoricalScore(classes)
    # Otherwise it goes back from the layer to the last convolution before it.
    where = {"penultimate_layer": layer, "seek_penultimate_conv_layer": False}
    return lambda: visualize(score, images, **where)


def by_tutorial(model: Any, image: Any, layer: str, target: int) -> Any:
    """A map (h, w) of one image (1, H, W, 3): a second model with two outputs, built each time.

    The gradient of the class's probability, its mean over all positions, the weighted sum of the
    channels; negative values cut, divided by the maximum.
    """
    import keras
    import tensorflow as tf

    both = keras.Model(model.inputs[0], [model.get_layer(layer).output, *model.outputs])
    with tf.GradientTape() as tape:
        features, probabilities = both(image)
        score = probabilities[:, target]
    pooled = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
    heatmap = tf.squeeze(features[0] @ pooled[..., tf.newaxis])
    return (tf.maximum(heatmap, 0) / tf.math.reduce_max(heatmap)).numpy()
