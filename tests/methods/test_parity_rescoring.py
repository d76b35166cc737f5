"""Methods that rescore, elsewhere: grad-cam 1.5.7 and torchcam 0.5.0 on the same model and images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from oracles import libraries

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("pytorch_grad_cam")
pytest.importorskip("torchcam.methods")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of theirs
]
SIDE, CHANNELS, CLASSES = 32, 12, 5


@pytest.fixture(scope="module")
def model() -> Any:
    """A small network with large scores, so that the softmax over channels is far from even."""
    from torch import nn

    torch.manual_seed(0)
    features = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(8, CHANNELS, 3, stride=2, padding=1), nn.ReLU(),
    )  # fmt: skip
    network = nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, CLASSES))
    network[3].weight.data *= 8
    network[3].bias.data = torch.linspace(-0.5, 1.5, CLASSES)
    return network.eval()


@pytest.fixture(scope="module")
def images() -> Any:
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def ours(model: Any, images: Any, name: str, k: int, **options: Any) -> np.ndarray:
    return libraries.ours(model, images, name, "0.3", [k] * len(images), **options)


def of_grad_cam(model: Any, images: Any, name: str, k: int) -> np.ndarray:
    return libraries.of_grad_cam(model, images, name, [model[0][3]], [k] * len(images))


def of_torchcam(model: Any, images: Any, name: str, k: int, **options: Any) -> np.ndarray:
    return libraries.of_torchcam(model, images, name, "0.3", [k] * len(images), **options)


def as_grad_cam(maps: np.ndarray) -> np.ndarray:
    return libraries.scaled_as_grad_cam(maps, (SIDE, SIDE))


@pytest.mark.parametrize("k", range(CLASSES))
def test_scorecam(model: Any, images: Any, k: int) -> None:
    theirs = of_grad_cam(model, images, "ScoreCAM", k)
    compat = as_grad_cam(ours(model, images, "scorecam", k, compat="pytorch-grad-cam"))
    assert theirs.max() > 0.5
    np.testing.assert_allclose(compat, theirs, atol=1e-5)

    theirs = of_torchcam(model, images, "ScoreCAM", k)
    compat = libraries.scaled_as_torchcam(ours(model, images, "scorecam", k, compat="torchcam"))
    np.testing.assert_allclose(compat, theirs, atol=1e-5)


def test_their_masks_are_others(model: Any, images: Any) -> None:
    """align_corners=True there, scaled before they are upsampled here."""
    mine = np.stack([ours(model, images, "scorecam", k) for k in range(CLASSES)])
    for library in ("pytorch-grad-cam", "torchcam"):
        other = [ours(model, images, "scorecam", k, compat=library) for k in range(CLASSES)]
        assert np.abs(np.stack(other) - mine).max() > 1e-3 * mine.max(), library


@pytest.mark.parametrize("k", range(CLASSES))
def test_iscam(model: Any, images: Any, k: int) -> None:
    """Theirs adds the steps up, 1/n + 2/n + …, so that masks become larger than 1."""
    theirs = of_torchcam(model, images, "ISCAM", k, num_samples=4)
    options = {"steps": 4}
    compat = libraries.scaled_as_torchcam(
        ours(model, images, "iscam", k, compat="torchcam", options=options)
    )
    np.testing.assert_allclose(compat, theirs, atol=1e-5)
    mine = libraries.scaled_as_torchcam(ours(model, images, "iscam", k, options=options))
    assert np.abs(mine - theirs).max() > 1e-4


def test_sscam(model: Any, images: Any) -> None:
    """Theirs without noise is its Score-CAM; its noise, of σ 2, is another for every channel."""
    theirs = of_torchcam(model, images, "SSCAM", 1, num_samples=1, std=1e-12)
    compat = libraries.scaled_as_torchcam(ours(model, images, "scorecam", 1, compat="torchcam"))
    np.testing.assert_allclose(compat, theirs, atol=1e-5)
    torch.manual_seed(0)
    first = of_torchcam(model, images, "SSCAM", 1, num_samples=2)
    second = of_torchcam(model, images, "SSCAM", 1, num_samples=2)
    assert np.abs(first - second).max() > 1e-4  # not repeatable
    mine = [ours(model, images, "sscam", 1) for _ in range(2)]
    np.testing.assert_array_equal(mine[0], mine[1])


@pytest.mark.parametrize("k", range(CLASSES))
def test_ablationcam(model: Any, images: Any, k: int) -> None:
    """Behind a ReLU, where theirs sets channels to zero as the paper does, and divides by y too."""
    theirs = of_grad_cam(model, images, "AblationCAM", k)
    np.testing.assert_allclose(
        as_grad_cam(ours(model, images, "ablationcam", k)), theirs, atol=2e-5
    )


def test_the_signs_of_both_turn_with_the_score(model: Any, images: Any) -> None:
    with torch.no_grad():
        logits = model(images).numpy()
    assert (logits < 0).any() and (logits > 0).any(), "the parity above is of both signs"
