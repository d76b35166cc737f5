"""Which method puts the box in the right place: chosen on half of the classes, told on the others.

    PYTHONPATH=tests python benchmarks/recipes.py             measure, write results, render
    PYTHONPATH=tests python benchmarks/recipes.py --render    render docs/localization.md again

`ilsvrc_val` is split by class: every other class, in the order of their numbers, is for choosing
(thresholds are tuned there), the rest for the report. Both real models; the differences from
Grad-CAM, image by image, with their 95 % bootstrap interval. Then the recipes as they come, with
the thresholds that methods declare, on the report half, on the photographs of kangaroos, and on the
located digits by a classifier that is trained for it as `limelight demo` does.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

from measuring import conditions_now
from sections import write_section

from localization import DATA, PAGE, models
from torchvision_registration import prepare_torchvision

prepare_torchvision()

import numpy as np  # noqa: E402

from limelight import data  # noqa: E402
from limelight.cli.demo import EPOCHS  # noqa: E402
from limelight.cli.progress import counted  # noqa: E402
from limelight.localization import RECIPES  # noqa: E402
from limelight.metrics.intervals import bootstrap_interval  # noqa: E402
from limelight.models import Classifier  # noqa: E402
from limelight.runs import COLUMNS, evaluate_methods, tune_methods  # noqa: E402
from limelight.training import train_classifier  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "recipes.json"
PACKAGES = ("torch", "torchvision", "keras", "numpy", "scipy")
REFERENCE = "gradcam"
PLAIN = [REFERENCE, "layercam"]  # beside the recipes, as they come
# Layer -> methods there; None is what each chooses by itself.
TRIALS: dict[str, dict[str | None, list[str]]] = {
    "squeezenet1_0": {
        None: [REFERENCE, "gradcam++", "layercam", "eigencam", "refinecam", "affinitycam"],
        "features.12": ["gradcam", "gradcam++", "layercam"],
    },
    "mobilenet_v2": {
        None: [REFERENCE, "gradcam++", "layercam", "eigencam", "refinecam", "affinitycam"],
    },
}


def halves(dataset: data.Dataset) -> tuple[data.Dataset, data.Dataset]:
    """To choose on, and to report on."""
    labels = [example.label or 0 for example in dataset]
    rank = {label: i for i, label in enumerate(sorted(set(labels)))}

    def half(which: int) -> data.Dataset:
        return dataset.subset([i for i, label in enumerate(labels) if rank[label] % 2 == which])

    return half(0), half(1)


def measure() -> dict[str, Any]:
    choosing, reporting = halves(data.open(f"csv:{DATA / 'ilsvrc_val'}"))
    results: dict[str, Any] = {
        "benchmark": "recipes",
        "command": "PYTHONPATH=tests python benchmarks/recipes.py",
        **conditions_now(*PACKAGES),
        "images": {"choosing": len(choosing), "report": len(reporting)},
        "models": {},
        "recipes": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, classifier in models(Path(folder)).items():
            table: list[dict[str, Any]] = []
            reference = None
            for layer, methods in TRIALS[name].items():
                with counted(f"{name}: tuning") as progress:
                    cuts = tune_methods(
                        classifier, choosing, methods, layer=layer, progress=progress
                    )
                with counted(f"{name}: report") as progress:
                    found = evaluate_methods(
                        classifier, reporting, methods, layer=layer, thresholds=cuts,
                        progress=progress,
                    )  # fmt: skip
                for line in found.as_dict(rows=False)["table"]:
                    if line["name"] == "whole-image" or (line["baseline"] and layer is not None):
                        continue
                    ious = np.array([row.found[line["name"]].iou for row in found.rows], float)
                    if reference is None:
                        reference = ious
                    table.append(_line(line, ious - reference))
            results["models"][name] = table
            kangaroos = data.open(f"voc:{DATA / 'kangaroo'}", strict=False)
            for words, dataset, names in (
                (f"ilsvrc_val, report half; {name}", reporting, None),
                (f"kangaroo; {name}", kangaroos, {"kangaroo": "wallaby"}),
            ):
                results["recipes"][words] = as_they_come(words, classifier, dataset, names)
        digits = {split: data.open("digits", split, seed=0) for split in ("train", "validation")}
        trained = train_classifier(
            digits["train"], validation=digits["validation"], epochs=EPOCHS, seed=0,
            out=Path(folder) / "digits",
        )  # fmt: skip
        test = data.open("digits", "test", seed=0)
        results["recipes"]["located digits"] = as_they_come("digits", trained, test, None)
    return results


def as_they_come(
    words: str, classifier: Classifier, dataset: data.Dataset, names: Any
) -> list[dict[str, Any]]:
    """The methods of `PLAIN` and the recipes, cut where they declare, and the centre box."""
    table: list[dict[str, Any]] = []
    reference = None
    ways = {None: PLAIN} | {name: [recipe.method] for name, recipe in RECIPES.items()}
    for recipe, methods in ways.items():
        chosen = {} if recipe is None else RECIPES[recipe].boxes
        with counted(f"{words}: {recipe or 'methods'}") as progress:
            found = evaluate_methods(
                classifier, dataset, methods, class_map=names, progress=progress, **chosen
            )
        rows = [row for row in found.rows if not row.error and len(row.boxes)]
        for line in found.as_dict(rows=False)["table"]:
            if line["name"] == "whole-image" or (line["baseline"] and recipe is not None):
                continue
            ious = np.array([row.found[line["name"]].iou for row in rows], float)
            reference = ious if reference is None else reference
            table.append(_line(line, ious - reference) | {"recipe": recipe})
    return table


def _line(line: dict[str, Any], gain: np.ndarray) -> dict[str, Any]:
    scores = {
        column: round(result["value"], 4)
        for column, result in line["results"].items()
        if isinstance(result.get("value"), float)
    }
    low, high = bootstrap_interval(lambda w: w @ gain / w.sum(1), len(gain))
    return {
        "name": line["name"],
        "layer": line["layer"],
        "threshold": round(line["cut"]["threshold"], 3),
        "scores": scores,
        "gain": [round(float(each), 4) for each in (gain.mean(), low, high)],
    }


def render(results: dict[str, Any]) -> str:
    parts = []
    for model, table in results["models"].items():
        parts += [f"**{model}**, {results['images']['report']} images of the report's classes\n"]
        columns = [column for column in table[0]["scores"] if column != "top-1"]
        names = " | ".join(COLUMNS[column] for column in columns)
        parts.append(f"| | layer | threshold | {names} | mean IoU − Grad-CAM |")
        parts.append("| --- | --- | ---: |" + " ---: |" * (len(columns) + 1))
        for line in table:
            mean, low, high = (f"{100 * each:+.1f}" for each in line["gain"])
            layer = f"`{line['layer']}`" if line["layer"] else ""
            scores = " | ".join(f"{100 * line['scores'][column]:.1f}" for column in columns)
            cells = f"`{line['name']}` | {layer} | {line['threshold']:.2f} | {scores}"
            parts.append(f"| {cells} | {mean} [{low}, {high}] |")
        parts.append("")
    parts += ["**As they come**: cut where the method or the recipe declares, not tuned.\n"]
    columns = ["mean-iou", "gt-known", "maxboxacc-v1", "maxboxacc-v2"]
    heads = " | ".join(COLUMNS[column] for column in columns)
    parts += [f"| data | | threshold | {heads} | mean IoU − Grad-CAM |"]
    parts += ["| --- | --- | ---: |" + " ---: |" * (len(columns) + 1)]
    for words, table in results["recipes"].items():
        for line in table:
            mean, low, high = (f"{100 * each:+.1f}" for each in line["gain"])
            scores = " | ".join(f"{100 * line['scores'][column]:.1f}" for column in columns)
            name = f"`{line['name']}`"
            name += f", recipe {line['recipe']}" if line["recipe"] else ""
            cells = f"{words} | {name} | {line['threshold']:.2f} | {scores}"
            parts.append(f"| {cells} | {mean} [{low}, {high}] |")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    if arguments != ["--render"]:
        RESULTS.write_text(json.dumps(measure(), indent=1) + "\n", "utf-8")
    table = render(json.loads(RESULTS.read_text("utf-8")))
    write_section(PAGE, "benchmarks/recipes.py", table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
