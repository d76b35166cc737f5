"""One small network three times: in PyTorch, in Keras, and plainly in float64.

conv1 – relu1 – pool – conv2 – norm – relu2 – conv3 – relu3 – global average pooling – head, on
images of 17 × 13; the last feature map is 4 × 3. All sizes differ, so that axes cannot be confused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

SIZE = (17, 13)
CLASSES = 4
LAYERS = ("conv1", "relu1", "pool", "conv2", "norm", "relu2", "conv3", "relu3")
LAST = LAYERS[-1]
_KERNELS = {"conv1": (3, 3, 3, 5), "conv2": (3, 2, 5, 6), "conv3": (2, 2, 6, 7)}
_EPSILON = 1e-3


@cache
def weights() -> dict[str, list[np.ndarray]]:
    """By layer, in Keras's order and layout: kernel (h, w, in, out) and bias; scale, shift, …"""
    random = np.random.default_rng(7)
    made = {
        name: [
            random.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape),
            random.normal(0, 0.2, shape[-1]),
        ]
        for name, shape in _KERNELS.items()
    }
    low, high = np.full(6, 0.5), np.full(6, 1.5)
    made["norm"] = [
        random.uniform(low, high),
        random.normal(0, 0.3, 6),
        random.normal(0, 0.3, 6),
        random.uniform(low, high),
    ]
    made["head"] = [random.normal(0, 0.6, (7, CLASSES)), random.normal(0, 0.3, CLASSES)]
    return {name: [a.astype(np.float32) for a in arrays] for name, arrays in made.items()}


def images(count: int, seed: int = 0) -> np.ndarray:
    """Float32 images (N, 3, 17, 13); image i is the same whatever `count` is."""
    return np.stack(
        [np.random.default_rng((seed, i)).normal(0, 1, (3, *SIZE)) for i in range(count)]
    ).astype(np.float32)


# -- plainly ----------------------------------------------------------------------------------


def plain_run(values: Any, after: str | None = None, until: str | None = None) -> Any:
    """Float64 `values` from behind the layer `after` (None: images) up to `until` (None: logits)."""
    import torch
    from torch.nn import functional

    def tensor(name: str) -> list[Any]:
        return [torch.as_tensor(array, dtype=torch.float64) for array in weights()[name]]

    start = 0 if after is None else LAYERS.index(after) + 1
    for name in LAYERS[start:]:
        if name.startswith("conv"):
            kernel, bias = tensor(name)
            values = functional.conv2d(values, kernel.permute(3, 2, 0, 1), bias)
        elif name.startswith("relu"):
            values = values.clamp(min=0)
        elif name == "pool":
            values = functional.max_pool2d(values, 2)
        else:
            scale, shift, mean, variance = (each[:, None, None] for each in tensor(name))
            values = (values - mean) / (variance + _EPSILON).sqrt() * scale + shift
        if name == until:
            return values
    matrix, bias = tensor("head")
    return values.mean((2, 3)) @ matrix + bias


