"""Grad-CAM of a PyTorch model in other memory formats and precisions, beside other libraries.

ResNet-50 with random weights, 8 images of 224 × 224: as it is, in `channels_last`, and in bfloat16.
Ours, the others and the plain forward pass, all of the same model, take turns in one process.

    PYTHONPATH=tests python benchmarks/formats.py [--part bfloat16]
    python benchmarks/formats.py --render                             docs/benchmarks.md again

Writes benchmarks/results/formats.json part by part; exit code 1 where a limit is missed.
"""

from __future__ import annotations

import sys
from typing import Any

from in_parts import in_parts
from measuring import (
    PLAIN,
    Claim,
    Work,
    ahead,
    as_table,
    cells,
    conditions,
    peak,
    take_turns,
    time_and_memory,
)
from peers import CLASSES, OURS, PACKAGES, forward, network, ways

PARTS = {"float32": "as it is", "channels_last": "`channels_last`", "bfloat16": "bfloat16"}
BATCH, SIDE, ROUNDS, LIMIT = 8, 224, 9, 1.05
METHOD = "gradcam"


def work(part: str) -> dict[str, Work]:
    import torch

    model, images = network("resnet50"), torch.randn(BATCH, 3, SIDE, SIDE)
    if part == "channels_last":
        model, images = (each.to(memory_format=torch.channels_last) for each in (model, images))
    if part == "bfloat16":
        model, images = model.bfloat16(), images.bfloat16()
    found = {PLAIN: forward(model, images)}
    for library, run in ways(model, images, METHOD, ["layer4"], [1] * BATCH).items():
        try:
            run()
        except TypeError:  # pytorch-grad-cam hands bfloat16 to NumPy, which has no such type
            continue
        found[library] = run
    return found


def times(part: str) -> dict[str, dict[str, float]]:
    return take_turns(work(part), ROUNDS)


def memory(part: str, library: str) -> float:
    return peak(work(part)[library])


def measure(part: str) -> dict[str, Any]:
    return time_and_memory(times, memory, part)


def claims(parts: dict[str, Any]) -> list[Claim]:
    return [
        Claim(f"`{METHOD}`, {PARTS[part]}, × forward pass", kept["figures"][OURS]["ratio"], LIMIT)
        for part, kept in parts.items()
    ]


def render(parts: dict[str, Any]) -> str:
    libraries = [OURS, *CLASSES[METHOD]]
    lines = ["| | " + " | ".join(libraries) + " | forward pass |"]
    lines += ["| --- |" + " ---: |" * (len(libraries) + 1)]
    for part, title in PARTS.items():
        row = cells(parts[part]["figures"], libraries, "fails")
        lines.append(f"| {title} | {row} |")
    peers = ahead({PARTS[part]: kept["figures"] for part, kept in parts.items()}, OURS)
    return "\n".join([*lines, "", as_table(claims(parts)), "", peers, "", conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("formats", __doc__, PARTS, PACKAGES, measure, render, claims))
