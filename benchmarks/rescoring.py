"""The cost of methods that rescore beside the plain forward pass and other libraries, in one run.

ResNet-18, random weights, 224 × 224, one image. Every piece of work takes turns with the plain
pass; the median of the rounds' ratios is reported. Peers and Score-CAM, which take long, run in
fewer rounds.

    python benchmarks/rescoring.py [--rounds 7] [--slow-rounds 1]

Exit code 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

LIMITS = {"ablationcam, closed form": 1.3, "ablationcam, replay": 8.0}


def work() -> tuple[Callable[[], Any], dict[str, Callable[[], Any]], dict[str, Callable[[], Any]]]:
    """The plain pass, what is quick, and what takes hundreds of passes."""
    from torchvision_registration import prepare_torchvision

    prepare_torchvision()
    import numpy as np
    import torch
    import torchvision
    from pytorch_grad_cam import AblationCAM, ScoreCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    from torchcam.methods import ScoreCAM as ScoreCAMOfTorchcam

    import limelight
    from limelight.evidence import Evidence
    from limelight.explainer.rescoring import Rescorer
    from limelight.methods import find_method
    from limelight.probes import Request, probe_for
    from limelight.scores import Score

    torch.manual_seed(0)
    model = torchvision.models.resnet18().eval()
    image = torch.randn(1, 3, 224, 224)
    target = [ClassifierOutputTarget(1)]
    probe = probe_for(model)
    request = Request(("layer4",), False, (Score(),))

    def forward() -> Any:
        with torch.inference_mode():
            return model(image)

    def replayed() -> Any:
        capture = probe.capture(image, request, np.array([[1]]))
        rescorer = Rescorer(probe, image, request, capture, "layer4", Score(), closed=False)
        evidence = Evidence(probe.xp, capture.activations["layer4"], rescoring=rescorer)
        return find_method("ablationcam")(evidence)

    def of_grad_cam(kind: Any) -> Any:
        with kind(model=model, target_layers=[model.layer4]) as cam:
            return cam(image, target)

    def of_torchcam() -> Any:
        with ScoreCAMOfTorchcam(model, "layer4") as cam:
            return cam([1], model(image))

    ablation, inner = (limelight.Explainer(model, "ablationcam", at) for at in (None, "layer4.0"))
    scorecam = limelight.Explainer(model, "scorecam")
    quick = {
        "ablationcam, closed form": lambda: ablation(image, target=1),
        "ablationcam, replay": replayed,
        "ablationcam, replay from layer4.0": lambda: inner(image, target=1),
    }
    slow = {
        "pytorch-grad-cam AblationCAM": lambda: of_grad_cam(AblationCAM),
        "scorecam": lambda: scorecam(image, target=1),
        "scorecam, five classes": lambda: scorecam(image, target=[[1, 22, 333, 444, 555]]),
        "pytorch-grad-cam ScoreCAM": lambda: of_grad_cam(ScoreCAM),
        "torchcam ScoreCAM": of_torchcam,
    }
    return forward, quick, slow


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slow-rounds", type=int, default=1)
    asked = parser.parse_args()
    forward, quick, slow = work()
    for run in (forward, *quick.values()):
        run()
    ratios: dict[str, float] = {}
    for group, rounds in ((quick, asked.rounds), (slow, asked.slow_rounds)):
        found: dict[str, list[float]] = {name: [] for name in group}
        for _ in range(rounds):
            for name, run in group.items():
                start = time.perf_counter()
                forward()
                plain = time.perf_counter()
                run()
                found[name].append((time.perf_counter() - plain) / (plain - start))
        ratios |= {name: round(statistics.median(each), 2) for name, each in found.items() if each}
        print(json.dumps(ratios, ensure_ascii=False), flush=True)
    missed = [f"{n} {ratios[n]} > {limit}" for n, limit in LIMITS.items() if ratios[n] > limit]
    print("\n".join(missed) or "every limit is kept")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
