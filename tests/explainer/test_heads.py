"""The head that cam reads: believed only where it gives back the scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight import explain
from limelight.errors import MethodError
from limelight.explainer.heads import find_head
from limelight.probes.base import Head

RANDOM = np.random.default_rng(0)
A = RANDOM.normal(0, 1, (3, 5, 4, 2))
WEIGHT, BIAS = RANDOM.normal(0, 1, (6, 5)), RANDOM.normal(0, 1, 6)
POOLED = A.mean((2, 3))
RIGHT = Head("head", WEIGHT, BIAS)
WRONG = Head("other", RANDOM.normal(0, 1, (6, 5)), None)


def find(candidates: list[Head], scores: np.ndarray) -> Head | None:
    return find_head(np, candidates, A, scores, "features")


def test_the_head_that_gives_back_the_scores() -> None:
    scores = POOLED @ WEIGHT.T + BIAS
    assert find([WRONG, RIGHT], scores) is RIGHT
    without = Head("head", WEIGHT, None)
    assert find([RIGHT, without], scores - BIAS) is without


@pytest.mark.parametrize("candidates", [[], [WRONG], [RIGHT]])
def test_no_head_gives_back_the_scores(candidates: list[Head]) -> None:
    scores = np.maximum(POOLED, 0) @ WEIGHT.T + BIAS
    with pytest.raises(MethodError, match=r"cam needs global average pooling.*'features'"):
        find(candidates, scores)


def test_channels_that_are_the_classes() -> None:
    """With a 1×1 convolution before the pooling; a ReLU may stand between."""
    assert find([], POOLED) is None
    assert find([], np.maximum(A, 0).mean((2, 3))) is None
    with pytest.raises(MethodError):
        find([], 1.1 * POOLED)


def test_the_map_of_squeezenet_is_its_convolutions_channel(squeezenet: Any, data: Any) -> None:
    """classifier.1 is a 1×1 convolution, before ReLU and pooling: its output is the map."""
    import torch

    from oracles.subjects import real_squeezenet

    images = real_squeezenet(squeezenet, data).images(2)
    with torch.no_grad():
        channels = squeezenet.classifier[1](squeezenet.features(torch.as_tensor(images)))
    for layer, expected in (("classifier.1", channels), (None, channels.relu())):
        found = explain(squeezenet, images, "cam", layer=layer, target=[5, 243])
        assert tuple(found.values.shape) == (2, 15, 15)
        torch.testing.assert_close(found.values[0], expected[0, 5])
        torch.testing.assert_close(found.values[1], expected[1, 243])