def plain_evidence(
    inputs: np.ndarray,
    layer: str,
    classes: np.ndarray,
    explained: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, G = ∂(logit of the class)/∂A and the logits, in float64.

    `explained`: of the logits (N, classes) the weights (N, classes) of another score, their sum.
    """
    import torch

    activations = plain_run(torch.as_tensor(inputs, dtype=torch.float64), until=layer)
    activations.requires_grad_()
    logits = plain_run(activations, after=layer)
    score = logits[torch.arange(len(classes)), torch.as_tensor(classes)].sum()
    if explained is not None:
        score = (torch.as_tensor(explained(logits.detach().numpy())) * logits).sum()
    (gradients,) = torch.autograd.grad(score, activations)
    return tuple(each.detach().numpy() for each in (activations, gradients, logits))


def plain_input_gradients(inputs: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """∂(logit of the class)/∂X, (N, 3, H, W), in float64."""
    import torch

    images = torch.as_tensor(inputs, dtype=torch.float64).requires_grad_()
    logits = plain_run(images)
    score = logits[torch.arange(len(classes)), torch.as_tensor(classes)].sum()
    (gradients,) = torch.autograd.grad(score, images)
    return gradients.numpy()


# -- PyTorch ----------------------------------------------------------------------------------


def torch_layers(inplace: bool = False) -> OrderedDict[str, Any]:
    """The feature layers by name, with their weights, in eval mode."""
    import torch
    from torch import nn

    found: OrderedDict[str, Any] = OrderedDict()
    for name in LAYERS:
        if name.startswith("conv"):
            h, w, channels, features = _KERNELS[name]
            found[name] = nn.Conv2d(channels, features, (h, w))
            kernel, bias = map(torch.as_tensor, weights()[name])
            found[name].weight.data = kernel.permute(3, 2, 0, 1).contiguous()
            found[name].bias.data = bias.clone()
        elif name.startswith("relu"):
            found[name] = nn.ReLU(inplace=inplace)
        elif name == "pool":
            found[name] = nn.MaxPool2d(2)
        else:
            norm = found[name] = nn.BatchNorm2d(6, eps=_EPSILON)
            scale, shift, mean, variance = (torch.tensor(each) for each in weights()[name])
            norm.weight.data, norm.bias.data = scale, shift
            norm.running_mean, norm.running_var = mean, variance
    return found


def torch_head() -> Any:
    """The linear layer with its weights."""
    import torch
    from torch import nn

    head = nn.Linear(7, CLASSES)
    matrix, bias = map(torch.as_tensor, weights()["head"])
    head.weight.data, head.bias.data = matrix.T.contiguous(), bias.clone()
    return head


def torch_model(inplace: bool = False, softmax: bool = False, behind_relu2: Any = None) -> Any:
    """The network as an `nn.Sequential` in eval mode; paths are the layers' names.

    `behind_relu2`: one more module, called "extra".
    """
    from torch import nn

    layers = torch_layers(inplace)
    if behind_relu2 is not None:
        later = [(name, layers.pop(name)) for name in ("conv3", "relu3")]
        layers |= OrderedDict([("extra", behind_relu2), *later])
    layers |= {"gap": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "head": torch_head()}
    if softmax:
        layers["softmax"] = nn.Softmax(dim=1)
    return nn.Sequential(layers).eval()


# -- Keras ------------------------------------------------------------------------------------


def keras_layer(name: str, data_format: str = "channels_last") -> Any:
    """One feature layer, without its weights."""
    import keras

    if name.startswith("conv"):
        h, w, _, features = _KERNELS[name]
        options = {"data_format": data_format, "kernel_initializer": "zeros", "name": name}
        return keras.layers.Conv2D(features, (h, w), **options)
    if name.startswith("relu"):
        return keras.layers.ReLU(name=name)
    if name == "pool":
        return keras.layers.MaxPooling2D(2, data_format=data_format, name=name)
    axis = -1 if data_format == "channels_last" else 1
    return keras.layers.BatchNormalization(axis=axis, epsilon=_EPSILON, name=name)


def keras_head(activation: str | None = None, data_format: str = "channels_last") -> list[Any]:
    """The pooling and the linear layer, without its weights."""
    import keras

    pooling = keras.layers.GlobalAveragePooling2D(data_format=data_format, name="gap")
    options = {"activation": activation, "kernel_initializer": "zeros", "name": "head"}
    return [pooling, keras.layers.Dense(CLASSES, **options)]


def keras_input(data_format: str = "channels_last") -> Any:
    import keras

    return keras.Input((*SIZE, 3) if data_format == "channels_last" else (3, *SIZE))


def fill(model: Any) -> Any:
    """Give `model`'s layers, however deep, the weights that belong to their names."""
    for layer in model._flatten_layers():
        if layer.name in weights() and layer.weights:
            layer.set_weights(weights()[layer.name])
    return model


def chain(layers: list[Any], values: Any) -> Any:
    for layer in layers:
        values = layer(values)
    return values


def keras_model(
    activation: str | None = None, data_format: str = "channels_last", behind_relu2: Any = None
) -> Any:
    """The network as a functional Keras model; paths are the layers' names.

    `behind_relu2`: one more layer.
    """
    import keras

    given = keras_input(data_format)
    layers = [keras_layer(name, data_format) for name in LAYERS]
    if behind_relu2 is not None:
        layers.insert(LAYERS.index("relu2") + 1, behind_relu2)
    made = chain(layers + keras_head(activation, data_format), given)
    return fill(keras.Model(given, made))


def keras_images(count: int, seed: int = 0) -> np.ndarray:
    """`images` as (N, 17, 13, 3)."""
    return np.ascontiguousarray(images(count, seed).transpose(0, 2, 3, 1))
