"""Writes docs/which-layer.md from the tables that the tests run on.

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

PAGE = Path(__file__).parent / "which-layer.md"
KINDS = {
    "map": "the map",
    "method": "the method",
    "output": "the model's output",
    "input": "the input",
}

TEXT = """\
# Which layer, which target, why is it blank

This page is generated from the tables that the tests run on: `docs/generate.py`.

## Which layer

None needs to be named. The layer that is chosen is the last one with a height and a width, after
its activation and before the pooling; it is in the result as `maps.layer`. To choose another one:

    limelight layers model.keras            # every layer, and which one is chosen
    limelight explain cat.jpg --model model.keras --layer conv4_block6_out

`layer=` takes a path (`"layer4.1.conv2"`, `"resnet50/conv5_block3_out"` through nesting), the end
of a path where it is unambiguous, the layer object, or several of them. An earlier layer has a
finer grid and knows less of the class. What is chosen in the networks of the tests (random
weights, some smaller than the published ones):

{layers}

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

## Why is it blank

`maps.diagnosis` says it, for each map, and `limelight explain` prints it; None where nothing is
wrong. What it needs is kept with the maps, also in a folder, and is looked at only when you ask.

{findings}

What cannot be told: photographs whose red and blue are exchanged (OpenCV reads them so), and for a
bare model a batch in 0 to 1 that should have been normalized. `limelight.load` makes a Classifier,
which takes photographs and prepares them itself; nothing can then go wrong there.
"""


def page() -> str:
    """The text of the page."""
    return TEXT.format(layers=layers(), targets=targets(), findings=findings())


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
    """What `maps.diagnosis` can say, why, and what to do."""
    rows = [
        (KINDS[finding.about], finding.name, finding.why, finding.remedy) for finding in FINDINGS
    ]
    return table(("about", "what is found", "why", "what to do"), rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(PAGE)
