"""What it costs to build a two-output model for every image, as notebooks do.

MobileNetV2 with random weights in Keras on TensorFlow, one image at a time: the notebooks' way
(a new model, `GradientTape`, eager) against one `Explainer`, in turns; the median of the ratios.

    python benchmarks/rebuilding.py

Writes benchmarks/results/rebuilding.json.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import limelight

RESULTS = Path(__file__).parent / "results" / "rebuilding.json"
LAYER, ROUNDS, SIDE = "out_relu", 7, 224


def by_hand(model: Any, image: Any) -> Any:
    """The notebooks' Grad-CAM, with their rebuilding and without their bugs."""
    both = keras.Model(model.inputs[0], [model.get_layer(LAYER).output, *model.outputs])
    with tf.GradientTape() as tape:
        features, scores = both(image)
        score = tf.reduce_max(scores, axis=1)
    weights = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)).numpy()


def main() -> None:
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(weights=None, classifier_activation=None)
    images = np.random.default_rng(0).random((ROUNDS + 1, 1, SIDE, SIDE, 3)).astype(np.float32)
    explainer = limelight.Explainer(model, layer=LAYER)
    seconds: dict[str, list[float]] = {"rebuilt": [], "kept": []}
    difference = 0.0
    for image in images:
        start = time.perf_counter()
        theirs = by_hand(model, image)
        middle = time.perf_counter()
        ours = explainer(image).numpy()
        seconds["kept"].append(time.perf_counter() - middle)
        seconds["rebuilt"].append(middle - start)
        difference = max(difference, float(np.abs(ours - theirs).max() / theirs.max()))
    ratios = [a / b for a, b in zip(seconds["rebuilt"][1:], seconds["kept"][1:], strict=True)]
    results = {
        "rebuilt / kept": round(statistics.median(ratios), 2),
        "all ratios": [round(ratio, 2) for ratio in ratios],
        "rebuilt, seconds an image": round(statistics.median(seconds["rebuilt"][1:]), 3),
        "kept, seconds an image": round(statistics.median(seconds["kept"][1:]), 3),
        "largest difference of the maps, of the maximum": float(f"{difference:.1e}"),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
