"""Transfer learning on real photographs: kangaroos against others, by labels alone.

The real MobileNetV2 (Keras) and SqueezeNet (PyTorch) get a new head of two classes, which is
trained on photographs without their boxes; then their maps are boxed and compared with the true
boxes of photographs that were not trained on, beside the two baselines that look at no image.

    python benchmarks/transfer.py [--images 120] [--epochs 4] [--only squeezenet]

Needs the real data (LIMELIGHT_TEST_DATA). Writes benchmarks/results/transfer.json and the table in
docs/tutorials/transfer.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from measuring import conditions_now
from sections import write_section

import limelight
from limelight.runs import evaluate_methods
from limelight.training import train_classifier

_GIVEN = os.environ.get("LIMELIGHT_TEST_DATA")
DATA = Path(_GIVEN) if _GIVEN else Path(__file__).parents[2] / "shared" / "data"
RESULTS = Path(__file__).parent / "results" / "transfer.json"
PAGE = Path(__file__).parents[1] / "docs" / "tutorials" / "transfer.md"
METHODS = ["cam", "gradcam", "layercam"]
NAMES = ("other", "kangaroo")
WALLABY = 104  # the class of ImageNet whose photographs are no "others"
TEST = 1 / 3
PLAIN = {"mean": [123 / 255, 117 / 255, 104 / 255], "std": 1 / 255}


def datasets(count: int) -> tuple[Any, Any]:
    """Training and test set, `count` photographs of each class in all."""
    kangaroos = limelight.data.open(DATA / "kangaroo", strict=False)
    broken = {"00090"}  # a truncated file
    first = [e for e in kangaroos if Path(e.id).stem not in broken]
    others = limelight.data.open(DATA / "ilsvrc_val")
    second = [e for e in others if e.label != WALLABY]
    rng = np.random.default_rng(0)
    parts: tuple[list[Any], list[Any]] = ([], [])
    for label, examples in enumerate((second, first)):
        chosen = [examples[i] for i in rng.permutation(len(examples))[:count]]
        cut = round(TEST * len(chosen))
        parts[0].extend((e, label) for e in chosen[cut:])
        parts[1].extend((e, label) for e in chosen[:cut])
    train, test = (
        limelight.data.open(
            {
                "images": [e.image for e, _ in part],
                "labels": np.array([label for _, label in part]),
                # The training set has no boxes, so that nothing can look at them.
                **({"boxes": [e.boxes for e, _ in part]} if part is parts[1] else {}),
                "class_names": NAMES,
            }
        )
        for part in parts
    )
    return train, test


def backbone(name: str) -> Any:
    if name == "mobilenet_v2":
        return limelight.load(DATA / "models" / "mobilenet_v2.keras")
    return limelight.load(
        DATA / "models" / "squeezenet1_0.safetensors",
        arch="torchvision:squeezenet1_0",
        size=227,
        preprocess=PLAIN,
    )


def figures(evaluation: Any) -> dict[str, dict[str, float]]:
    return {
        line.name: {name: round(result.value, 4) for name, result in line.results.items()}
        for line in evaluation.table()
    }


def transfer(name: str, train: Any, test: Any, epochs: int) -> dict[str, Any]:
    start = time.perf_counter()
    trained = train_classifier(
        train, backbone(name), freeze=True, epochs=epochs, validation=0.2, batch_size=16
    )
    seconds = time.perf_counter() - start
    evaluation = evaluate_methods(trained, test, METHODS, batch_size=16)
    kangaroos = [i for i, e in enumerate(test) if e.label == 1]
    alone = evaluate_methods(trained, test.subset(kangaroos), METHODS, batch_size=16)
    accuracy = evaluation.accuracy
    return {
        **conditions_now("torch", "torchvision", "keras", "tensorflow-cpu", "numpy"),
        "accuracy": None if accuracy is None else round(accuracy.value, 4),
        "training seconds": round(seconds, 1),
        "layer": evaluation.layers["gradcam"],
        "all": figures(evaluation),
        "kangaroos": figures(alone),
    }


def table(results: dict[str, Any]) -> str:
    """The results as Markdown, for docs/tutorials/transfer.md."""
    columns = {"mean-iou": "mean IoU", "gt-known": "IoU ≥ 0.5", "maxboxacc-v2": "MaxBoxAccV2"}
    lines = [
        f"| network | accuracy | map | {' | '.join(columns.values())} |",
        "| --- | --- | --- |" + " --- |" * len(columns),
    ]
    for name, found in results.items():
        if not isinstance(found, dict):
            continue
        for row, values in found["all"].items():
            cells = " | ".join(f"{100 * values[c]:.1f}" for c in columns)
            lines.append(f"| {name} | {100 * found['accuracy']:.1f} % | {row} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    from torchvision_registration import prepare_torchvision

    prepare_torchvision()
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only")
    parser.add_argument("--render", action="store_true", help="the table from the results")
    given = parser.parse_args()
    if given.render:
        known = json.loads(RESULTS.read_text("utf-8"))
        write_section(PAGE, "benchmarks/transfer.py", table(known))
        return
    if not DATA.is_dir():
        print(json.dumps({"skipped": "no real data: set LIMELIGHT_TEST_DATA"}))
        return
    train, test = datasets(given.images)
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    results = {
        **kept,
        "training images": len(train),
        "test images": len(test),
        "epochs": given.epochs,
        "threshold": 0.2,
    }
    for name in [given.only] if given.only else ["squeezenet1_0", "mobilenet_v2"]:
        results[name] = transfer(name, train, test, given.epochs)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    write_section(PAGE, "benchmarks/transfer.py", table(results))
    print(json.dumps(results, ensure_ascii=False))


if __name__ == "__main__":
    main()
