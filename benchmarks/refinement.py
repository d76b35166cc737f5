"""The refiners, their options, and what each costs for an image.

    PYTHONPATH=tests python benchmarks/refinement.py             measure, write results, render
    PYTHONPATH=tests python benchmarks/refinement.py --render    render docs/localization.md again

A map of 28 × 28 cells over each of some photographs of the kangaroo data set, at original size, in
an input of 224 × 224; one thread, the median over the photographs. What each refiner brings is
measured by `benchmarks/trials.py`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from measuring import conditions_now
from sections import write_section

from limelight import Frame
from limelight.images import read
from limelight.localization import find_refinement, guide_of, list_refiners

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("LIMELIGHT_TEST_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "benchmarks" / "results" / "refinement.json"
PAGE = ROOT / "docs" / "localization.md"
PHOTOGRAPHS, CELLS, SIDE = 24, 28, 224


def measure() -> dict[str, Any]:
    y, x = (np.mgrid[:CELLS, :CELLS] + 0.5) / CELLS
    blob = np.exp(-(((x - 0.45) / 0.2) ** 2) - ((y - 0.55) / 0.25) ** 2).astype(np.float32)
    seconds: dict[str, list[float]] = {}

    def timed(name: str, work: Any) -> Any:
        start = time.process_time()
        found = work()
        seconds.setdefault(name, []).append(time.process_time() - start)
        return found

    files = sorted((DATA / "kangaroo" / "images").glob("*.jpg"))[:PHOTOGRAPHS]
    refinements = [find_refinement(refiner.name) for refiner in list_refiners()]
    for refinement in refinements:
        refinement(blob, np.zeros((SIDE, SIDE, 3), np.uint8))  # imports what it needs
    for file in files:
        picture = np.asarray(read(file))
        frame = Frame.identity((picture.shape[0], picture.shape[1])).resize((SIDE, SIDE))
        guide = timed("", lambda p=picture, f=frame: guide_of(p, f))
        for refinement in refinements:
            timed(refinement.refiner.name, lambda r=refinement, g=guide: r(blob, g))
    return {
        "benchmark": "refinement",
        "command": "PYTHONPATH=tests python benchmarks/refinement.py",
        **conditions_now("numpy", "scipy", "opencv-python-headless"),
        "photographs": len(files),
        "milliseconds": {name: round(1000 * median(all_), 1) for name, all_ in seconds.items()},
    }


def render(results: dict[str, Any]) -> str:
    cost = results["milliseconds"]
    lines = ["| `refine=` | | options | ms |", "| --- | --- | --- | ---: |"]
    for refiner in list_refiners():
        options = ", ".join(f"`{name}={value}`" for name, value in refiner.options.items())
        about = f"{refiner.title} ({refiner.paper})"
        lines.append(f"| `{refiner.name}` | {about} | {options} | {cost[refiner.name]:.0f} |")
    return "\n".join(
        [
            *lines,
            "",
            "Processor time of one thread for an image and one class, the median of "
            f"{results['photographs']} photographs in an input of {SIDE} × {SIDE}; making the part "
            f"of the photograph that lies there takes {cost['']:.0f} ms more, once. Made by "
            f"`{results['command']}`.",
        ]
    )


def main(arguments: list[str]) -> int:
    if arguments != ["--render"]:
        RESULTS.write_text(json.dumps(measure(), indent=1) + "\n", "utf-8")
    write_section(PAGE, "benchmarks/refinement.py", render(json.loads(RESULTS.read_text("utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
