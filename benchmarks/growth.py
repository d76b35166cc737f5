"""How the cost grows with the batch, the classes, the methods, the images' size and their number.

ResNet-18 with random weights on PyTorch, two threads, Grad-CAM at `layer4`, against the plain
forward pass of the same batch and torchcam, the quickest of the other libraries, which is called
again for each class, and again for each method. `images`: a run over files with a small network of
three convolutions, images a second and what the process holds.

    PYTHONPATH=tests python benchmarks/growth.py [--part classes]
    python benchmarks/growth.py --render                             docs/benchmarks.md again

Writes benchmarks/results/growth.json part by part.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from in_parts import in_parts
from measuring import PLAIN, Work, conditions, fresh, take_turns
from peers import CLASSES, OURS, PACKAGES, forward, network, of_torchcam, ours

PEER, LAYER = "torchcam", ["layer4"]
STEPS = {
    "batch": (1, 4, 16, 64),
    "classes": (1, 5, 20, 100),
    "methods": (1, 2, 5, 10),
    "side": (224, 448, 896),
    "images": (100, 1000, 10000),
}
TITLES = {
    "batch": "images in a batch, 224 × 224",
    "classes": "classes, 4 images",
    "methods": "methods, 4 images",
    "side": "pixels of a side, 2 images",
    "images": "images in a run",
}
#: As many as `STEPS` asks for; torchcam has those of its own among them.
METHODS = (
    "gradcam", "layercam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "eigencam",
    "eigengradcam", "fem", "cam",
)  # fmt: skip


def work(part: str, step: int) -> dict[str, Work]:
    import torch

    batch = step if part == "batch" else 2 if part == "side" else 4
    side = step if part == "side" else 224
    classes = list(range(step if part == "classes" else 1))
    methods = list(METHODS[: step if part == "methods" else 1])
    model, images = network("resnet18"), torch.randn(batch, 3, side, side)
    theirs = [
        of_torchcam(model, images, CLASSES[method][PEER], LAYER, [each] * batch)
        for method in methods
        if PEER in CLASSES[method]
        for each in classes
    ]
    found = {PLAIN: forward(model, images)}
    if len(methods) == 1:
        found[OURS] = ours(model, images, methods[0], LAYER, [classes])
    else:
        import limelight

        explainer = limelight.Explainer(model, methods, LAYER[0])
        found[OURS] = lambda: explainer(images, target=1)
    return found | {PEER: lambda: [run() for run in theirs]}


def times(part: str, step: int) -> dict[str, dict[str, float]]:
    return take_turns(work(part, step), 3 if step >= 50 else 5)


def run(images: int) -> dict[str, float]:
    """Images a second of a whole run, and megabytes that the process holds after it."""
    import limelight
    from runs import _resident, small_classifier, write_photographs

    with tempfile.TemporaryDirectory() as folder:
        photographs = write_photographs(Path(folder) / "photos", images, (160, 120), 16)
        classifier = small_classifier()
        start = time.perf_counter()
        limelight.run(classifier, photographs, out=Path(folder) / "run")
        seconds = time.perf_counter() - start
    return {"images a second": round(images / seconds, 1), "held MB": round(_resident(), 1)}


def measure(part: str) -> dict[str, Any]:
    if part == "images":
        return {str(step): fresh(run, step) for step in STEPS[part]}
    return {str(step): fresh(times, part, step) for step in STEPS[part]}


def render(parts: dict[str, Any]) -> str:
    lines = []
    for part, title in TITLES.items():
        figures = parts[part]["figures"]
        steps = [str(step) for step in STEPS[part]]
        lines += [f"| {title} | " + " | ".join(f"{int(s):,}" for s in steps) + " |"]
        lines += ["| --- |" + " ---: |" * len(steps)]
        rows: dict[str, Any] = {
            f"{name}, × forward pass": [f"{figures[s][name]['ratio']:.2f}" for s in steps]
            for name in (OURS, PEER)
            if part != "images"
        }
        if part == "images":
            for name in ("images a second", "held MB"):
                rows[name] = [f"{figures[s][name]:.0f}" for s in steps]
        else:
            rows["the forward pass, ms"] = [
                f"{1000 * figures[s][PLAIN]['seconds']:.0f}" for s in steps
            ]
        lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
        lines.append("")
    theirs = [m for m in METHODS if PEER in CLASSES[m]]
    lines.append(f"Of the {len(METHODS)} methods {PEER} has {len(theirs)}: {', '.join(theirs)}.")
    return "\n".join([*lines, "", conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("growth", __doc__, STEPS, PACKAGES, measure, render))
