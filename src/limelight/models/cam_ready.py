"""A backbone of PyTorch with the head that class activation maps want.

The last feature map, global average pooling, one linear layer: so the map of a class is a weighted
sum of channels (Zhou 2016), and nothing stands between map and score.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from limelight.errors import ModelLoadError
from limelight.models.feature_maps import last_features


class CamReady(nn.Module):
    """`features` → global average pooling → `head`, (N, 3, H, W) to (N, classes) logits.

    With `frozen` the features are not trained, and their norms keep their statistics.
    """

    def __init__(self, features: nn.Module, channels: int, classes: int) -> None:
        super().__init__()
        self.features = features
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(channels, classes)
        self.frozen = False

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        return self.head(self.flatten(self.pool(self.features(images))))

    def train(self, mode: bool = True) -> CamReady:
        """As `nn.Module.train`, but frozen features stay in eval mode."""
        super().train(mode)
        if self.frozen:
            self.features.eval()
        return self

    def freeze(self) -> None:
        """Train the head alone from now on."""
        self.frozen = True
        self.features.requires_grad_(False)


def with_cam_head(model: nn.Module, classes: int, what: str) -> CamReady:
    """A classification network cut at its last feature map, with a new head.

    Its modules and weights are used, not copied.

    Raises:
        ModelLoadError: it has no feature map (a transformer of tokens), or cannot be followed.
    """
    if isinstance(model, CamReady):
        return CamReady(model.features, model.head.in_features, classes)
    found = last_features(model)
    if found is None:
        raise ModelLoadError(
            f"{what} cannot be cut at its last feature map: a convolutional network is expected, "
            "such as a ResNet, VGG, DenseNet, Inception, MobileNet, EfficientNet or ConvNeXt"
        )
    features, channels = found
    return CamReady(features, channels, classes)


def last_strides(model: CamReady, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """By path, the strides to set so that the last stage no longer halves the map.

    They are those layers with a stride whose output has the size of the last feature map; the
    weights fit as before, and the map has twice as many rows and columns.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    handles = [
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape)})
        )
        for name, module in _strided(model)
    ]
    training = model.training
    try:
        with torch.no_grad():
            last = model.eval().features(torch.zeros(1, 3, *size))
    finally:
        for handle in handles:
            handle.remove()
        model.train(training)
    return {
        f"{name}.stride": (1, 1)
        for name, shape in shapes.items()
        if shape[2:] == tuple(last.shape[2:])
    }


def _strided(model: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and max(module.stride) > 1:
            yield name, module
