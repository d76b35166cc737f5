"""All methods on real photographs, ranked: both real models, by `limelight.bench`.

    python benchmarks/leaderboard.py --out FOLDER               every photograph of ilsvrc_val
    python benchmarks/leaderboard.py --out FOLDER --images 20   some, evenly spread over the file
    python benchmarks/leaderboard.py --render                   the page from the results

The photographs and weights are those of the folder LIMELIGHT_TEST_DATA (`ilsvrc_val` and `models`).
FOLDER holds a run for each model; the same call goes on where it was interrupted. Writes
benchmarks/results/leaderboard.json and renders docs/leaderboard.md. Exit code 1 where a control
fails: the random map must not lead in faithfulness, nor change when the model is randomized.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

from sections import marks

import limelight
from limelight import data
from limelight.cli.progress import counted
from limelight.report.boards import direction, figure
from limelight.runs.folder import METRICS
from limelight.runs.leaderboard import Column, Leaderboard
from localization import DATA, ROOT, models

RESULTS = ROOT / "benchmarks" / "results" / "leaderboard.json"
PAGE = ROOT / "docs" / "leaderboard.md"
# In SqueezeNet the layer that is chosen holds the class maps themselves, where every gradient
# method is CAM.
LAYERS: dict[str, str | None] = {"squeezenet1_0": None, "mobilenet_v2": None}


def measure(out: Path, images: int | None, methods: list[str]) -> dict[str, Any]:
    """Both leaderboards, and how long they took."""
    dataset = data.open(f"csv:{DATA / 'ilsvrc_val'}")
    if images is not None and images < len(dataset):
        dataset = dataset.subset([k * len(dataset) // images for k in range(images)])
    words = "" if images is None else f" --images {images}"
    words += "" if methods == ["all"] else f" --methods {','.join(methods)}"
    results: dict[str, Any] = {
        "benchmark": "leaderboard",
        "command": f"python benchmarks/leaderboard.py --out FOLDER{words}",
        "data": "ilsvrc_val",
        "images": len(dataset),
        "processors": os.cpu_count(),
        "models": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, classifier in models(Path(folder)).items():
            finished = (out / name / METRICS).is_file()
            start = time.monotonic()
            with counted(name) as progress:
                board = limelight.bench(
                    classifier, dataset, methods, out=out / name, layer=LAYERS[name],
                    progress=progress,
                )  # fmt: skip
            seconds = round(time.monotonic() - start)
            if finished and RESULTS.is_file():  # only read again
                known = json.loads(RESULTS.read_text(encoding="utf-8"))
                seconds = known["models"][name]["seconds"]
            results["models"][name] = {
                "seconds": seconds,
                "errors": len(board.evaluation.errors),
                "versions": (board.evaluation.settings or {})["versions"],
                **plain(board),
            }
    return results


def plain(board: Leaderboard) -> dict[str, Any]:
    """The leaderboard to four digits, without curves."""
    found = board.as_dict()
    for standing in found["standings"]:
        for result in standing["results"].values():
            del result["details"]
            result["value"] = float(f"{result['value']:.4g}")
            result["interval"] = [float(f"{end:.4g}") for end in result["interval"]]
    return found


def render(results: dict[str, Any]) -> str:
    """The page as Markdown."""
    begin, end = marks("benchmarks/leaderboard.py")
    parts = [
        "# The leaderboard",
        "",
        begin,
        "",
        f"Methods ranked on {results['images']} photographs of `ilsvrc_val`, made by",
        f"`{results['command']}` with `PYTHONPATH=tests`. What the figures are, and what they are",
        "not, is in [faithfulness.md](faithfulness.md). Methods are in the order of their mean",
        "rank; in brackets 95 % intervals over the photographs, which are copies of 227 × 227",
        "pixels. Boxes are cut at 0.2 of the maximum, which nobody tuned; tuned ones are in",
        "[localization.md](localization.md).",
        "",
    ]
    for name, model in results["models"].items():
        columns = [Column(**column) for column in model["columns"]]
        groups = list(dict.fromkeys(column.group for column in columns))
        parts += [
            f"## {name}",
            "",
            f"{model['seconds'] / 60:.0f} minutes on {results['processors']} processors.",
            "",
            "| | mean rank | " + " | ".join(groups) + " |",
            "| --- |" + " ---: |" * (1 + len(groups)),
        ]
        for each in model["standings"]:
            ranks = [each["groups"].get(group) for group in groups]
            cells = ["–" if rank is None else f"{rank:.1f}" for rank in ranks]
            parts.append(f"| `{each['name']}` | {each['rank']:.1f} | " + " | ".join(cells) + " |")
        for group in groups:
            own = [column for column in columns if column.group == group]
            parts += [
                "",
                f"**{group}**",
                "",
                "| | " + " | ".join(f"{c.title} ({direction(c)})" for c in own) + " |",
                "| --- |" + " ---: |" * len(own),
            ]
            for each in model["standings"]:
                found = [each["results"].get(column.key) for column in own]
                parts.append(f"| `{each['name']}` | " + " | ".join(map(_cell, found)) + " |")
        parts.append("")
    return "\n".join([*parts, end, ""])


def _cell(result: dict[str, Any] | None) -> str:
    if result is None:
        return "–"
    low, high = result["interval"]
    return f"{figure(result['value'])} [{figure(low)}, {figure(high)}]"


def broken_controls(results: dict[str, Any]) -> list[str]:
    """What the random map says against the figures."""
    found = []
    for name, model in results["models"].items():
        floor = next(each for each in model["standings"] if each["name"] == "random")
        best = min(each["groups"]["faithfulness"] for each in model["standings"])
        if floor["groups"]["faithfulness"] == best:
            found.append(f"{name}: no method is more faithful than the random map")
        alike = floor["results"]["model-randomization-rank"]["value"]
        if alike < 0.999:
            found.append(f"{name}: the random map of a randomized model is another ({alike})")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="folder of the runs")
    parser.add_argument("--images", type=int, help="how many photographs; all if absent")
    parser.add_argument("--methods", default="all", help="methods separated by commas")
    parser.add_argument("--render", action="store_true", help="render only")
    asked = parser.parse_args()
    if not asked.render:
        if asked.out is None:
            parser.error("--out or --render is needed")
        made = measure(asked.out, asked.images, asked.methods.split(","))
        RESULTS.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(render(results), encoding="utf-8")
    broken = broken_controls(results)
    print("\n".join(broken) or "the controls hold", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
