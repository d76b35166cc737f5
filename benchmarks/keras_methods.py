"""What maps of a Keras model cost on each backend, beside tf-keras-vis and the tutorials' way.

The real MobileNetV2 (folder LIMELIGHT_TEST_DATA) on 8 photographs of `ilsvrc_val`; every way and
the plain forward pass take turns in one process, all results on the host; peak memory beyond the
model is that of a process for each.

    PYTHONPATH=tests python benchmarks/keras_methods.py                    all parts
    PYTHONPATH=tests python benchmarks/keras_methods.py --part jax         those that begin so
    python benchmarks/keras_methods.py --render                            docs/benchmarks.md again

Writes benchmarks/results/keras_methods.json part by part; exit code 1 where a limit is missed.
"""

from __future__ import annotations

import sys
from typing import Any

from in_parts import in_parts
from keras_peers import DATA, TUTORIAL, VIS, forward, network, prepared, ways
from measuring import (
    PLAIN,
    Claim,
    Work,
    as_table,
    conditions,
    fresh,
    peak,
    take_turns,
)
from peers import OURS

PACKAGES = ("keras", "tensorflow-cpu", "jax", "torch", "numpy")
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
METHODS = ("gradcam", "gradcam++", "layercam")
BATCH, ROUNDS, LIMIT = 8, 11, 1.05
PARTS = [f"{each}/{method}" for each in BACKENDS for method in METHODS]


def work(method: str) -> dict[str, Work]:
    images = prepared(sorted((DATA / "ilsvrc_val").glob("*.[jJ]*"))[:BATCH])
    model = network()
    return {PLAIN: forward(model, images)} | ways(model, images, method, [1] * BATCH)


def times(method: str) -> dict[str, dict[str, float]]:
    return take_turns(work(method), ROUNDS)


def memory(method: str, library: str) -> float:
    return peak(work(method)[library])


def measure(part: str) -> dict[str, Any]:
    backend, method = part.split("/")
    found = fresh(times, method, KERAS_BACKEND=backend)
    for library in found:
        found[library]["peak MB"] = fresh(memory, method, library, KERAS_BACKEND=backend)
    return found


def claims(parts: dict[str, Any]) -> list[Claim]:
    found = []
    for part, kept in parts.items():
        backend, method = part.split("/")
        said = f"`{method}` in Keras on {BACKENDS[backend]}, × forward pass"
        found.append(Claim(said, kept["figures"][OURS]["ratio"], LIMIT))
    return found


def render(parts: dict[str, Any]) -> str:
    libraries = (OURS, VIS, TUTORIAL)
    lines = ["| backend | | " + " | ".join(libraries) + " | forward pass |"]
    lines += ["| --- | --- |" + " ---: |" * (len(libraries) + 1)]
    for part in PARTS:
        backend, method = part.split("/")
        figures = parts[part]["figures"]
        cells = [
            f"{figures[each]['ratio']:.2f} · {figures[each]['peak MB']:.0f}"
            if each in figures
            else ""
            for each in libraries
        ]
        plain = figures[PLAIN]
        cells.append(f"{1000 * plain['seconds']:.0f} ms · {plain['peak MB']:.0f}")
        lines.append(f"| {BACKENDS[backend]} | `{method}` | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", as_table(claims(parts)), "", conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("keras_methods", __doc__, PARTS, PACKAGES, measure, render, claims))
