"""What is known of other libraries beside their formulas: where they read, resize and scale.

grad-cam 1.5.7, torchcam 0.5.0 and captum 0.9.0. Whoever moves from them to here meets these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight.boxes import iou_each
from limelight.frames import Frame, bilinear
from limelight.localization import locate
from oracles import networks
from oracles.libraries import difference, of_grad_cam, ours, scaled_as_grad_cam

torch = pytest.importorskip("torch")
pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")

pytestmark = pytest.mark.torch
CLASSES = [1, 2, 0]


@pytest.fixture(scope="module")
def images() -> Any:
    return torch.as_tensor(networks.images(3))


def resized(map_: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return rows @ map_ @ columns.T


def test_grad_cam_scales_twice(images: Any) -> None:
    """On the layer's grid and again in the size of the image, where the maximum is less than 1."""
    model = networks.torch_model()
    expected = of_grad_cam(model, images, "GradCAM", [model.pool], CLASSES)
    maps = ours(model, images, "gradcam", "pool", CLASSES)
    assert difference(scaled_as_grad_cam(maps, networks.SIZE), expected) < 1e-5
    rows, columns, _ = Frame.identity(networks.SIZE).resampling(maps.shape[1:])
    size = maps.max((1, 2), keepdims=True)
    once = np.stack([resized(map_, rows, columns) for map_ in maps / size])
    assert (once.max((1, 2)) < 0.99).all() and (expected.max((1, 2)) > 0.999).all()


def test_grad_cam_reads_a_layer_after_what_is_written_into_it(images: Any) -> None:
    """On a processor, an in-place ReLU behind a convolution is in what it takes for its output."""
    from torch import nn

    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

    def network(inplace: bool) -> Any:
        torch.manual_seed(1)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=inplace), head).eval()

    def theirs(model: Any) -> np.ndarray:
        with pytorch_grad_cam.EigenCAM(model=model, target_layers=[model[0]]) as cam:
            cam(images, None)
            return cam.activations_and_grads.activations[0].numpy()

    inplace, outside = network(True), network(False)
    read, returned = theirs(inplace), theirs(outside)
    assert returned.min() < -0.1
    np.testing.assert_array_equal(read, np.maximum(returned, 0))
    mine = [ours(model, images, "eigencam", "0", CLASSES) for model in (inplace, outside)]
    np.testing.assert_array_equal(*mine)


def test_captum_upsamples_to_the_nearest_cell(images: Any) -> None:
    captum = pytest.importorskip("captum.attr")
    model = networks.torch_model()
    raw = captum.LayerGradCam(model, model.pool).attribute(images, target=1).detach()
    found = captum.LayerAttribution.interpolate(raw, networks.SIZE).numpy()[:, 0]
    rows, columns = (
        np.arange(pixels) * cells // pixels
        for pixels, cells in zip(networks.SIZE, raw.shape[2:], strict=True)
    )
    np.testing.assert_array_equal(found, raw.numpy()[:, 0][:, rows][:, :, columns])
    smooth = limelight.explain(model, images, "gradcam", target=1, layer="pool").resized().numpy()
    assert np.abs(smooth - np.maximum(found, 0)).max() > 0.1 * found.max() > 0


def test_torchcam_chooses_the_patch_embedding_of_a_transformer() -> None:
    methods = pytest.importorskip("torchcam.methods")
    models = pytest.importorskip("torchvision").models
    torch.manual_seed(0)
    model = models.VisionTransformer(
        image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=12
    ).eval()
    with methods.GradCAM(model, input_shape=(3, 64, 64)) as cam:
        assert cam.target_names == ["conv_proj"]
    mine = limelight.explain(model, torch.randn(1, 3, 64, 64), "gradcam").layer
    assert mine == "encoder.layers.encoder_layer_1.ln_1"


def test_the_way_of_resizing_moves_boxes() -> None:
    """Corner to corner or middle to middle: boxes of 7 × 7 maps at 0.5 agree at about 0.8."""
    side, cells = 224, 7
    rows, columns, _ = Frame.identity((side, side)).resampling((cells, cells))
    corners = bilinear((np.linspace(0, cells - 1, side) + 0.5) / cells, cells)
    random = np.random.default_rng(0)
    middle, corner = [], []
    for _ in range(100):
        y, x = random.uniform(0, cells - 1, 2)
        wide = random.uniform(0.8, 2, 2)
        grid = np.arange(cells)
        bump = np.exp(
            -(((grid[:, None] - y) / wide[0]) ** 2 + ((grid - x) / wide[1]) ** 2) / 2
        ) + random.uniform(0, 0.1, (cells, cells))
        middle.append(locate(resized(bump, rows, columns), 0.5))
        corner.append(locate(resized(bump, corners, corners), 0.5))
    agreement = iou_each(np.stack(middle), np.stack(corner))
    assert 0.75 < agreement.mean() < 0.9 and agreement.min() < 0.75
