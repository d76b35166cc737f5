"""One map of several layers, against the definition: normalize, resize, mean or maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from limelight import explain
from limelight.errors import MethodError
from limelight.methods import find_method
from oracles import networks
from oracles.subjects import Subject

LAYERS = ["conv1", "norm", "relu3"]  # 15 × 11, 5 × 4 and 4 × 3
FINEST = (15, 11)


def resized(map_: np.ndarray) -> np.ndarray:
    """Half-pixel bilinear, by PyTorch."""
    import torch

    given = torch.as_tensor(map_)[None, None]
    return torch.nn.functional.interpolate(given, FINEST, mode="bilinear")[0, 0].numpy()


def normalized(map_: np.ndarray) -> np.ndarray:
    positive = np.maximum(map_, 0)
    return positive / positive.max() if positive.max() else positive


@pytest.mark.parametrize(
    ("method", "how", "target"),
    [("hirescam", "mean", 1), ("layercam", "max", 1), ("layercam", "mean", [[0, 2]])],
)
def test_fused_maps(small: Subject, method: str, how: str, target: Any) -> None:
    """LayerCAM scales all but the deepest layer by tanh(2 M / max M) first."""
    images = small.images(2)
    single = explain(small.model, images, method, layer=LAYERS, target=target)
    fused = explain(small.model, images, method, layer=LAYERS, target=target, fuse=how)
    assert fused.layer == "conv1+norm+relu3" and fused.method == method
    found = fused.numpy().reshape(-1, *FINEST)
    early = find_method(method).early is not None
    for i, map_ in enumerate(found):
        parts = []
        for layer, maps in single.items():
            part = maps.numpy().reshape(-1, *maps.values.shape[-2:])[i].astype(float)
            if early and layer != "relu3":
                part = np.tanh(2 * part / part.max()) if part.max() > 0 else part
            parts.append(resized(normalized(part)))
        expected = np.mean(parts, 0) if how == "mean" else np.max(parts, 0)
        np.testing.assert_allclose(map_, expected, atol=1e-5)
    assert tuple(fused.values.shape[:-2]) == tuple(single["norm"].values.shape[:-2])


def test_methods_are_fused_each_and_the_order_of_layers_does_not_matter(small: Subject) -> None:
    options: dict[str, Any] = {"fuse": "max", "target": 1}
    images, methods = small.images(2), ["layercam", "hirescam"]
    found = explain(small.model, images, methods, layer=LAYERS, **options)
    assert list(found) == methods
    for method, maps in found.items():
        alone = explain(small.model, images, method, layer=LAYERS[::-1], **options)
        np.testing.assert_allclose(maps.numpy(), alone.numpy(), atol=1e-6)


def test_an_unknown_fusion_is_said_so(small: Subject) -> None:
    with pytest.raises(MethodError, match=r"fuse='sum' is not a fusion.*'mean' or 'max'"):
        explain(small.model, networks.images(1), layer=LAYERS, fuse="sum")
