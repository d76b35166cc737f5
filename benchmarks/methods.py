"""What the methods of one pass cost beside the plain forward pass, and beside other libraries.

ResNet-18 and ResNet-50 of torchvision with random weights, 8 images of 224 × 224, two threads; one
class for each image, at `layer4`, for RefineCAM at stages 2 to 4. For each method our way, those of
other libraries and the plain pass take turns in one process; their peak of memory beyond the model
is that of a process for each.

    PYTHONPATH=tests python benchmarks/methods.py                     all parts
    PYTHONPATH=tests python benchmarks/methods.py --part resnet18     those that begin so
    python benchmarks/methods.py --render                             docs/benchmarks.md again

Writes benchmarks/results/methods.json part by part; exit code 1 where a limit is missed.
"""

from __future__ import annotations

import sys
from functools import cache
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
    fresh,
    peak,
    take_turns,
)
from peers import CLASSES, OURS, PACKAGES, forward, network, ways

BATCH, SIDE = 8, 224
NETWORKS = {"resnet18": "ResNet-18", "resnet50": "ResNet-50"}
ROUNDS, FEWER = {"resnet18": 25, "resnet50": 9}, 3
#: The gradient family, which needs nothing but the pass and the way back to the layer.
FAMILY = ("gradcam", "gradcam++", "xgradcam", "hirescam", "gradcam-elementwise", "layercam")
OTHERS = (
    "cam", "eigencam", "eigengradcam", "kpcacam", "fem", "smoothgradcam++", "finercam", "refinecam",
    "affinitycam", "shapleycam", "segeigencam", "dff", "fullgrad", "guidedgradcam", "saliency",
)  # fmt: skip
METHODS = (*FAMILY, *OTHERS)
LIMITS = {
    **{(each, method): 1.05 for each in NETWORKS for method in FAMILY},
    ("resnet50", "eigencam"): 1.1,
    ("resnet50", "refinecam"): 1.7,
}
LIMITED = {method for _, method in LIMITS}
#: On both networks; the others on the smaller one alone.
BOTH = (*FAMILY, "eigencam", "eigengradcam", "refinecam")
PARTS = [
    f"{each}/{method}"
    for each in NETWORKS
    for method in METHODS
    if method in BOTH or each == "resnet18"
]


def work(name: str, method: str) -> dict[str, Work]:
    """The plain pass and every library's way."""
    import torch

    model = network(name)
    images = torch.randn(BATCH, 3, SIDE, SIDE)
    several = method in ("refinecam", "affinitycam")
    layers = ["layer2", "layer3", "layer4"] if several else ["layer4"]
    plain = {PLAIN: forward(model, images)}
    return plain | ways(model, images, method, layers, [1] * BATCH)


def times(name: str, method: str) -> dict[str, dict[str, float]]:
    rounds = ROUNDS[name] if method in LIMITED else FEWER
    return take_turns(work(name, method), rounds)


def memory(name: str, method: str, library: str) -> float:
    return peak(work(name, method)[library])


def measure(part: str) -> dict[str, Any]:
    name, method = part.split("/")
    found: dict[str, Any] = fresh(times, name, method)
    for library, figures in found.items():
        figures["peak MB"] = (
            of_plain(name) if library == PLAIN else fresh(memory, name, method, library)
        )
    return found


@cache
def of_plain(name: str) -> float:
    """The peak of the plain pass, which is the same beside each method."""
    found: float = fresh(memory, name, METHODS[0], PLAIN)
    return found


def claims(parts: dict[str, Any]) -> list[Claim]:
    return [
        Claim(
            f"`{method}` on {NETWORKS[name]}, × forward pass",
            parts[f"{name}/{method}"]["figures"][OURS]["ratio"],
            limit,
        )
        for (name, method), limit in LIMITS.items()
        if f"{name}/{method}" in parts
    ]


def render(parts: dict[str, Any]) -> str:
    """Ratios and peaks of both networks, the claims, and where another library is ahead."""
    libraries = [OURS, *dict.fromkeys(name for by in CLASSES.values() for name in by)]
    lines = []
    for name, title in NETWORKS.items():
        lines += [
            f"**{title}**: time as a multiple of the plain forward pass · peak memory in MB",
            "",
        ]
        lines += ["| | " + " | ".join(libraries) + " | forward pass |"]
        lines += ["| --- |" + " ---: |" * (len(libraries) + 1)]
        for part in (part for part in PARTS if part.startswith(f"{name}/")):
            method, figures = part.partition("/")[2], parts[part]["figures"]
            lines.append(f"| `{method}` | {cells(figures, libraries)} |")
        lines.append("")
    return "\n".join(
        [*lines, as_table(claims(parts)), "", peers_ahead(parts), "", conditions(parts)]
    )


def peers_ahead(parts: dict[str, Any]) -> str:
    rows = {}
    for part, kept in parts.items():
        name, method = part.split("/")
        rows[f"`{method}` on {NETWORKS[name]}"] = kept["figures"]
    return ahead(rows, OURS)


if __name__ == "__main__":
    sys.exit(in_parts("methods", __doc__, PARTS, PACKAGES, measure, render, claims))
