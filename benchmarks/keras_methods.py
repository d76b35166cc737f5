"""What maps of a Keras model cost on each backend, beside tf-keras-vis and the tutorials' way.

ResNet-50 with random weights, and on TensorFlow, where a pass is the quickest, the real MobileNetV2
(folder LIMELIGHT_TEST_DATA), on 8 photographs of `ilsvrc_val`; every way and the plain forward pass
take turns in one process, each from arrays of the host to results on the host; peak memory beyond
the model is that of a process for each.

    PYTHONPATH=tests python benchmarks/keras_methods.py                    all parts
    PYTHONPATH=tests python benchmarks/keras_methods.py --part jax         those that begin so
    python benchmarks/keras_methods.py --render                            docs/benchmarks.md again

Writes benchmarks/results/keras_methods.json part by part; exit code 1 where a limit is missed.
"""

from __future__ import annotations

import sys
from typing import Any

from in_parts import in_parts
from keras_peers import DATA, LAYERS, TUTORIAL, VIS, forward, network, prepared, ways
from measuring import (
    PLAIN,
    Claim,
    Work,
    ahead,
    as_table,
    cells,
    conditions,
    fresh,
    peak,
    take_turns,
)
from peers import OURS

PACKAGES = ("keras", "tensorflow-cpu", "jax", "torch", "numpy")
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
NETWORKS = {"resnet50": "ResNet-50", "mobilenet_v2": "MobileNetV2"}
METHODS = {"resnet50": ("gradcam", "gradcam++", "layercam"), "mobilenet_v2": ("gradcam",)}
#: Of the lighter network none: what a call costs whatever the model is weighs more there.
LIMITS = {"resnet50": 1.05}
BATCH, ROUNDS = 8, 9
PARTS = [*(f"{backend}/resnet50" for backend in BACKENDS), "tensorflow/mobilenet_v2"]


def work(name: str, method: str) -> dict[str, Work]:
    images = prepared(sorted((DATA / "ilsvrc_val").glob("*.[jJ]*"))[:BATCH])
    model = network(name)
    found = ways(model, images, method, LAYERS[name], [1] * BATCH)
    return {PLAIN: forward(model, images)} | found


def times(name: str) -> dict[str, Any]:
    return {method: take_turns(work(name, method), ROUNDS) for method in METHODS[name]}


def memory(name: str, library: str) -> float:
    """Of the first method, which all libraries have."""
    return peak(work(name, METHODS[name][0])[library], whole=True)


def measure(part: str) -> dict[str, Any]:
    backend, name = part.split("/")
    found = fresh(times, name, KERAS_BACKEND=backend)
    for library, figures in found[METHODS[name][0]].items():
        figures["peak MB"] = fresh(memory, name, library, KERAS_BACKEND=backend)
    return found


def claims(parts: dict[str, Any]) -> list[Claim]:
    found = []
    for part, kept in parts.items():
        backend, name = part.split("/")
        for method, figures in kept["figures"].items() if name in LIMITS else ():
            said = f"`{method}` of a {NETWORKS[name]} on {BACKENDS[backend]}, × forward pass"
            found.append(Claim(said, figures[OURS]["ratio"], LIMITS[name]))
    return found


def render(parts: dict[str, Any]) -> str:
    libraries = (OURS, VIS, TUTORIAL)
    lines = ["| | backend | | " + " | ".join(libraries) + " | forward pass |"]
    lines += ["| --- | --- | --- |" + " ---: |" * (len(libraries) + 1)]
    for part in PARTS:
        backend, name = part.split("/")
        for method, figures in parts[part]["figures"].items():
            row = f"{NETWORKS[name]} | {BACKENDS[backend]} | `{method}`"
            lines.append(f"| {row} | {cells(figures, libraries)} |")
    rows = {
        f"`{method}` of a {NETWORKS[part.partition('/')[2]]}": figures
        for part, kept in parts.items()
        if part.startswith("tensorflow/")  # the others have none beside us
        for method, figures in kept["figures"].items()
    }
    peers = ahead(rows, OURS)
    return "\n".join([*lines, "", as_table(claims(parts)), "", peers, "", conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("keras_methods", __doc__, PARTS, PACKAGES, measure, render, claims))
