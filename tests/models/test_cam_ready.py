"""A backbone cut at its last feature map, against the network that it was cut from."""

from __future__ import annotations

import pytest

import limelight
from limelight.errors import ModelLoadError

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from limelight.models import sources  # noqa: E402
from limelight.models.cam_ready import CamReady, last_strides, with_cam_head  # noqa: E402
from limelight.models.torch_files import set_attributes  # noqa: E402


def images(side: int = 96) -> torch.Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("resnet18", "fc"),
        ("densenet121", "classifier"),
        ("mobilenet_v2", "classifier.1"),
        ("shufflenet_v2_x0_5", "fc"),
        ("regnet_x_400mf", "fc"),
    ],
)
def test_with_the_old_weights_it_is_the_old_network(name: str, head: str) -> None:
    """These end in global average pooling and a linear layer themselves."""
    torch.manual_seed(0)
    whole = torchvision.models.get_model(name, weights=None).eval()
    cut = with_cam_head(whole, 1000, name).eval()
    cut.head.load_state_dict(whole.get_submodule(head).state_dict())
    with torch.no_grad():
        torch.testing.assert_close(cut(images()), whole(images()), rtol=1e-5, atol=1e-5)


def test_networks_with_hidden_layers_get_a_cam_head() -> None:
    source, name = sources.find("cam:torchvision:vgg11")
    model = source.build(name, 5).eval()
    maps = limelight.explain(model, images(64), ["cam", "gradcam"], target=3)
    assert maps["cam"].values.shape == (2, 4, 4), "before its last pooling"
    torch.testing.assert_close(maps["cam"].values.clamp(min=0) / 16, maps["gradcam"].values)
    scores = maps["cam"].values.mean((1, 2)) + model.head.bias[3].detach()
    torch.testing.assert_close(scores, maps["cam"].scores[:, 3], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small"])
def test_the_last_stride(name: str) -> None:
    model = with_cam_head(torchvision.models.get_model(name, weights=None), 3, name).eval()
    before = model.features(images())
    count = sum(p.numel() for p in model.parameters())
    set_attributes(model, last_strides(model, (96, 96)))
    after = model.features(images())
    assert after.shape[2:] == tuple(2 * side for side in before.shape[2:])
    assert after.shape[1] == before.shape[1]
    assert sum(p.numel() for p in model.parameters()) == count
    assert not last_strides(model.eval(), (96, 96)) or after.shape[2] == 6


def test_frozen_features_stay_as_they_are() -> None:
    model = with_cam_head(torchvision.models.resnet18(weights=None), 3, "resnet18")
    assert isinstance(model, CamReady)
    model.freeze()
    model.train()
    norm = model.features.bn1.running_mean.clone()
    model(images()).sum().backward()
    assert torch.equal(norm, model.features.bn1.running_mean)
    assert all(p.grad is None for p in model.features.parameters())
    assert model.head.weight.grad is not None


def test_what_cannot_be_cut() -> None:
    network = torchvision.models.vit_b_16(weights=None)
    with pytest.raises(ModelLoadError, match="vit_b_16 cannot be cut at its last feature map"):
        with_cam_head(network, 2, "vit_b_16")
