"""Maps of several layers elsewhere: grad-cam 1.5.7 and torchcam 0.5.0 on the same model and images.

They fuse and refine differently from us and from each other. What each does is written down here on
our own maps of the single layers and found to be theirs, so that it is known what the difference is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import limelight
from oracles import networks
from oracles.libraries import (
    difference,
    of_grad_cam,
    of_torchcam,
    ours,
    resnet,
    scaled_as_grad_cam,
    scaled_as_torchcam,
)

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
torchcam = pytest.importorskip("torchcam.methods")

pytestmark = pytest.mark.torch
SIZE = (96, 96)
LAYERS = ["layer2", "layer3", "layer4"]
CLASSES = [3, 300, 700]


@pytest.fixture(scope="module")
def model() -> Any:
    return resnet()


@pytest.fixture(scope="module")
def images() -> Any:
    return torch.randn(3, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def of_each_layer(model: Any, images: Any, name: str, layers: Sequence[str]) -> list[np.ndarray]:
    """Our maps of one layer after the other, the deepest last."""
    return [ours(model, images, name, layer, CLASSES) for layer in layers]


def on_finest_grid(maps: list[np.ndarray]) -> np.ndarray:
    """(layers, N, h, w) on the grid of the first."""
    from torch.nn.functional import interpolate

    grid = maps[0].shape[1:]
    return np.stack(
        [
            interpolate(torch.as_tensor(each)[:, None], grid, mode="bilinear")[:, 0].numpy()
            for each in maps
        ]
    )


@pytest.mark.parametrize("layers", [LAYERS, LAYERS[1:]], ids=len)
def test_refinecam_of_torchcam(model: Any, images: Any, layers: list[str]) -> None:
    """Theirs takes the minimum off each map, and multiplies all on the finest grid at once."""
    base: Any = {"base_method": torchcam.LayerCAM}
    expected = of_torchcam(model, images, "RefineCAM", layers, CLASSES, **base)
    parts = of_each_layer(model, images, "layercam", layers)
    product = on_finest_grid([scaled_as_torchcam(each) for each in parts]).prod(0)
    assert difference(scaled_as_torchcam(product), expected) < 1e-5
    mine = ours(model, images, "refinecam", layers, CLASSES, options={"base": "layercam"})
    assert difference(mine, expected) > 1e-3


def test_refinecam_of_torchcam_where_no_map_has_a_minimum_to_take_off(images: Any) -> None:
    """Over two layers, whose grids need no step between them, ours is then the same."""
    model = networks.torch_model()
    small = torch.as_tensor(networks.images(8))
    layers, classes = ["pool", networks.LAST], [0] * 8
    base: Any = {"base_method": torchcam.LayerCAM}
    expected = of_torchcam(model, small, "RefineCAM", layers, classes, **base)
    mine = ours(model, small, "refinecam", layers, classes, options={"base": "layercam"})
    parts = limelight.explain(model, small, "layercam", target=classes, layer=layers)
    least = np.max([part.numpy().min((1, 2)) for part in parts.values()], axis=0)
    same = (least == 0) & (mine.max((1, 2)) > 0)
    assert same.sum() >= 2
    assert difference(scaled_as_torchcam(mine[same]), expected[same]) < 1e-5


def test_refinecam_of_grad_cam(model: Any, images: Any) -> None:
    """Theirs multiplies finished maps in the size of the image."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    cam = pytorch_grad_cam.RefineCAM(
        model, [getattr(model, layer) for layer in LAYERS], base_method=pytorch_grad_cam.LayerCAM
    )
    expected = cam(images, [ClassifierOutputTarget(c) for c in CLASSES])
    parts = of_each_layer(model, images, "layercam", LAYERS)
    product = np.prod([scaled_as_grad_cam(each, SIZE) for each in parts], axis=0)
    assert difference(scaled_as_grad_cam(product, SIZE), expected) < 1e-5
    mine = ours(model, images, "refinecam", LAYERS, CLASSES, options={"base": "layercam"})
    assert difference(scaled_as_grad_cam(mine, SIZE), expected) > 1e-2


@pytest.mark.parametrize("name", ["gradcam", "layercam"])
def test_max_fusion_of_torchcam(model: Any, images: Any, name: str) -> None:
    """Of LayerCAM theirs scales the deepest map too; where a map has no 0 it takes its minimum off.

    Grad-CAM has 0 in each of these maps, and the two are the same.
    """
    theirs = {"gradcam": "GradCAM", "layercam": "LayerCAM"}[name]
    expected = of_torchcam(model, images, theirs, LAYERS, CLASSES)
    parts = [scaled_as_torchcam(p) for p in of_each_layer(model, images, name, LAYERS)]
    scaled = [np.tanh(2 * each) for each in parts] if name == "layercam" else parts
    assert difference(on_finest_grid(scaled).max(0), expected) < 1e-5
    mine = ours(model, images, name, LAYERS, CLASSES, fuse="max")
    if name == "gradcam":
        assert difference(mine, expected) < 1e-5
    else:
        assert difference(mine, expected) > 1e-2


def test_fullgrad_of_grad_cam() -> None:
    """Theirs brings each channel to 0..1 by itself. On a network with biases in every layer."""
    model, classes = networks.torch_model(), [1, 2, 0]
    small = torch.as_tensor(networks.images(3))
    expected = of_grad_cam(model, small, "FullGrad", [], classes)
    compat = ours(model, small, "fullgrad", None, classes, compat="pytorch-grad-cam")
    assert difference(scaled_as_grad_cam(compat, networks.SIZE), expected) < 1e-5
    mine = ours(model, small, "fullgrad", None, classes)
    assert difference(scaled_as_grad_cam(mine, networks.SIZE), expected) > 1e-2
