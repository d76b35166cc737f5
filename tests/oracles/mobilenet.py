"""A Keras model of plain layers, MobileNetV2 for one, run by PyTorch with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


def in_torch(model: Any) -> FromKeras:
    """`model` as an `nn.Module` on (N, C, H, W) whose paths are the Keras layers' names.

    It returns logits: the final softmax is left out.
    """
    return FromKeras(model).eval()


class FromKeras(nn.Module):
    """The graph of a functional Keras model, layer by layer."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.steps: list[tuple[str, list[str]]] = []
        for layer in model.layers[1:]:
            given = layer.input if isinstance(layer.input, list) else [layer.input]
            parents = [tensor._keras_history.operation.name for tensor in given]
            self.steps.append((layer.name, parents))
            self.add_module(layer.name, _step(layer))
        self.first = model.layers[0].name

    def forward(self, images: Tensor) -> Tensor:
        return self.run_after(self.first, images)

    def run_after(self, layer: str, output: Tensor) -> Tensor:
        """The logits from the output of `layer`, which all later ones must come from."""
        names = [self.first, *(name for name, _ in self.steps)]
        values = {layer: output}
        for name, parents in self.steps[names.index(layer) :]:
            values[name] = self.get_submodule(name)(*(values[parent] for parent in parents))
        return values[self.steps[-1][0]]


def _step(layer: Any) -> nn.Module:
    kind = type(layer).__name__
    arrays = [torch.tensor(np.asarray(variable)) for variable in layer.weights]
    if kind in ("Conv2D", "DepthwiseConv2D"):
        (kernel, *bias), depthwise = arrays, kind == "DepthwiseConv2D"
        kernel = kernel.permute(2, 3, 0, 1) if depthwise else kernel.permute(3, 2, 0, 1)
        groups = len(kernel) if depthwise else 1
        convolution = nn.Conv2d(
            kernel.shape[1] * groups, len(kernel), tuple(kernel.shape[2:]),
            stride=layer.strides, groups=groups, bias=bool(bias),
        )  # fmt: skip
        convolution.weight.data = kernel.contiguous()
        if bias:
            convolution.bias.data = bias[0]
        if layer.padding == "valid" or layer.kernel_size == (1, 1):
            return convolution
        sides = [
            _same(*each)
            for each in zip(layer.input.shape[1:3], layer.kernel_size, layer.strides, strict=True)
        ]
        return nn.Sequential(nn.ZeroPad2d((*sides[1], *sides[0])), convolution)
    if kind == "BatchNormalization":
        norm = nn.BatchNorm2d(len(arrays[0]), eps=layer.epsilon)
        norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = arrays
        return norm
    if kind == "ReLU":
        assert layer.max_value == 6
        return nn.ReLU6()
    if kind == "ZeroPadding2D":
        (top, bottom), (left, right) = layer.padding
        return nn.ZeroPad2d((left, right, top, bottom))
    if kind == "Dense":
        linear = nn.Linear(*arrays[0].shape)
        linear.weight.data, linear.bias.data = arrays[0].T.contiguous(), arrays[1]
        return linear
    return {"Add": _Add, "GlobalAveragePooling2D": _Pool}[kind]()


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """What padding="same" adds before and after: the odd one comes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class _Add(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class _Pool(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(values, 1).flatten(1)
