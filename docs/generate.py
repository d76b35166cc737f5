"""Writes docs/which-layer.md and docs/blank-map.md from the tables that the tests run on.

    PYTHONPATH=tests python docs/generate.py

The targets are those of tests/targets/table.py, the findings those that `maps.diagnosis` declares,
the layers those of tests/architectures.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from architectures import KERAS, TORCH
from limelight.maps.diagnosis import FINDINGS
from targets.table import FORMS

FOLDER = Path(__file__).parent
KINDS = {
    "map": "Of the map",
    "method": "Of the method",
    "output": "Of the model's output",
    "input": "Of the input",
}

LAYER = """\
# Which layer, which target

## Which layer

None needs to be named. The layer that is chosen is the last one with a height and a width, after
its activation and before the pooling; it is in the result as `maps.layer`. To choose another one:

    limelight layers model.keras            # every layer, and which one is chosen
    limelight explain cat.jpg --model model.keras --layer conv4_block6_out

`layer=` takes a path (`"layer4.1.conv2"`, `"resnet50/conv5_block3_out"` through nesting), the end
of a path where it is unambiguous, the layer object, or several of them. An earlier layer has a
finer grid and knows less of the class. What is chosen in many published networks is
[below](#what-is-chosen). Where a map is empty, see [My map is blank](blank-map.md).

## Which target

{targets}

**A single output** is taken for a binary classifier: class 1 is the output, class 0 (the negative
class) its negation, and the sigmoid makes their probabilities. `maps.scores` has both, (N, 2), and
`classes=["cat", "dog"]` names them, the negative one first; with one name the other is "not …".
Where the output is a number and no logit, say `limelight.targets.Regression()`.

**Several labels**: each is explained by itself; any of them is a target, whether it is likely or
not. Where the model does not end in a sigmoid layer, `limelight.load(…, activation="sigmoid")`
makes the probabilities right.

**A Keras model with channels last** has its classes on the last axis:
`limelight.targets.Segmentation(2, region, axis=-1)`. The region has the size of the model's output.

**A function of your own** gets what the model returns, before anything is taken off, and gives one
number per image, (N,). `maps.target` and `maps.probability` are then None.

## What is chosen

The tests run on these networks, with random weights, some smaller than the published ones:

{layers}

This page is generated from the tables that the tests run on: `docs/generate.py`.
"""
BLANK = """\
# My map is blank

Ask the map: `maps.diagnosis` says what is wrong with each, in a sentence, and `limelight explain`
prints it; None where nothing is wrong. What it needs is kept with the maps, also in a folder, and
is looked at only when you ask.

    limelight explain cat.jpg --model model.keras

What it can find, why that is so, and what to do:

{findings}

## What cannot be told

Photographs whose red and blue are exchanged (OpenCV reads them so), and for a bare model a batch
in 0 to 1 that should have been normalized. `limelight.load` makes a Classifier, which takes
photographs and prepares them itself; nothing can then go wrong there.

If the map is not blank but looks wrong, choose another [layer or target](which-layer.md), or ask
[whether it is true](faithfulness.md).

This page is generated from what `maps.diagnosis` declares: `docs/generate.py`.
"""


def pages() -> dict[str, str]:
    """The text of each page, by its file's name."""
    return {
        "which-layer.md": LAYER.format(layers=layers(), targets=targets()),
        "blank-map.md": BLANK.format(findings=findings()),
    }


def layers() -> str:
    """The layer that is chosen in each architecture of the tests, and the size of its grid."""
    rows = [
        (
            f"`{each.source}`",
            " × ".join(map(str, each.size)),
            f"`{each.layer}`",
            " × ".join(map(str, each.grid)),
            each.why,
        )
        for each in (*TORCH, *KERAS)
    ]
    return table(("model", "image", "layer", "grid", "what it is"), rows)


def targets() -> str:
    """What is written and what it explains, by what the model returns."""
    rows = []
    for model, forms in groupby(FORMS, key=lambda form: form.model):
        for i, form in enumerate(forms):
            example = f"[{form.example}](../examples/{form.example}.py)" if form.example else ""
            rows.append(("" if i else model, f"`{form.written}`", form.means, example))
    return table(("the model returns", "`explain(model, images, …)`", "explains", "example"), rows)


def findings() -> str:
    """What `maps.diagnosis` can say, why, and what to do, by what it is about."""
    parts = []
    for kind, some in groupby(FINDINGS, key=lambda finding: finding.about):
        parts.append(f"## {KINDS[kind]}")
        for each in some:
            remedy = each.remedy[0].upper() + each.remedy[1:]
            parts += [f"### {each.name}", each.why, f"**What to do**: {remedy}."]
    return "\n\n".join(parts)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(FOLDER / name)
