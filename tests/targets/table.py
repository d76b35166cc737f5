"""Every form of target: what is written, and what it explains, a second time and by hand.

`docs/which-layer.md` has this table, and `test_table.py` holds the package to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EMBEDDING = np.array([0.7, -0.4, 1.5, 0.2], np.float32)
REGION = np.array([[0, 1, 1], [0, 1, 0], [0, 0, 0], [0, 0, 0]])


@dataclass(frozen=True)
class Form:
    """One row.

    Attributes:
        model: what the model returns, in words.
        written: the arguments of `explain`, as Python.
        means: what is explained, in words.
        by_hand: the score of the three images, (3,) or (3, K), of the plain output (float64).
        kind: which head of `networks_of_kinds` the model has.
        example: the example that shows it, where there is one.
        keras: what is written instead for a Keras model with channels last.
    """

    model: str
    written: str
    means: str
    by_hand: Callable[[Any], Any] = field(repr=False)
    kind: str = "classes"
    example: str = ""
    keras: str = ""


def _each(output: Any, classes: list[int]) -> Any:
    return output[range(3), classes]


def _cosine(output: Any) -> Any:
    import torch

    other = torch.as_tensor(EMBEDDING, dtype=output.dtype)
    return torch.cosine_similarity(output, other[None], dim=1)


def _over_region(output: Any) -> Any:
    return output[:, 2, 0, 1] + output[:, 2, 0, 2] + output[:, 2, 1, 1]


def _over_own_pixels(output: Any) -> Any:
    won = (output[:, 1] > output[:, 0]) & (output[:, 1] > output[:, 2])
    won &= output[:, 1] > output[:, 3]
    assert 0 < won.sum() < won.numel()
    return (output[:, 1] * won).sum((1, 2))


def _tops(output: Any, count: int) -> Any:
    import torch

    rows = [sorted(range(4), key=lambda c: -float(row[c]))[:count] for row in output.detach()]
    found = torch.stack([row[top] for row, top in zip(output, rows, strict=True)])
    return found[:, 0] if count == 1 else found


CLASSES = "classes (N, classes), behind a softmax or not"
SEVERAL = "several labels (N, labels), behind a sigmoid or not"
BINARY = "one output (N, 1), binary, behind a sigmoid or not"
PIXELS = "classes of pixels (N, classes, H, W)"
QUERIES = "detections (N, queries, classes)"
SIMILARITY = "limelight.targets.Similarity(embedding)"
SEGMENTATION = "limelight.targets.Segmentation(2, region)"

FORMS = (
    Form(CLASSES, "target=None", "each image's own top class", lambda y: _tops(y, 1)),
    Form(CLASSES, "target=2", "class 2, for all images", lambda y: y[:, 2]),
    Form(CLASSES, 'target="cat"', "the class of that name", lambda y: y[:, 2]),
    Form(CLASSES, "target=[2, 0, 1]", "one class per image", lambda y: _each(y, [2, 0, 1])),
    Form(CLASSES, "target=[[2, 0]]", "several classes of every image", lambda y: y[:, [2, 0]]),
    Form(
        CLASSES, "target=[[2, 0], [1, 3], [0, 1]]", "several classes, each image its own",
        lambda y: y[[[0, 0], [1, 1], [2, 2]], [[2, 0], [1, 3], [0, 1]]],
    ),
    Form(CLASSES, 'target="top2"', "each image's own top 2", lambda y: _tops(y, 2)),
    Form(
        CLASSES, "target=2, negative=True",
        "what speaks against class 2 (the counterfactual)", lambda y: -y[:, 2],
        example="counterfactual",
    ),
    Form(
        "anything", "target=lambda output: output[:, 0] - output[:, 1]",
        "any one number per image (N,) made of the output", lambda y: y[:, 0] - y[:, 1],
    ),
    Form(
        BINARY, "target=None", "class 1 where the output is above 0, else class 0",
        lambda y: y.abs()[:, 0], "number",
    ),
    Form(BINARY, "target=1", "class 1: the output", lambda y: y[:, 0], "number", "multilabel"),
    Form(
        BINARY, "target=0", "class 0, the negative class: the output negated",
        lambda y: -y[:, 0], "number", "multilabel",
    ),
    Form(
        SEVERAL, "target=[[2, 0]]", "those labels, each by itself",
        lambda y: y[:, [2, 0]], example="multilabel",
    ),
    Form(
        "numbers (N, outputs) or (N,)", "target=limelight.targets.Regression()",
        "what raises the number", lambda y: y[:, 0], "number", "regression",
    ),
    Form(
        "numbers (N, outputs) or (N,)", "target=limelight.targets.Regression(), negative=True",
        "what lowers the number", lambda y: -y[:, 0], "number",
    ),
    Form(
        "embeddings (N, D)", f"target={SIMILARITY}",
        "what the image has in common with another one", _cosine, example="similarity",
    ),
    Form(
        PIXELS, f"target={SEGMENTATION}", "class 2 within a region", _over_region, "pixels",
        "segmentation", keras="target=limelight.targets.Segmentation(2, region, axis=-1)",
    ),
    Form(
        PIXELS, "target=limelight.targets.Segmentation(1)",
        "class 1 where the model itself sees it", _over_own_pixels, "pixels", "segmentation",
        keras="target=limelight.targets.Segmentation(1, axis=-1)",
    ),
    Form(
        QUERIES, "target=limelight.targets.Detection(2, query=5)",
        "class 2 in detection 5", lambda y: y[:, 5, 2], "queries",
    ),
    Form(
        QUERIES, "target=limelight.targets.Detection(2)",
        "class 2 in the image's best detection of it", lambda y: y[:, :, 2].amax(1), "queries",
        "detection",
    ),
)  # fmt: skip
