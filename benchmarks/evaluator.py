"""The evaluator of MaxBoxAcc against the plain protocol with OpenCV, as JSON.

Class activation maps of the real SqueezeNet on the real photographs of `ilsvrc_val` (folder
`LIMELIGHT_TEST_DATA`), both evaluators in turn on the same maps, in one thread. Exit code 1 where
one IoU at one threshold differs, or where version 2 is less than three times as fast.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported

import cv2
import numpy as np

from limelight.metrics.curve import Proposer
from oracles import cams, wsol
from torchvision_registration import prepare_torchvision

DATA = Path(os.environ.get("LIMELIGHT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
MAPS = 100
LEAST = 3.0
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


def compare(version: int, step: float, pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict:
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
        "version": version,
        "thresholds": len(found[0]),
        "mismatches": mismatches,
        "plain_ms_a_map": round(1000 * seconds["plain"] / len(pairs), 2),
        "ours_ms_a_map": round(1000 * seconds["ours"] / len(pairs), 2),
        "times_as_fast": round(seconds["plain"] / seconds["ours"], 2),
    }


def main() -> int:
    cv2.setNumThreads(1)
    pairs = real_maps()
    rows = [compare(1, 0.01, pairs), compare(2, 0.001, pairs)]
    equal = all(row["mismatches"] == 0 for row in rows)
    print(json.dumps({"maps": len(pairs), "opencv": cv2.__version__, "rows": rows}, indent=2))
    return 0 if equal and rows[1]["times_as_fast"] >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
