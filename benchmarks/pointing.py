"""The pointing game of every method that a convolutional model allows: SqueezeNet, 200 photographs.

    python benchmarks/pointing.py                      every method, then the table
    python benchmarks/pointing.py --methods a,b        those only; the other results are kept
    python benchmarks/pointing.py --render             its table in docs/methods.md

The photographs, evenly spread over `ilsvrc_val`, and the weights are those of the folder
LIMELIGHT_TEST_DATA. The class that the data set gives is explained. Writes
benchmarks/results/pointing.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sections import write_section

from limelight import data, list_methods
from limelight.cli.progress import counted
from limelight.methods import Method
from limelight.runs import evaluate_methods
from localization import DATA, ROOT, models

RESULTS = ROOT / "benchmarks" / "results" / "pointing.json"
PAGE = ROOT / "docs" / "methods.md"
IMAGES = 200
# The image's centre in the same game, with the same 15 pixels, on all photographs: from
# results/localization.json. Without a tolerance it is 0.88.
CENTRE = 0.929
LAYER = "features.12"
# The weights of CAM are those of the layer that the head pools.
LAYERS: dict[str, str | None] = {"cam": "classifier.2"}
# Hundreds of passes for each image: fewer channels, fewer images.
OPTIONS: dict[str, dict[str, Any]] = {
    name: {"channels": 64} for name in ("scorecam", "sscam", "iscam")
}
FEWER = dict.fromkeys(("sscam", "iscam"), 20) | {
    "reciprocam": 40,
    "ablationcam": 40,
    "scorecam": 40,
}


def shown() -> list[Method]:
    """The methods of the table."""
    return [method for method in list_methods() if not method.of_attention]


def measure(methods: list[str]) -> dict[str, Any]:
    """By method, its line; methods of one layer, number of images and cost share their passes."""
    whole = data.open(f"csv:{DATA / 'ilsvrc_val'}")
    across = {method.name for method in shown() if method.across is not None}
    groups: dict[tuple[Any, ...], list[str]] = {}
    for name in methods:
        layer = None if name in across else LAYERS.get(name, LAYER)
        alone = name if name in across or name in OPTIONS else ""
        groups.setdefault((layer, FEWER.get(name, IMAGES), alone), []).append(name)
    lines: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        classifier = models(Path(folder))["squeezenet1_0"]
        for (layer, images, _), names in groups.items():
            dataset = whole.subset([k * len(whole) // images for k in range(images)])
            options = OPTIONS.get(names[0], {})
            start = time.monotonic()
            with counted(", ".join(names)) as progress:
                found = evaluate_methods(
                    classifier, dataset, names, layer=layer, options=options, batch_size=8,
                    max_box_acc=False, progress=progress,
                ).as_dict(rows=False)  # fmt: skip
            for line in found["table"]:
                if line["name"] in names:
                    lines[line["name"]] = {
                        "layer": line["layer"],
                        "options": options,
                        "images": images,
                        "pointing": round(line["results"]["pointing-game"]["value"], 4),
                        "interval": [
                            round(end, 4) for end in line["results"]["pointing-game"]["interval"]
                        ],
                        "seconds": round(time.monotonic() - start),
                        "together": len(names),
                    }
    return lines


def render(results: dict[str, Any]) -> str:
    """The table as Markdown, the best first, and why a method is not above the centre."""
    kinds = {method.name: method for method in shown()}
    lines = sorted(results["methods"].items(), key=lambda item: -item[1]["pointing"])
    parts = ["| | layer | options | images | pointing |", "| --- | --- | --- | ---: | ---: |"]
    for name, line in lines:
        low, high = line["interval"]
        options = ", ".join(f"`{key}={value}`" for key, value in line["options"].items())
        mark = "" if low > CENTRE else " *"
        parts.append(
            f"| `{name}`{mark} | `{line['layer']}` | {options} | {line['images']} | "
            f"{100 * line['pointing']:.1f} [{100 * low:.1f}, {100 * high:.1f}] |"
        )
    parts.append("")
    for name, line in lines:
        if line["interval"][0] <= CENTRE:
            parts.append(f"- `{name}`: {reason(kinds[name], line)}")
    return "\n".join(parts) + "\n"


def reason(method: Method, line: dict[str, Any]) -> str:
    """Why the interval does not lie above the centre."""
    if "inputs" in method.needs and method.class_blind:
        return "noise that looks at neither the model nor the class, the floor of every comparison."
    if line["images"] < IMAGES:
        return f"{line['images']} photographs are too few for a narrow interval."
    if method.class_blind:
        return "it does not look at the class, and shows what stands out in the layer."
    return "200 photographs do not tell it from the centre, which is in most of these objects."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--methods", help="names separated by commas; all if absent")
    parser.add_argument("--render", action="store_true", help="render only")
    asked = parser.parse_args()
    names = asked.methods.split(",") if asked.methods else [method.name for method in shown()]
    results: dict[str, Any] = {"benchmark": "pointing", "data": "ilsvrc_val", "methods": {}}
    if RESULTS.is_file():
        results = json.loads(RESULTS.read_text("utf-8"))
    if not asked.render:
        results["methods"] |= measure(names)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    write_section(PAGE, "benchmarks/pointing.py", render(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
