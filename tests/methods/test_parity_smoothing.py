"""Smoothed maps of grad-cam 1.5.7 on the same model and images: what it averages, and what it centres.

What it does is written down on our own maps and on the layer, and found to be theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight.smoothing import Smooth
from oracles.libraries import difference, ours, resnet, scaled_as_grad_cam

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")

pytestmark = pytest.mark.torch
SIZE, CLASSES = (96, 96), [3, 300]


@pytest.fixture(scope="module")
def model() -> Any:
    return resnet()


@pytest.fixture(scope="module")
def images() -> Any:
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def theirs(model: Any, images: Any, **options: Any) -> np.ndarray:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with pytorch_grad_cam.GradCAM(model, [model.layer3]) as cam:
        return cam(images, [ClassifierOutputTarget(c) for c in CLASSES], **options)


def test_augmentation(model: Any, images: Any) -> None:
    """The same flips and scales; theirs averages finished maps, each scaled to 0..1 before."""
    expected = theirs(model, images, aug_smooth=True)
    finished = []
    for variant, back in Smooth("flips+scales").variants(np, images.numpy()):
        maps = ours(model, np.ascontiguousarray(variant), "gradcam", "layer3", CLASSES)
        finished.append(back(scaled_as_grad_cam(maps, SIZE)))
    assert difference(np.mean(finished, axis=0), expected) < 1e-5
    mine = ours(model, images, "gradcam", "layer3", CLASSES, smooth="flips+scales")
    assert difference(scaled_as_grad_cam(mine, SIZE), expected) > 1e-2


def test_eigen_smooth(model: Any, images: Any) -> None:
    """Theirs centres the weighted activations over positions, and leaves the sign to chance."""
    layer: list[Any] = []
    handle = model.layer3.register_forward_hook(lambda module, args, output: layer.append(output))
    scores = model(images)[[0, 1], CLASSES].sum()
    handle.remove()
    (gradients,) = torch.autograd.grad(scores, layer)
    weighted = (gradients.mean((2, 3), keepdim=True) * layer[0]).detach().double().flatten(2)
    centred = (weighted - weighted.mean(-1, keepdim=True)).transpose(1, 2).numpy()
    expected = theirs(model, images, eigen_smooth=True)
    own = limelight.explain(
        model, images, "gradcam", target=CLASSES, layer="layer3", eigen_smooth=True
    ).numpy()
    for i, positions in enumerate(centred):
        first = np.linalg.svd(positions, full_matrices=False)[2][0]
        map_ = (positions @ first).reshape(own.shape[1:]).astype(np.float32)
        image = expected[i : i + 1]
        finished = [scaled_as_grad_cam(sign * map_[None], SIZE) for sign in (1, -1)]
        assert min(difference(each, image) for each in finished) < 1e-5
        finished = [scaled_as_grad_cam(sign * own[i : i + 1], SIZE) for sign in (1, -1)]
        assert min(difference(each, image) for each in finished) > 1e-2
