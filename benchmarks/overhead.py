"""The cost of an explanation beside the plain forward pass, in one run.

ResNet-50, batch 8, random weights, on PyTorch and on Keras with each backend. The plain pass,
Grad-CAM, and six methods for five classes take turns in a process for each framework; the median of
the rounds' ratios is reported, with the peak of memory beyond the model, of a process for each.

    PYTHONPATH=tests python benchmarks/overhead.py [--part keras-jax]
    python benchmarks/overhead.py --render                         its table from the results

Writes benchmarks/results/overhead.json and its table in README and docs/index.md; exit code 1 where
a limit is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from in_parts import in_parts
from measuring import PLAIN, Claim, Work, peak, take_turns, time_and_memory

PACKAGES = ("torch", "keras", "tensorflow-cpu", "jax", "numpy")
METHODS = ["gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam"]
ONE, SIX = "gradcam", "six methods × five classes"
CLASSES = [[1, 22, 333, 444, 555]]
BATCH, SIDE, ROUNDS = 8, 224, 9
LIMITS = {ONE: 1.05, SIX: 1.4}
MEMORY = 1.2
ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "index.md")
TITLES = {
    "torch": "PyTorch",
    "keras-tensorflow": "Keras on TensorFlow",
    "keras-jax": "Keras on JAX",
    "keras-torch": "Keras on PyTorch",
}


def torch_work() -> dict[str, Work]:
    from torchvision_registration import prepare_torchvision

    prepare_torchvision()
    import torch
    import torchvision

    import limelight

    torch.manual_seed(0)
    model = torchvision.models.resnet50().eval()
    images = torch.randn(BATCH, 3, SIDE, SIDE)
    one = limelight.Explainer(model)
    six = limelight.Explainer(model, METHODS)

    def forward() -> Any:
        with torch.inference_mode():
            return model(images)

    return {
        PLAIN: forward,
        ONE: lambda: one(images, target=1),
        SIX: lambda: six(images, target=CLASSES),
    }


def keras_work() -> dict[str, Work]:
    import keras
    import numpy as np

    import limelight

    keras.utils.set_random_seed(0)
    model = keras.applications.ResNet50(weights=None)
    images = np.random.default_rng(0).normal(size=(BATCH, SIDE, SIDE, 3)).astype(np.float32)
    one = limelight.Explainer(model)
    six = limelight.Explainer(model, METHODS)
    forward = keras_forward(model, images)

    def finished(maps: Any) -> Any:
        # JAX computes in the background: wait for what was asked.
        for each in maps.values() if isinstance(maps, dict) else [maps]:
            each.numpy()
        return maps

    return {
        PLAIN: lambda: np.asarray(keras.ops.convert_to_numpy(forward())),
        ONE: lambda: finished(one(images, target=1)),
        SIX: lambda: finished(six(images, target=CLASSES)),
    }


def keras_forward(model: Any, images: Any) -> Callable[[], Any]:
    """The fastest plain forward pass of the backend: compiled where it compiles."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(lambda x: model(x, training=False), autograph=False)
        return lambda: compiled(keras.ops.convert_to_tensor(images))
    if backend == "jax":
        import jax

        variables = (
            [v.value for v in model.trainable_variables],
            [v.value for v in model.non_trainable_variables],
        )
        run = jax.jit(lambda v, x: model.stateless_call(*v, x, training=False)[0])
        return lambda: run(variables, images)
    import torch

    def forward() -> Any:
        with torch.inference_mode():
            return model(keras.ops.convert_to_tensor(images), training=False)

    return forward


def work(framework: str) -> dict[str, Work]:
    return torch_work() if framework == "torch" else keras_work()


def times(framework: str) -> dict[str, dict[str, float]]:
    return take_turns(work(framework), ROUNDS)


def memory(framework: str, name: str) -> float:
    return peak(work(framework)[name], whole=framework != "torch")


def measure(framework: str) -> dict[str, Any]:
    backend = framework.removeprefix("keras-")
    return time_and_memory(times, memory, framework, KERAS_BACKEND=backend)


def of_memory(figures: dict[str, Any]) -> float:
    return round(figures[ONE]["peak MB"] / figures[PLAIN]["peak MB"], 2)


def claims(parts: dict[str, Any]) -> list[Claim]:
    found = []
    for part, kept in parts.items():
        figures, title = kept["figures"], TITLES[part]
        found += [
            Claim(f"{name}, {title}, × forward pass", figures[name]["ratio"], limit)
            for name, limit in LIMITS.items()
        ]
        found.append(Claim(f"{ONE}, {title}, × its memory", of_memory(figures), MEMORY))
    return found


def render(parts: dict[str, Any]) -> str:
    """The ratios as Markdown."""
    lines = [
        "| | Grad-CAM | six methods × five classes | peak memory, Grad-CAM |",
        "| --- | ---: | ---: | ---: |",
    ]
    for part, title in TITLES.items():
        figures = parts[part]["figures"]
        ratios = [figures[ONE]["ratio"], figures[SIX]["ratio"], of_memory(figures)]
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(f"| {title} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(in_parts("overhead", __doc__, TITLES, PACKAGES, measure, render, claims, PAGES))
