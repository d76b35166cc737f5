"""The evaluator of MaxBoxAcc against the plain protocol with OpenCV.

Class activation maps of the real SqueezeNet on the real photographs of `ilsvrc_val` (folder
`LIMELIGHT_TEST_DATA`), both evaluators in turn on the same maps, in one thread.

    PYTHONPATH=tests python benchmarks/evaluator.py [--part "version 2"]
    python benchmarks/evaluator.py --render                              docs/benchmarks.md again

Writes benchmarks/results/evaluator.json; exit code 1 where one IoU at one threshold differs, or
where version 2 is less than three times as fast.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported

import cv2
import numpy as np
from in_parts import in_parts
from measuring import Claim, as_table, conditions

from limelight.metrics.curve import Proposer
from oracles import cams, wsol
from torchvision_registration import prepare_torchvision

DATA = Path(os.environ.get("LIMELIGHT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
MAPS = 100
PARTS = {"version 1": (1, 0.01), "version 2": (2, 0.001)}
LEAST = {"version 2": 3.0}
Evaluator = Callable[[np.ndarray, np.ndarray], np.ndarray]


def real_maps() -> list[tuple[np.ndarray, np.ndarray]]:
    prepare_torchvision()
    from safetensors.torch import load_file
    from torchvision.models import squeezenet1_0

    model = squeezenet1_0()
    model.load_state_dict(load_file(DATA / "models" / "squeezenet1_0.safetensors"))
    model.classifier[1].padding = (1, 1)
    chosen = cams.photographs(DATA)
    chosen = chosen[:: len(chosen) // MAPS][:MAPS]
    maps = cams.on_the_square(cams.squeezenet_cams(model.eval(), chosen)[0])
    return [(values, photograph.boxes) for values, photograph in zip(maps, chosen, strict=True)]


def compare(
    version: int, step: float, pairs: list[tuple[np.ndarray, np.ndarray]]
) -> dict[str, Any]:
    proposer = Proposer(np.arange(0, 1, step), version == 1, "wsol2020")
    evaluators: dict[str, Evaluator] = {
        "plain": lambda values, truth: wsol.best_ious(values, truth, version, step),
        "ours": lambda values, truth: proposer(values).best_ious(truth),
    }
    for evaluate in evaluators.values():  # imports happen once
        evaluate(*pairs[-1])
    seconds = dict.fromkeys(evaluators, 0.0)
    mismatches = 0
    for values, truth in pairs:
        found = []
        for name, evaluate in evaluators.items():
            start = time.perf_counter()
            found.append(evaluate(values, truth))
            seconds[name] += time.perf_counter() - start
        mismatches += int((found[0] != found[1]).sum())
    return {
        "thresholds": len(found[0]),
        "mismatches": mismatches,
        "plain, ms a map": round(1000 * seconds["plain"] / len(pairs), 2),
        "ours, ms a map": round(1000 * seconds["ours"] / len(pairs), 2),
        "times as fast": round(seconds["plain"] / seconds["ours"], 2),
    }


def measure(part: str) -> dict[str, Any]:
    cv2.setNumThreads(1)
    version, step = PARTS[part]
    return compare(version, step, real_maps())


def claims(parts: dict[str, Any]) -> list[Claim]:
    found = []
    for part, kept in parts.items():
        figures = kept["figures"]
        found.append(Claim(f"{part}: differing IoUs", figures["mismatches"], 0))
        if part in LEAST:
            said = f"{part}: times as fast as the plain evaluator"
            found.append(Claim(said, figures["times as fast"], LEAST[part], at_least=True))
    return found


def render(parts: dict[str, Any]) -> str:
    lines = [
        "| MaxBoxAcc | thresholds | the plain evaluator, ms a map | limelight | times as fast |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for part in PARTS:
        found = parts[part]["figures"]
        lines.append(
            f"| {part} | {found['thresholds']} | {found['plain, ms a map']:.1f} | "
            f"{found['ours, ms a map']:.1f} | {found['times as fast']:.1f} |"
        )
    return "\n".join([*lines, "", as_table(claims(parts)), "", conditions(parts)])


if __name__ == "__main__":
    packages = ("numpy", "opencv-python-headless")
    sys.exit(in_parts("evaluator", __doc__, PARTS, packages, measure, render, claims))
