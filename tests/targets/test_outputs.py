"""What a score is told of an output that it is not made for; outputs in dicts; numbers per type."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from limelight import targets
from limelight.errors import TargetError

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(2, 5)).astype(np.float32)
PIXELS = RANDOM.normal(size=(2, 3, 4, 6)).astype(np.float32)
QUERIES = RANDOM.normal(size=(2, 7, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("score", "output", "said"),
    [
        (targets.Regression(), PIXELS, r"shape \(2, 3, 4, 6\); one number or one row of numbers"),
        (targets.Regression(5), ROWS, "output 5 .* 5, 0 to 4"),
        (targets.Regression(1), ROWS[:, 0], "output 1 .* 1, 0 to 0"),
        (targets.Regression(), {"a": ROWS, "b": 1}, "a dict of 'a', 'b'.*as 'logits' or 'out'"),
        (targets.Regression(), SimpleNamespace(), "a SimpleNamespace; one number"),
        (targets.Similarity(np.ones(4)), ROWS, r"\(2, 5\).* \(4,\); \(5,\) was expected"),
        (targets.Similarity(np.ones((2, 5))), ROWS, r"the shape \(2, 5\); \(5,\) was expected"),
        (targets.Similarity(np.zeros(5)), ROWS, "is zero"),
        (targets.Similarity(np.full(5, np.nan)), ROWS, "not a number"),
        (targets.Similarity(np.ones(5)), QUERIES, r"one embedding per image, \(N, D\)"),
        (targets.Segmentation(3), PIXELS, "class 3 .* 3, 0 to 2"),
        (targets.Segmentation(-1), PIXELS, "class -1 .* 3, 0 to 2"),
        (targets.Segmentation(0), ROWS, r"\(N, classes, H, W\), was expected"),
        (targets.Segmentation(0, axis=-1), ROWS, r"\(N, H, W, classes\), was expected"),
        (targets.Segmentation(0, np.ones((6, 4))), PIXELS, r"\(6, 4\).* \(4, 6\), was expected"),
        (targets.Detection(4), QUERIES, "class 4 .* 4, 0 to 3"),
        (targets.Detection(0, 7), QUERIES, "query 7 .* 7, 0 to 6"),
        (targets.Detection(0), [QUERIES], "returned a list; class scores per query"),
    ],
)
def test_an_output_that_does_not_fit_is_said_so(score: Any, output: Any, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        score(output)


def test_what_can_never_fit_is_said_at_once() -> None:
    with pytest.raises(TargetError, match="the region is empty"):
        targets.Segmentation(0, np.zeros((4, 6)))
    with pytest.raises(TargetError, match="axis=2"):
        targets.Segmentation(0, axis=2)


def test_scores_of_arrays_and_of_dicts() -> None:
    mask = RANDOM.random((4, 6)) > 0.5
    won = PIXELS.argmax(1) == 1
    cosine = ROWS @ ROWS[0] / np.linalg.norm(ROWS, axis=1) / np.linalg.norm(ROWS[0])
    for score, output, name, expected in (
        (targets.Regression(3), ROWS, "logits", ROWS[:, 3]),
        (targets.Regression(), ROWS[:, 0], None, ROWS[:, 0]),
        (targets.Similarity(7 * ROWS[:1]), ROWS, "image_embeds", cosine),
        (targets.Similarity(ROWS[0]), ROWS[:, :, None, None], "pooler_output", cosine),
        (targets.Segmentation(1, mask), PIXELS, "out", (PIXELS[:, 1] * mask).sum((1, 2))),
        (targets.Segmentation(1), PIXELS, "out", (PIXELS[:, 1] * won).sum((1, 2))),
        (
            targets.Segmentation(1, axis=-1), PIXELS.transpose(0, 2, 3, 1), "out",
            (PIXELS[:, 1] * won).sum((1, 2)),
        ),
        (targets.Detection(2), QUERIES, "logits", QUERIES[:, :, 2].max(1)),
        (targets.Detection(2, 4), QUERIES, "pred_logits", QUERIES[:, 4, 2]),
    ):  # fmt: skip
        np.testing.assert_allclose(score(output), expected, rtol=1e-5)
        if name is not None:
            np.testing.assert_allclose(score({"other": 0, name: output}), expected, rtol=1e-5)


def test_equal_scores_are_one_so_that_compiled_functions_are_kept() -> None:
    assert targets.Regression(2) == targets.Regression(2) != targets.Regression(1)
    assert hash(targets.Detection(1, 2)) == hash(targets.Detection(1, 2))
    hash(targets.Similarity(ROWS[0])), hash(targets.Segmentation(1, PIXELS[0, 0]))
