"""Which layer is meant, and which is chosen: names and candidates.

The table of architectures is in tests/architectures.py, and tested beside the explainer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from limelight import explain
from limelight.arrays import to_numpy
from limelight.errors import LayerNotFound, NoSpatialLayer
from limelight.probes import probe_for
from limelight.probes.choosing import check_grid, choose, resolve
from oracles import networks

PATHS = ["stem", "stem.conv1", "layer1", "layer1.0.conv1", "layer1.0.relu", "layer1.1.conv1", "fc"]


# -- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [".", "/"])
def test_a_whole_path_or_the_end_of_one(separator: str) -> None:
    paths = [path.replace(".", separator) for path in PATHS]
    assert resolve(f"layer1{separator}0{separator}conv1", paths, separator) == paths[3]
    assert resolve("relu", paths, separator) == paths[4]
    assert resolve(f"1{separator}conv1", paths, separator) == paths[5]
    assert resolve("fc", paths, separator) == "fc"
    assert resolve("fc", ["fc", "a.fc", "b.fc"], ".") == "fc", "a whole path comes first"


def test_an_ambiguous_name_lists_the_candidates() -> None:
    with pytest.raises(LayerNotFound, match=r"'conv1' is ambiguous.*3 layers") as caught:
        resolve("conv1", PATHS, ".")
    for path in ("stem.conv1", "layer1.0.conv1", "layer1.1.conv1"):
        assert repr(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("layer1.0.conv2", "'layer1.0.conv1'"),
        ("Layer1.0.Conv1", "'layer1.0.conv1'"),
        ("rellu", "'relu'"),
        ("sten", "'stem'"),
        ("zzzzzz", "`limelight layers`"),
        ("onv1", "conv1"),
    ],
)
def test_an_unknown_name_names_close_ones(name: str, close: str) -> None:
    with pytest.raises(LayerNotFound, match=f"no layer {name!r}.*{close}"):
        resolve(name, PATHS, ".")


@pytest.mark.parametrize(
    ("shape", "reshaped", "said"),
    [
        ((2, 10), False, r"'fc' returns the shape \(2, 10\), which has no height and width"),
        ((2, 10, 7), False, "no height and width"),
        ((2, 10, 1, 1), False, "no height and width"),
        ((2, 10, 4, 4, 4), False, r"'fc' returns a volume of shape \(2, 10, 4, 4, 4\)"),
        ((2, 10), True, r"reshape_transform made \(2, 10\).*\(N, C, h, w\)"),
    ],
)
def test_what_has_no_grid_is_said_so(shape: tuple[int, ...], reshaped: bool, said: str) -> None:
    with pytest.raises(NoSpatialLayer, match=said):
        check_grid("fc", shape, reshaped)
    check_grid("fc", (2, 10, 1, 3), False)
    check_grid("fc", (2, 10, 3, 3), True)


# -- the choice, in PyTorch -------------------------------------------------------------------


def chosen(model: Any, *size: int) -> str:
    import torch

    return choose(probe_for(model.eval()).trace(torch.zeros(1, *size)))


def test_pooling_dropout_and_padding_are_not_chosen() -> None:
    from torch import nn

    conv = nn.Conv2d(3, 4, 3)
    for behind in (
        [nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()],
        [nn.ReLU(), nn.Dropout(), nn.Flatten()],
        [nn.ReLU(), nn.Dropout2d(), nn.AvgPool2d(2), nn.Dropout2d(), nn.Flatten()],
        [nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten()],
        [nn.ReLU(), nn.ZeroPad2d(1), nn.Flatten()],
        [nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(), nn.Flatten()],
    ):
        assert chosen(nn.Sequential(conv, *behind), 3, 9, 8) == "1"
    behind = [nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
    assert chosen(nn.Sequential(conv, *behind), 3, 9, 8) == "2", "an activation after the pooling"


def test_a_map_of_one_cell_is_not_chosen() -> None:
    from torch import nn

    squeezed = [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 6, 1), nn.Hardswish()]
    model = nn.Sequential(nn.Conv2d(3, 4, 3), *squeezed, nn.Flatten(), nn.Linear(6, 2))
    assert chosen(model, 3, 9, 8) == "1"
    row = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, (7, 3)), nn.Flatten())
    assert chosen(row, 3, 9, 8) == "1", "one row is no map that one would choose"


def test_a_model_without_any_map_is_said_so() -> None:
    import torch
    from torch import nn

    flat = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    with pytest.raises(NoSpatialLayer, match="no layer of this model has an output with height"):
        explain(flat, torch.zeros(2, 3, 2, 2))
    volume = nn.Sequential(nn.Conv3d(1, 2, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    with pytest.raises(NoSpatialLayer, match=r"'0' returns a volume of shape \(1, 2, 4, 4, 4\)"):
        explain(volume, torch.zeros(2, 1, 6, 6, 6))
    with pytest.raises(NoSpatialLayer, match="a volume of shape"):
        explain(volume, torch.zeros(2, 1, 6, 6, 6), layer="0")


def test_layers_by_path_end_and_object() -> None:
    import torch
    from torchvision import models

    model = models.resnet18(num_classes=3).eval()
    images = torch.rand(1, 3, 64, 48)
    assert explain(model, images, layer="layer4.1.conv2").layer == "layer4.1.conv2"
    wrapped = torch.nn.Sequential(model)
    assert explain(wrapped, images, layer="layer4.1.conv2").layer == "0.layer4.1.conv2"
    assert explain(model, images, layer=model.layer3[0]).layer == "layer3.0"
    with pytest.raises(LayerNotFound, match=r"'conv2' is ambiguous: 8 layers.*whole path"):
        explain(model, images, layer="conv2")
    with pytest.raises(LayerNotFound, match=r"no layer 'layer4.1.conv3'; did you mean 'layer4.1.c"):
        explain(model, images, layer="layer4.1.conv3")
    with pytest.raises(LayerNotFound, match="layer object Conv2d is not part of this model"):
        explain(model, images, layer=torch.nn.Conv2d(3, 3, 3))
    with pytest.raises(NoSpatialLayer, match=r"'fc' returns the shape \(1, 3\)"):
        explain(model, images, layer="fc")
    with pytest.raises(NoSpatialLayer, match=r"'avgpool' returns the shape \(1, 512, 1, 1\)"):
        explain(model, images, layer="avgpool")


# -- the choice, in Keras ---------------------------------------------------------------------


def flattened(layers: Any) -> Any:
    import keras

    return keras.Sequential(
        [keras.Input((20, 15, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(3)]
    )


def keras_choice(model: Any, *size: int) -> str:
    probe = probe_for(model)
    return choose(probe.trace(probe.prepare(np.zeros((1, *size), np.float32))))


@pytest.mark.keras
def test_the_choice_for_real_weights(mobilenet: Any) -> None:
    assert keras_choice(mobilenet, 224, 224, 3) == "out_relu"


@pytest.mark.keras
def test_the_choice_for_sequential_models_with_flatten() -> None:
    from keras import layers

    def conv(name: str | None = None, activation: str | None = None) -> Any:
        return layers.Conv2D(4, 3, name=name, activation=activation, kernel_initializer="zeros")

    cases: list[tuple[list[Any], str]] = [
        ([conv(name="a"), conv(name="b")], "b"),
        ([conv(name="a", activation="relu"), layers.MaxPooling2D(2)], "a"),
        ([conv(), layers.ReLU(name="r"), layers.MaxPooling2D(2)], "r"),
        ([conv(name="a"), layers.Dropout(0.5)], "a"),
        ([conv(name="a"), layers.AveragePooling2D(2), layers.Dropout(0.5)], "a"),
        ([conv(), layers.MaxPooling2D(2), layers.ReLU(name="r")], "r"),
        ([conv(name="a"), layers.ZeroPadding2D(1)], "a"),
        ([conv(), layers.Activation("relu", name="r"), layers.Cropping2D(1)], "r"),
    ]
    for made, expected in cases:
        assert keras_choice(flattened(made), 20, 15, 3) == expected


@pytest.mark.keras
def test_the_choice_in_nested_and_subclassed_models() -> None:
    import keras

    for build, expected in (
        (nested, "backbone/relu3"),
        (subclassed, "relu3"),
        (subclassed_around_functional, "backbone/relu3"),
        (sequential_in_sequential, "backbone/relu3"),
    ):
        assert keras_choice(build(), *networks.SIZE, 3) == expected, build.__name__
    volume = keras.Sequential(
        [
            keras.Input((6, 6, 6, 1)),
            keras.layers.Conv3D(2, 3, name="conv"),
            keras.layers.GlobalAveragePooling3D(),
            keras.layers.Dense(2),
        ]
    )
    with pytest.raises(NoSpatialLayer, match=r"'conv' returns a volume of shape"):
        explain(volume, np.zeros((2, 6, 6, 6, 1), np.float32))


def backbone() -> Any:
    import keras

    given = networks.keras_input()
    made = networks.chain([networks.keras_layer(name) for name in networks.LAYERS], given)
    return keras.Model(given, made, name="backbone")


def nested(activation: str | None = "softmax") -> Any:
    import keras

    given = networks.keras_input()
    made = networks.chain([backbone(), *networks.keras_head(activation)], given)
    return networks.fill(keras.Model(given, made))


def sequential_in_sequential(activation: str | None = "softmax") -> Any:
    import keras

    layers = [networks.keras_layer(name) for name in networks.LAYERS]
    inner = keras.Sequential([networks.keras_input(), *layers], name="backbone")
    head = networks.keras_head(activation)
    return networks.fill(keras.Sequential([networks.keras_input(), inner, *head]))


def subclassed(activation: str | None = "softmax", inner: Any = None) -> Any:
    """The head is made first, and not last; `call` takes nothing but the images."""
    import keras

    class Subclassed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.gap, self.head = networks.keras_head(activation)
            self.unused = keras.layers.Dense(3, activation="sigmoid", name="unused")
            self.unused.build((None, 7))
            self.features = [networks.keras_layer(name) for name in networks.LAYERS]
            self.gate = keras.layers.Dense(7, activation="sigmoid", name="gate")

        def call(self, images: Any) -> Any:
            features = networks.chain(self.features, images)
            self.gate(self.gap(features))
            return self.head(self.gap(features))

    model = Subclassed()
    model(networks.keras_images(1))
    return networks.fill(model)


def subclassed_around_functional(activation: str | None = "softmax") -> Any:
    import keras

    class Around(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone()
            self.gap, self.head = networks.keras_head(activation)

        def call(self, images: Any, training: bool = False) -> Any:
            return self.head(self.gap(self.backbone(images, training=training)))

    model = Around()
    model(networks.keras_images(1))
    return networks.fill(model)


BUILDERS: list[Callable[..., Any]] = [
    nested,
    sequential_in_sequential,
    subclassed,
    subclassed_around_functional,
]


@pytest.mark.keras
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
def test_every_kind_of_keras_model_gives_the_plain_map(
    build: Callable[..., Any], activation: str | None
) -> None:
    """Logits are those of the model without its last activation, whatever holds the layers."""
    model = build(activation)
    target = np.array([3, 1])
    layers = {"conv2": "conv2", "relu3": None}
    for layer, given in layers.items():
        found = explain(model, networks.keras_images(2), "hirescam", layer=given, target=target)
        a, g, logits = networks.plain_evidence(networks.images(2), layer, target)
        np.testing.assert_allclose(np.asarray(found.scores), logits, atol=1e-5)
        np.testing.assert_allclose(found.numpy(), (a * g).sum(1), atol=1e-5)
        e = np.exp(logits)
        soft = 1 / (1 + 1 / e) if activation == "sigmoid" else e / e.sum(1, keepdims=True)
        np.testing.assert_allclose(np.asarray(found.probability), soft[[0, 1], target], atol=1e-5)


@pytest.mark.keras
def test_keras_layers_by_path_end_and_object() -> None:
    import keras

    model = nested()
    images = networks.keras_images(1)
    inner = model.get_layer("backbone")
    for given in ("backbone/conv2", "conv2", inner.get_layer("conv2")):
        assert explain(model, images, layer=given).layer == "backbone/conv2"
    with pytest.raises(LayerNotFound, match=r"no layer 'backbone/conv4'; did you mean 'backbone/c"):
        explain(model, images, layer="backbone/conv4")
    with pytest.raises(LayerNotFound, match="layer object 'alien' is not part of this model"):
        explain(model, images, layer=keras.layers.Conv2D(3, 3, name="alien"))
    with pytest.raises(LayerNotFound, match=r"'unused' exists, but it did not run"):
        explain(subclassed(), images, layer="unused")
    with pytest.raises(NoSpatialLayer, match=r"'gap' returns the shape \(1, 7\)"):
        explain(model, images, layer="gap")


@pytest.mark.keras
def test_equal_names_of_keras_layers_are_numbered_or_ambiguous() -> None:
    import keras

    given = networks.keras_input()
    branches = []
    for name in ("left", "right"):
        start = networks.keras_input()
        branches.append(keras.Model(start, networks.keras_layer("conv1")(start), name=name)(given))
    merged = keras.layers.Add()(branches)
    model = keras.Model(given, keras.layers.GlobalAveragePooling2D()(merged))
    with pytest.raises(LayerNotFound, match=r"'conv1' is ambiguous.*'left/conv1', 'right/conv1'"):
        explain(model, networks.keras_images(1), layer="conv1")
    left = explain(model, networks.keras_images(1), "hirescam", layer="left/conv1", target=2)
    kernel = model.get_layer("left").get_layer("conv1")
    (a,) = to_numpy(kernel(networks.keras_images(1)))
    np.testing.assert_allclose(left.numpy()[0], a[..., 2] / (15 * 11), atol=1e-6)


@pytest.mark.keras
@pytest.mark.parametrize("ending", ["dense", "activation", "softmax layer", "function", "nested"])
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_logits_of_models_that_end_in_an_activation(ending: str, kind: str) -> None:
    """However probabilities are made at the end, scores and maps are those of the logits."""
    import keras

    def finish(values: Any) -> Any:
        if ending == "activation":
            return keras.layers.Activation(kind)(values)
        if ending == "softmax layer" and kind == "softmax":
            return keras.layers.Softmax()(values)
        if ending == "function":
            return getattr(keras.ops, kind)(values)
        return values

    given = networks.keras_input()
    layers = [networks.keras_layer(name) for name in networks.LAYERS]
    head = networks.keras_head(kind if ending in ("dense", "nested") else None)
    if ending == "softmax layer" and kind == "sigmoid":
        head = networks.keras_head(kind)
    if ending == "nested":
        start = keras.Input((4, 3, 7))
        head = [keras.Model(start, networks.chain(head, start), name="top")]
    model = networks.fill(keras.Model(given, finish(networks.chain([*layers, *head], given))))
    images, target = networks.keras_images(2), np.array([3, 1])
    output = keras.ops.convert_to_numpy(model.predict_on_batch(images))
    _, _, logits = networks.plain_evidence(networks.images(2), "relu3", target)
    e = np.exp(logits)
    soft = e / (1 + e) if kind == "sigmoid" else e / e.sum(1, keepdims=True)
    np.testing.assert_allclose(output, soft, atol=1e-5)
    found = explain(model, images, layer="relu2", target=target)
    plain = explain(networks.keras_model(), images, layer="relu2", target=target)
    np.testing.assert_allclose(np.asarray(found.scores), logits, atol=1e-5)
    np.testing.assert_allclose(found.numpy(), plain.numpy(), atol=1e-6)
    np.testing.assert_allclose(np.asarray(found.probability), soft[[0, 1], target], atol=1e-5)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(model.predict_on_batch(images)), output, atol=1e-7
    )


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Sigmoid"])
def test_logits_of_modules_that_end_in_an_activation(kind: str) -> None:
    import torch
    from torch import nn

    ending = nn.Sigmoid() if kind == "Sigmoid" else getattr(nn, kind)(dim=1)
    model = nn.Sequential(networks.torch_model(), nn.Sequential(nn.Identity(), ending)).eval()
    images, target = torch.as_tensor(networks.images(2)), [3, 1]
    found = explain(model, images, layer="relu2", target=target)
    plain = explain(networks.torch_model(), images, layer="relu2", target=target)
    torch.testing.assert_close(found.scores, plain.scores)
    torch.testing.assert_close(found.values, plain.values)
    with torch.no_grad():
        output = model(images)
    soft = output.exp() if kind == "LogSoftmax" else output
    torch.testing.assert_close(found.probability, soft[[0, 1], target])
