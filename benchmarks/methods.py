"""The cost of methods beside the plain forward pass, and beside other libraries, in one run.

ResNet-18 and ResNet-50 on PyTorch, random weights, 224 × 224. Every piece of work takes turns with
the plain pass; the median of the rounds' ratios is reported, with the peak of memory beyond the
model, each network in a process of its own.

    python benchmarks/methods.py [--rounds 7] [--only eigencam] [--network resnet50]

Writes benchmarks/results/methods.json where all was measured; exit code 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
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

from overhead import peak_of

BATCH, SIDE = 8, 224
NETWORKS = ("resnet18", "resnet50")
RESULTS = Path(__file__).parent / "results" / "methods.json"

#: (network, method): the most that it may cost, as a multiple of the plain forward pass.
LIMITS = {
    **{
        (network, method): 1.05
        for network in NETWORKS
        for method in ("gradcam", "gradcam++", "xgradcam", "hirescam", "layercam")
    },
    ("resnet50", "eigencam"): 1.1,
    ("resnet50", "refinecam"): 1.7,
}

#: By method: its class in pytorch-grad-cam and in torchcam, where they have it.
PEERS = {
    "gradcam": {"pytorch-grad-cam": "GradCAM", "torchcam": "GradCAM"},
    "gradcam++": {"pytorch-grad-cam": "GradCAMPlusPlus", "torchcam": "GradCAMpp"},
    "xgradcam": {"pytorch-grad-cam": "XGradCAM", "torchcam": "XGradCAM"},
    "hirescam": {"pytorch-grad-cam": "HiResCAM"},
    "layercam": {"pytorch-grad-cam": "LayerCAM", "torchcam": "LayerCAM"},
    "eigencam": {"pytorch-grad-cam": "EigenCAM"},
    "eigengradcam": {"pytorch-grad-cam": "EigenGradCAM"},
    "kpcacam": {"pytorch-grad-cam": "KPCA_CAM"},
    "fem": {"pytorch-grad-cam": "FEM"},
    "smoothgradcam++": {"torchcam": "SmoothGradCAMpp"},
    "finercam": {"pytorch-grad-cam": "FinerCAM", "torchcam": "FinerCAM"},
    "refinecam": {"pytorch-grad-cam": "RefineCAM", "torchcam": "RefineCAM"},
    "shapleycam": {"pytorch-grad-cam": "ShapleyCAM"},
    "fullgrad": {"pytorch-grad-cam": "FullGrad"},
}
SEVERAL = ["layer2", "layer3", "layer4"]  # what methods of several layers are given


def works(network: str) -> dict[str, dict[str, Callable[[], Any]]]:
    """By method: "ours" and the peers, each ready to run."""
    from torchvision_registration import prepare_torchvision

    prepare_torchvision()
    import pytorch_grad_cam
    import torch
    import torchcam.methods
    import torchvision

    import limelight

    torch.manual_seed(0)
    model = getattr(torchvision.models, network)().eval()
    images = torch.randn(BATCH, 3, SIDE, SIDE)

    def forward() -> Any:
        with torch.inference_mode():
            return model(images)

    def ours(method: str) -> Callable[[], Any]:
        layer = SEVERAL if method == "refinecam" else "layer4"
        explainer = limelight.Explainer(model, method, layer)
        return lambda: explainer(images, target=1)

    def grad_cam(method: str, name: str) -> Callable[[], Any]:
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        names = SEVERAL if method == "refinecam" else SEVERAL[-1:]
        layers = [getattr(model, each) for each in names]
        # FinerCAM makes its own targets where none is given, and only then.
        targets = None if name == "FinerCAM" else [ClassifierOutputTarget(1)] * BATCH

        def run() -> Any:
            # Its hooks stay on the model until the object is gone.
            cam = getattr(pytorch_grad_cam, name)(model=model, target_layers=layers)
            found = cam(images, targets)
            del cam
            return found

        return run

    def torch_cam(method: str, name: str) -> Callable[[], Any]:
        names = SEVERAL if method == "refinecam" else SEVERAL[-1:]

        def run() -> Any:
            with getattr(torchcam.methods, name)(model, names) as cam:
                return cam([1] * BATCH, model(images))

        return run

    make = {"pytorch-grad-cam": grad_cam, "torchcam": torch_cam}
    known = {method.name for method in limelight.list_methods()}
    return {"forward": {"ours": forward}} | {
        method: {"ours": ours(method)}
        | {library: make[library](method, name) for library, name in peers.items()}
        for method, peers in PEERS.items()
        if method in known
    }


def measure(network: str, rounds: int, only: list[str] | None) -> dict[str, Any]:
    work = {m: by for m, by in works(network).items() if m == "forward" or m in (only or [m])}
    forward = work.pop("forward")["ours"]
    found: dict[str, Any] = {}
    forward()
    plain = statistics.median(peak_of(forward) for _ in range(3))
    for method, by_library in work.items():
        found[method] = {}
        for library, run in by_library.items():
            run()
            ratios, seconds = [], []
            for _ in range(rounds):
                mine = seconds_of(run)
                # The plain pass right behind it: a neighbour's load falls on both alike.
                ratios.append(mine / seconds_of(forward))
                seconds.append(mine)
            found[method][library] = {
                "ratio": round(statistics.median(ratios), 3),
                "seconds": round(statistics.median(seconds), 4),
                "peak extra MB": round(peak_of(run) / 2**20, 1),
            }
            print(network, method, library, found[method][library], file=sys.stderr, flush=True)
    return {"forward": {"peak extra MB": round(plain / 2**20, 1)}, **found}


def seconds_of(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", help="a method")
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--child", choices=NETWORKS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(measure(asked.child, asked.rounds, asked.only)))
        return 0
    figures: dict[str, Any] = {}
    chosen = [flag for name in asked.only or [] for flag in ("--only", name)]
    for network in asked.network or NETWORKS:
        done = subprocess.run(
            [sys.executable, __file__, "--child", network, "--rounds", str(asked.rounds), *chosen],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        figures[network] = json.loads(done.stdout.splitlines()[-1])
    if not asked.only and not asked.network:
        machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        kept = {"command": "python benchmarks/methods.py", "machine": machine, "figures": figures}
        RESULTS.parent.mkdir(exist_ok=True)
        text = json.dumps(kept, ensure_ascii=False, indent=1)
        RESULTS.write_text(text + "\n", encoding="utf-8")
    missed = [
        f"{network}: {method} {figures[network][method]['ours']['ratio']} > {limit}"
        for (network, method), limit in LIMITS.items()
        if method in figures.get(network, {}) and figures[network][method]["ours"]["ratio"] > limit
    ]
    print("\n".join(missed) or "every limit is kept")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
