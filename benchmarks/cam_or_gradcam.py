"""CAM or Grad-CAM: which locates better, and where a difference comes from.

A published image has a box of CAM at IoU 0.81 and one of Grad-CAM at 0.69. Here both are compared
on many photographs, with the real MobileNetV2, whose head is global average pooling and one dense
softmax: at the last map, and in the ways in which notebooks make their Grad-CAM differ.

    python benchmarks/cam_or_gradcam.py [--images 222]
    python benchmarks/cam_or_gradcam.py --render           the table from the results

Needs the real data (LIMELIGHT_TEST_DATA). Writes benchmarks/results/cam_or_gradcam.json and the
table in docs/tutorials/cars196.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

from measuring import conditions_now
from sections import write_section

import limelight
from limelight.localization import Tuner

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("LIMELIGHT_TEST_DATA", ROOT.parent / "shared" / "data"))
RESULTS = Path(__file__).parent / "results" / "cam_or_gradcam.json"
PAGE = ROOT / "docs" / "tutorials" / "cars196.md"
LAST, MIDDLE, EARLY = "out_relu", "block_13_expand_relu", "block_6_expand_relu"
COURSE = 0.05  # the threshold of the course
BATCH = 32
# What is shown -> method, layer, score, normalizer.
WAYS = {
    "CAM": ("cam", LAST, "logit", "max"),
    "Grad-CAM": ("gradcam", LAST, "logit", "max"),
    "Grad-CAM of the probability": ("gradcam", LAST, "probability", "max"),
    "CAM, normalized by minimum and maximum": ("cam", LAST, "logit", "minmax"),
    "Grad-CAM at an earlier layer, 14 × 14": ("gradcam", MIDDLE, "logit", "max"),
    "Grad-CAM at an earlier layer, 28 × 28": ("gradcam", EARLY, "logit", "max"),
}


def measure(count: int) -> dict[str, Any]:
    dataset = limelight.data.open(f"csv:{DATA / 'ilsvrc_val'}")
    chosen = range(0, len(dataset), max(1, len(dataset) // count))
    classifier = limelight.load(DATA / "models" / "mobilenet_v2.keras")
    at_course: dict[str, list[float]] = {way: [] for way in WAYS}
    empty = dict.fromkeys(WAYS, 0)
    tuners = {way: Tuner((kind,), goal="iou") for way, (_, _, _, kind) in WAYS.items()}
    explainers: dict[tuple[str, str], Any] = {}
    for start in range(0, len(chosen), BATCH):
        examples = [dataset[i] for i in chosen[start : start + BATCH]]
        images, truth = [e.read() for e in examples], [e.boxes for e in examples]
        for way, (method, layer, score, normalizer) in WAYS.items():
            if (method, layer) not in explainers:
                explainers[method, layer] = limelight.Explainer(classifier, method, layer)
            explainer = explainers[method, layer]
            maps = explainer(images, target=[e.label for e in examples], score=score)
            found = maps.boxes(COURSE, normalizer=normalizer)
            empty[way] += int(np.isnan(found[:, 0]).sum())
            tuners[way].update(maps.numpy(), truth, maps.frames)
            for box, boxes in zip(found, truth, strict=True):
                iou = 0.0 if np.isnan(box).any() else float(limelight.boxes.iou([box], boxes).max())
                at_course[way].append(iou)
        print(f"{min(start + BATCH, len(chosen))} of {len(chosen)}", file=sys.stderr, flush=True)
    cam = np.array(at_course["CAM"])
    return {
        "benchmark": "cam_or_gradcam",
        "command": "python benchmarks/cam_or_gradcam.py",
        **conditions_now("torch", "keras", "numpy"),
        "images": len(chosen),
        "ways": {
            way: {
                "iou": round(float(np.mean(ious)), 4),
                "threshold": tuners[way].result().value,
                "best_iou": round(tuners[way].result().score, 4),
                "empty": empty[way],
                "above_cam": int((np.array(ious) > cam + 1e-6).sum()),
                "below_cam": int((np.array(ious) < cam - 1e-6).sum()),
                "widest_gap": round(float(np.abs(np.array(ious) - cam).max()), 2),
            }
            for way, ious in at_course.items()
        },
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        f"| {results['images']} photographs | mean IoU, cut at {COURSE} | at its best threshold | "
        "better than CAM | worse than CAM | widest gap on one image |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for way, row in results["ways"].items():
        others = f"{row['above_cam']} | {row['below_cam']} | {row['widest_gap']:.2f}"
        lines.append(
            f"| {way} | {100 * row['iou']:.1f} | {100 * row['best_iou']:.1f} at "
            f"{row['threshold']:.2f} | {'– | – | –' if way == 'CAM' else others} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=222)
    parser.add_argument("--render", action="store_true", help="render only")
    asked = parser.parse_args()
    if not asked.render:
        made = json.dumps(measure(asked.images), indent=1, ensure_ascii=False)
        RESULTS.write_text(made + "\n", "utf-8")
    results = json.loads(RESULTS.read_text("utf-8"))
    write_section(PAGE, "benchmarks/cam_or_gradcam.py", table(results))
    print(table(results))


if __name__ == "__main__":
    main()
