"""How long a large data set takes to open, beside what parses the same file and keeps nothing.

A CSV manifest of 100,000 lines with a box each beside `csv.reader`, COCO annotations of 20,000
images beside `json.load`, and a folder of 10,000 images in classes beside a walk through it, in
turns; no image is opened.

    python benchmarks/readers.py [--part manifest]
    python benchmarks/readers.py --render              docs/benchmarks.md again

Writes benchmarks/results/readers.json.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from in_parts import in_parts
from measuring import PLAIN, Work, conditions, fresh, take_turns
from peers import OURS

PARTS = {
    "manifest": ("100,000 lines of a CSV manifest", 100_000),
    "coco": ("COCO annotations of 20,000 images", 20_000),
    "folder": ("a folder of 10,000 images", 10_000),
}
CLASSES, ROUNDS = 100, 5


def manifest(folder: Path, count: int) -> tuple[str, Work]:
    path = folder / "manifest.csv"
    lines = (f"{n}.jpg,class {n % CLASSES},{n % 50} 10 {n % 50 + 50} 60\n" for n in range(count))
    path.write_text("file,class,boxes\n" + "".join(lines), "utf-8")

    def parse() -> int:
        with path.open(newline="", encoding="utf-8") as stream:
            return sum(1 for _ in csv.reader(stream))

    return f"csv:{path}", parse


def coco(folder: Path, count: int) -> tuple[str, Work]:
    path = folder / "instances.json"
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 99, "height": 99} for n in range(count)]
    annotations = [
        {"id": n, "image_id": n, "category_id": n % CLASSES, "bbox": [n % 50, 10, 40, 30]}
        for n in range(count)
    ]
    categories = [{"id": n, "name": f"class {n}"} for n in range(CLASSES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content), "utf-8")
    return f"coco:{path}", lambda: json.loads(path.read_text("utf-8"))


def folder(folder: Path, count: int) -> tuple[str, Work]:
    for n in range(CLASSES):
        (folder / f"class {n:02}").mkdir()
    for n in range(count):
        (folder / f"class {n % CLASSES:02}" / f"{n}.jpg").touch()
    return f"folder:{folder}", lambda: sum(len(files) for _, _, files in os.walk(folder))


def times(part: str) -> dict[str, Any]:
    from limelight import data

    with tempfile.TemporaryDirectory() as name:
        source, parse = globals()[part](Path(name), PARTS[part][1])
        assert len(data.open(source)) == PARTS[part][1]
        return take_turns({PLAIN: parse, OURS: lambda: data.open(source)}, ROUNDS)


def measure(part: str) -> dict[str, Any]:
    return fresh(times, part)


def render(parts: dict[str, Any]) -> str:
    lines = ["| | parsed alone, ms | opened, ms | times as long |", "| --- | ---: | ---: | ---: |"]
    for part, (title, _) in PARTS.items():
        plain, mine = (parts[part]["figures"][name] for name in (PLAIN, OURS))
        lines.append(
            f"| {title} | {1000 * plain['seconds']:.0f} | {1000 * mine['seconds']:.0f} | "
            f"{mine['ratio']:.1f} |"
        )
    return "\n".join([*lines, "", conditions(parts)])


if __name__ == "__main__":
    sys.exit(in_parts("readers", __doc__, PARTS, ("numpy",), measure, render))
