"""Networks cut at their last feature map: by their own heads, put back on it, the scores come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from limelight.errors import ModelLoadError  # noqa: E402
from limelight.models.cam_ready import with_cam_head  # noqa: E402
from limelight.models.feature_maps import last_features  # noqa: E402

pytestmark = pytest.mark.torch


def torchvision(name: str) -> Any:
    models = pytest.importorskip("torchvision.models")
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    torch.manual_seed(0)
    return models.get_model(name, num_classes=11, **options)


def timm(name: str) -> Any:
    torch.manual_seed(0)
    return pytest.importorskip("timm").create_model(name, num_classes=11)


def photograph() -> Any:
    return torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("build", "name", "head", "map_"),
    [
        (torchvision, "resnet18", "fc", (512, 7)),
        (torchvision, "densenet121", "classifier", (1024, 7)),
        (torchvision, "mobilenet_v2", "classifier.1", (1280, 7)),
        (torchvision, "efficientnet_b0", "classifier.1", (1280, 7)),
        (torchvision, "mnasnet0_5", "classifier.1", (1280, 7)),
        (torchvision, "regnet_y_400mf", "fc", (440, 7)),
        (torchvision, "shufflenet_v2_x0_5", "fc", (1024, 7)),
        (torchvision, "googlenet", "fc", (1024, 7)),
        (torchvision, "inception_v3", "fc", (2048, 5)),
        (torchvision, "swin_t", "head", (768, 7)),
        (timm, "resnet18", "fc", (512, 7)),
        (timm, "efficientnet_b0", "classifier", (1280, 7)),
        (timm, "regnety_002", "head.fc", (368, 7)),
        (timm, "xception41", "head.fc", (2048, 7)),
        (timm, "swin_tiny_patch4_window7_224", "head.fc", (768, 7)),
    ],
)
def test_the_own_linear_head_on_the_pooled_map_gives_the_own_scores(
    build: Callable[[str], Any], name: str, head: str, map_: tuple[int, int]
) -> None:
    model = build(name).eval()
    found = last_features(model)
    assert found is not None
    features, channels = found
    with torch.no_grad():
        maps = features(photograph())
        scores = model.get_submodule(head)(maps.mean((2, 3)))
        torch.testing.assert_close(scores, model(photograph()), rtol=1e-3, atol=1e-4)
    assert (channels, *maps.shape) == (map_[0], 2, map_[0], map_[1], map_[1])


@pytest.mark.parametrize(
    ("build", "name", "map_"),
    [
        (torchvision, "vgg11_bn", (512, 14)),  # before its last pooling
        (torchvision, "squeezenet1_1", (512, 13)),
        (torchvision, "mobilenet_v3_small", (576, 7)),
        (torchvision, "convnext_tiny", (768, 7)),
        (torchvision, "maxvit_t", (512, 7)),
        (timm, "mobilenetv3_small_050", (288, 7)),
        (timm, "convnext_atto", (320, 7)),
    ],
)
def test_networks_with_other_heads_get_a_new_one_that_trains(
    build: Callable[[str], Any], name: str, map_: tuple[int, int]
) -> None:
    model = with_cam_head(build(name), 3, name)
    maps = model.features(photograph())
    assert maps.shape == (2, map_[0], map_[1], map_[1])
    loss = torch.nn.functional.cross_entropy(model.train()(photograph()), torch.tensor([0, 2]))
    loss.backward()
    first = next(model.features.parameters())
    assert first.grad is not None and first.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("build", "name"), [(torchvision, "vit_b_16"), (timm, "vit_tiny_patch16_224")]
)
def test_tokens_are_no_map(build: Callable[[str], Any], name: str) -> None:
    with pytest.raises(ModelLoadError, match=f"{name} cannot be cut at its last feature map"):
        with_cam_head(build(name), 3, name)


class Between(torch.nn.Module):
    """Something functional between the children, which a plain chain of them would lose."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3, stride=8)
        self.second = torch.nn.Conv2d(4, 5, 3, stride=4)
        self.head = torch.nn.Linear(5, 2)

    def forward(self, images: Any) -> Any:
        maps = self.second(torch.relu(self.first(images) - 0.1))
        return self.head(torch.relu(maps).mean((2, 3)))


def test_what_a_network_does_between_its_children_is_kept() -> None:
    model = Between()
    found = last_features(model)
    assert found is not None
    with torch.no_grad():
        maps = found[0](photograph())
        torch.testing.assert_close(model.head(maps.mean((2, 3))), model(photograph()))


def test_the_network_is_left_as_it_was() -> None:
    model = torchvision("resnet18").train()
    model.layer1.eval()
    before = {name: module.training for name, module in model.named_modules()}
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    last_features(model)
    assert torch.equal(torch.rand(2), expected)
    assert {name: module.training for name, module in model.named_modules()} == before
    assert all(torch.equal(weights[k], v) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
