"""The small network of the demo, the same in both frameworks, made for class activation maps.

Five convolutions with batch norm and ReLU, the first three with stride 2 (so that it is quick on a
CPU), global average pooling, and one linear layer on that: the map of an image of 112×112 has 14×14
cells, and each sees 54 pixels. No hidden layer stands between map and scores.

The strided convolutions are 4×4: with padding 1 each cell then looks at the middle of its own part
of the image. A 3×3 convolution of stride 2 looks half a pixel beside it, which three of them add up
to 3.5 pixels, and every map and box would lie that much too far to the right and below.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from limelight.errors import ModelLoadError, require
from limelight.models.keras_backend import import_keras

# (channels, stride) of each block.
BLOCKS = ((16, 2), (32, 2), (64, 2), (64, 1), (64, 1))


def small_cnn(classes: int, framework: str = "torch", size: tuple[int, int] | None = None) -> Any:
    """The network with random weights: RGB in, `classes` logits out.

    Torch takes (N, 3, H, W); Keras takes its own `image_data_format`. `size`
    (height, width) fixes that of the images for Keras; by default any is taken.

    Raises:
        ModelLoadError: another framework than "torch" or "keras".
        MissingExtra: it is not installed.
    """
    if framework == "torch":
        return _torch(classes)
    if framework == "keras":
        return _keras(classes, size)
    raise ModelLoadError(f'framework is "torch" or "keras", not {framework!r}')


def _kernel(stride: int) -> int:
    """The side of a kernel that, padded by one, looks at the middle of its own cell."""
    return 4 if stride == 2 else 3


def _torch(classes: int) -> Any:
    require("torch", "torch", "PyTorch models")
    from torch import nn

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = 3
    for number, (width, stride) in enumerate(BLOCKS, 1):
        convolution = nn.Conv2d(inputs, width, _kernel(stride), stride, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_in", nonlinearity="relu")
        layers[f"block{number}"] = nn.Sequential(
            OrderedDict(conv=convolution, norm=nn.BatchNorm2d(width), relu=nn.ReLU())
        )
        inputs = width
    layers["pool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["head"] = nn.Linear(inputs, classes)
    return nn.Sequential(layers)


def _keras(classes: int, size: tuple[int, int] | None) -> Any:
    keras = import_keras()
    layers = keras.layers
    first = keras.config.image_data_format() == "channels_first"
    height, width = size or (None, None)
    image = keras.Input((3, height, width) if first else (height, width, 3))
    x = image
    for number, (width, stride) in enumerate(BLOCKS, 1):
        # Padding by one on each side, as in torch; Keras's "same" would shift strided layers.
        x = layers.ZeroPadding2D(1, name=f"block{number}_pad")(x)
        x = layers.Conv2D(
            width,
            _kernel(stride),
            stride,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"block{number}_conv",
        )(x)
        x = layers.BatchNormalization(
            axis=1 if first else -1, momentum=0.9, epsilon=1e-5, name=f"block{number}_norm"
        )(x)
        x = layers.ReLU(name=f"block{number}_relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(classes, name="head")(x), name="small_cnn")
