"""What the methods that score edits cost beside the plain forward pass and other libraries.

Time and memory: ResNet-18 of torchvision with random weights, one image of 224 × 224, `layer4`, two
threads; our ways, those of other libraries and the plain pass take turns in one process, and the
peak of memory beyond the model is that of a process for each. Other libraries run with their own
batch sizes.

    PYTHONPATH=tests python benchmarks/rescoring.py                     all parts
    PYTHONPATH=tests python benchmarks/rescoring.py --part scorecam     those that begin so
    python benchmarks/rescoring.py --render                             docs/benchmarks.md again

Writes benchmarks/results/rescoring.json part by part; exit code 1 where a limit is missed.
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
    conditions,
    peak,
    take_turns,
    time_and_memory,
)
from peers import OURS, PACKAGES, forward, network, ours, ways

LAYER, SIDE, ROUNDS = "layer4", 224, {"ablationcam": 15, "scorecam": 5}
CLASSES = [1, 22, 333, 444, 555]
CHANNELS = 64
FEW, FIVE = f"{OURS}, {CHANNELS} channels", f"{OURS}, five classes"
CLOSED, REPLAY, INNER = f"{OURS}, closed form", f"{OURS}, replay", f"{OURS}, replay from layer4.0"
PARTS = ("ablationcam", "scorecam")


def work(part: str) -> dict[str, Work]:
    """The plain pass and every way of this part."""
    import torch

    model = network("resnet18")
    image = torch.randn(1, 3, SIDE, SIDE)
    found = {PLAIN: forward(model, image)}
    by_library = ways(model, image, part, [LAYER], [1])
    if part == "ablationcam":
        return found | {
            CLOSED: by_library.pop(OURS),
            REPLAY: replayed_ablation(model, image),
            INNER: ours(model, image, part, ["layer4.0"], [1]),
            **by_library,
        }
    few = ours(model, image, part, [LAYER], [1], options={"channels": CHANNELS})
    five = ours(model, image, part, [LAYER], [CLASSES])
    return found | {OURS: by_library.pop(OURS), FIVE: five, FEW: few, **by_library}


def replayed_ablation(model: Any, image: Any) -> Work:
    """Ablation-CAM as where the head has no closed form."""
    import numpy as np

    from limelight.evidence import Evidence
    from limelight.explainer.rescoring import Rescorer
    from limelight.methods import find_method
    from limelight.probes import Request, probe_for
    from limelight.scores import Score

    probe = probe_for(model)
    request = Request((LAYER,), False, (Score(),))

    def run() -> Any:
        capture = probe.capture(image, request, np.array([[1]]))
        rescorer = Rescorer(probe, image, request, capture, LAYER, Score(), closed=False)
        evidence = Evidence(probe.xp, capture.activations[LAYER], rescoring=rescorer)
        return find_method("ablationcam")(evidence)

    return run


def times(part: str) -> dict[str, dict[str, float]]:
    return take_turns(work(part), ROUNDS[part])


def memory(part: str, name: str) -> float:
    return peak(work(part)[name])


def measure(part: str) -> dict[str, Any]:
    return time_and_memory(times, memory, part)


def claims(parts: dict[str, Any]) -> list[Claim]:
    found = []
    if "ablationcam" in parts:
        figures = parts["ablationcam"]["figures"]
        for name, limit in ((CLOSED, 1.3), (REPLAY, 8.0)):
            way = name.partition(", ")[2]
            found.append(
                Claim(f"Ablation-CAM by {way}, × forward pass", figures[name]["ratio"], limit)
            )
    if "scorecam" in parts:
        figures = parts["scorecam"]["figures"]
        peers = [figures[name] for name in figures if not name.startswith((OURS, PLAIN))]
        best = min(peer["seconds"] for peer in peers)
        leanest = min(peer["peak MB"] for peer in peers)
        mine = figures[OURS]
        found += [
            Claim("Score-CAM, × the quickest library's time", mine["seconds"] / best, 1),
            Claim("Score-CAM, × the leanest library's peak", mine["peak MB"] / leanest, 0.5),
            Claim(
                "Score-CAM of five classes, × that of one",
                figures[FIVE]["seconds"] / mine["seconds"],
                1.05,
            ),
            Claim(
                f"Score-CAM by {CHANNELS} channels, times as fast as the quickest library",
                best / figures[FEW]["seconds"],
                6,
                at_least=True,
            ),
        ]
    return found


def render(parts: dict[str, Any]) -> str:
    """Ratios, seconds and peaks, and the claims."""
    lines = ["| | | × forward pass | ms | peak MB |", "| --- | --- | ---: | ---: | ---: |"]
    for part in PARTS:
        for name, found in parts[part]["figures"].items():
            lines.append(
                f"| `{part}` | {name} | {found['ratio']:.2f} | {1000 * found['seconds']:.0f} | "
                f"{found['peak MB']:.0f} |"
            )
    rows = {}
    for part, whole in (("ablationcam", CLOSED), ("scorecam", OURS)):
        own = parts[part]["figures"]
        others = {name: own[name] for name in own if not name.startswith(OURS)}
        rows[f"`{part}`"] = others | {OURS: own[whole]}
    peers = ahead(rows, OURS)
    return "\n".join([*lines, "", as_table(claims(parts)), "", peers, "", conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("rescoring", __doc__, PARTS, PACKAGES, measure, render, claims))
