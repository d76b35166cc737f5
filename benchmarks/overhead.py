"""The cost of an explanation beside the plain forward pass, in one run.

ResNet-50, batch 8, random weights, on PyTorch and on Keras with each backend, every framework in
a process of its own. The plain pass, Grad-CAM, and six methods for five classes take turns; the
median of the rounds' ratios is reported, with the peak of memory beyond the model.

    python benchmarks/overhead.py [--rounds 9] [--only torch]
    python benchmarks/overhead.py --render                        its table from the results

Writes benchmarks/results/overhead.json and its table in README and docs/index.md; exit code 1 where
a limit is missed.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sections import write_section

FRAMEWORKS = ("torch", "keras-tensorflow", "keras-jax", "keras-torch")
METHODS = ["gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam"]
CLASSES = [[1, 22, 333, 444, 555]]
BATCH, SIDE = 8, 224
LIMITS = {"gradcam": 1.05, "six methods × five classes": 1.4, "memory": 1.2}
RESULTS = Path(__file__).parent / "results" / "overhead.json"
ROOT, SCRIPT = Path(__file__).parents[1], "benchmarks/overhead.py"
PAGES = (ROOT / "README.md", ROOT / "docs" / "index.md")
TITLES = {
    "torch": "PyTorch",
    "keras-tensorflow": "Keras on TensorFlow",
    "keras-jax": "Keras on JAX",
    "keras-torch": "Keras on PyTorch",
}


def torch_work() -> dict[str, Callable[[], Any]]:
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
        "forward": forward,
        "gradcam": lambda: one(images, target=1),
        "six methods × five classes": lambda: six(images, target=CLASSES),
    }


def keras_work() -> dict[str, Callable[[], Any]]:
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
        "forward": lambda: np.asarray(keras.ops.convert_to_numpy(forward())),
        "gradcam": lambda: finished(one(images, target=1)),
        "six methods × five classes": lambda: finished(six(images, target=CLASSES)),
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


def peak_of(work: Callable[[], Any]) -> int:
    """Bytes of resident memory that one more run of `work` takes at its peak."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from now
    before = resident("VmRSS")
    work()
    return resident("VmHWM") - before


def resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def measure(framework: str, rounds: int) -> dict[str, Any]:
    work = torch_work() if framework == "torch" else keras_work()
    for run in work.values():
        run()
        run()
    wall: dict[str, list[float]] = {name: [] for name in work}
    processor: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, run in work.items():
            start, used = time.perf_counter(), time.process_time()
            run()
            wall[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - used)

    def ratio(times: dict[str, list[float]], name: str) -> float:
        pairs = zip(times[name], times["forward"], strict=True)
        return round(statistics.median(mine / plain for mine, plain in pairs), 3)

    memory = {name: statistics.median(peak_of(run) for _ in range(3)) for name, run in work.items()}
    return {
        "forward seconds": round(statistics.median(wall["forward"]), 4),
        "forward CPU seconds": round(statistics.median(processor["forward"]), 4),
        "ratios of time": {name: ratio(wall, name) for name in work if name != "forward"},
        "ratios of CPU time": {name: ratio(processor, name) for name in work if name != "forward"},
        "peak extra MB": {name: round(peak / 2**20, 1) for name, peak in memory.items()},
        "ratio of memory": round(memory["gradcam"] / memory["forward"], 3),
    }


def missed(found: dict[str, Any]) -> list[str]:
    """The limits that the figures of one framework do not keep."""
    figures = {**found["ratios of time"], "memory": found["ratio of memory"]}
    return [
        f"{name} {figures[name]} > {limit}"
        for name, limit in LIMITS.items()
        if figures[name] > limit
    ]


def render(results: dict[str, Any]) -> str:
    """The ratios as Markdown."""
    lines = [
        "| | Grad-CAM | six methods × five classes | peak memory, Grad-CAM |",
        "| --- | ---: | ---: | ---: |",
    ]
    for framework, found in results["figures"].items():
        ratios = [*found["ratios of time"].values(), found["ratio of memory"]]
        cells = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(f"| {TITLES[framework]} | {cells} |")
    return "\n".join(lines)


def write_pages(results: dict[str, Any]) -> None:
    """Put the table where it is shown."""
    for page in PAGES:
        write_section(page, SCRIPT, render(results))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=FRAMEWORKS, action="append")
    parser.add_argument("--child", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--render", action="store_true", help="render only")
    asked = parser.parse_args()
    if asked.render:
        write_pages(json.loads(RESULTS.read_text("utf-8")))
        return 0
    if asked.child:
        print(json.dumps(measure(asked.child, asked.rounds)))
        return 0
    found: dict[str, Any] = {}
    for framework in asked.only or FRAMEWORKS:
        backend = framework.removeprefix("keras-")
        done = subprocess.run(
            [sys.executable, __file__, "--child", framework, "--rounds", str(asked.rounds)],
            env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found[framework] = json.loads(done.stdout.splitlines()[-1])
        print(framework, json.dumps(found[framework], ensure_ascii=False), flush=True)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    if not asked.only:
        RESULTS.parent.mkdir(exist_ok=True)
        text = json.dumps(
            {"command": "python benchmarks/overhead.py", "machine": machine, "figures": found},
            ensure_ascii=False,
            indent=1,
        )
        RESULTS.write_text(text + "\n", encoding="utf-8")
        write_pages(json.loads(text))
    problems = [f"{name}: {text}" for name, figures in found.items() for text in missed(figures)]
    print("\n".join(problems) or "every limit is kept")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
