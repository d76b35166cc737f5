"""Other libraries on the same model and images, and what they do to raw maps before they show them.

pytorch-grad-cam 1.5.7 and torchcam 0.5.0; neither is imported before it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import limelight


def resnet() -> Any:
    """ResNet-18 with random weights, whose gradients are large enough for the libraries' epsilons."""
    import torch
    from torchvision.models import resnet18

    torch.manual_seed(0)
    network = resnet18().eval()
    network.fc.weight.data *= 10
    return network


def of_grad_cam(
    model: Any, images: Any, name: str, layers: Sequence[Any], classes: Sequence[int]
) -> np.ndarray:
    """The maps (N, H, W) of pytorch-grad-cam's class `name`."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with getattr(pytorch_grad_cam, name)(model=model, target_layers=list(layers)) as cam:
        return cam(images, [ClassifierOutputTarget(c) for c in classes])


def of_torchcam(
    model: Any, images: Any, name: str, layer: Any, classes: Sequence[int], **options: Any
) -> np.ndarray:
    """The maps (N, h, w) of torchcam's class `name`; of several layers, fused as it does."""
    from torchcam import methods

    with getattr(methods, name)(model, layer, **options) as cam:
        found = cam(list(classes), model(images))
        return cam.fuse_cams(found).detach().numpy()


def ours(
    model: Any, images: Any, name: str, layer: Any, classes: Sequence[int], **options: Any
) -> np.ndarray:
    """Our raw maps (N, h, w)."""
    return limelight.explain(
        model, images, name, target=list(classes), layer=layer, **options
    ).numpy()


def scaled_as_grad_cam(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What pytorch-grad-cam does to raw maps: ReLU, minmax, resize to (H, W), minmax once more."""
    import cv2

    found = []
    for map_ in np.maximum(maps, 0):
        resized = cv2.resize(_minmax(map_), size[::-1], interpolation=cv2.INTER_LINEAR)
        found.append(_minmax(resized))
    return np.stack(found)


def _minmax(map_: np.ndarray) -> np.ndarray:
    map_ = map_ - map_.min()
    return map_ / (1e-7 + map_.max())


def scaled_as_torchcam(maps: np.ndarray) -> np.ndarray:
    """What torchcam does to raw maps (N, h, w): minmax."""
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return (maps - low) / (high - low + 1e-8)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of maps that run up to 1."""
    assert found.shape == expected.shape and expected.max() > 0.5
    return float(np.abs(found - expected).max())
