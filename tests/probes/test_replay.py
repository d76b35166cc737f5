"""Taken up again at a layer, a model returns what a whole run with that layer changed returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402

from limelight.errors import MethodError  # noqa: E402
from limelight.probes import Request, probe_for  # noqa: E402
from limelight.scores import Score  # noqa: E402

KINDS = ("clean cut", "memories", "whole")


def architectures() -> dict[str, tuple[Callable[[], Any], int, dict[str, str]]]:
    """By name: the model, the side of its images, and of some layers how it is taken up there."""
    timm = pytest.importorskip("timm")
    models = pytest.importorskip("torchvision").models
    return {
        "resnet18": (
            models.resnet18, 64,
            {
                "layer4": "clean cut", "layer4.0.conv2": "memories", "layer2.1.bn1": "memories",
                "layer3.0.downsample.0": "memories", "layer4.1.relu": "whole", "conv1": "clean cut",
            },
        ),
        "vgg11": (models.vgg11, 64, {"features.15": "clean cut", "features.19": "clean cut"}),
        "densenet121": (
            models.densenet121, 64,
            {
                "features.denseblock4": "clean cut", "features.norm5": "clean cut",
                "features.denseblock4.denselayer10.conv2": "memories",
            },
        ),
        "mobilenet_v3_small": (
            models.mobilenet_v3_small, 64,
            {"features.12": "clean cut", "features.8.block.1": "memories"},
        ),
        "inception_v3": (
            lambda: models.inception_v3(init_weights=False), 107,
            {"Mixed_7c": "clean cut", "Mixed_7b.branch1x1.conv": "memories"},
        ),
        "convnext_tiny": (
            models.convnext_tiny, 64,
            {"features.7": "clean cut", "features.5.3.block.0": "memories"},
        ),
        "swin_t": (
            models.swin_t, 64,
            {"features.7": "clean cut", "norm": "clean cut", "features.5.3.mlp.0": "memories"},
        ),
        "timm vit": (
            lambda: timm.create_model("vit_tiny_patch16_224", img_size=64), 64,
            {"blocks.10": "clean cut", "blocks.11.norm1": "memories"},
        ),
        "timm efficientnet_b0": (
            lambda: timm.create_model("efficientnet_b0"), 64,
            {"conv_head": "clean cut", "blocks.4.1.conv_dw": "memories"},
        ),
        "timm mobilevit_xxs": (
            lambda: timm.create_model("mobilevit_xxs"), 64,
            {"stages.4.1": "clean cut", "stages.3.1.conv_kxk": "memories"},
        ),
        "timm resnet26d": (
            lambda: timm.create_model("resnet26d"), 64,
            {"layer4": "clean cut", "layer3.1.act2": "memories"},
        ),
        "transformers vit": (lambda: transformer("ViT"), 32, {"model.vit.layernorm": "clean cut"}),
        "transformers convnext": (
            lambda: transformer("ConvNext"), 32,
            {"model.convnext.encoder.stages.3": "clean cut"},
        ),
    }  # fmt: skip


def transformer(family: str) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    sizes = {
        "ViT": {
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 24, "image_size": 32, "patch_size": 8,
        },
        "ConvNext": {"hidden_sizes": [6, 8, 10, 12], "depths": [1, 1, 2, 1]},
    }  # fmt: skip
    config = getattr(transformers, f"{family}Config")(**sizes[family], num_labels=5)

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = getattr(transformers, f"{family}ForImageClassification")(config)

        def forward(self, images: Tensor) -> Tensor:
            return self.model(images).logits

    return Logits()


@contextmanager
def returning(module: nn.Module, value: Tensor) -> Iterator[None]:
    """A hook: the plain way to change what a layer returns."""
    handle = module.register_forward_hook(lambda *_: value)
    yield
    handle.remove()


def rerun(model: nn.Module, layer: str, images: Tensor, **request: Any) -> tuple[Any, Any]:
    """The reruns at a layer, and what the plain run captured there."""
    probe = probe_for(model)
    asked = Request((layer,), False, (Score(),), top=1, **request)
    return probe.reruns(images, layer, asked), probe.capture(images, asked, None)


def kind(reruns: Any) -> str:
    if reruns.reason is not None:
        return "whole"
    memories = reruns._planned().memories
    return "memories" if any(memory.read for memory in memories.values()) else "clean cut"


@pytest.mark.parametrize("name", list(architectures()))
def test_6_the_replayed_tail_is_the_model(name: str) -> None:
    """Unedited activations give the logits; edited ones, what a hook in a whole run gives."""
    build, side, layers = architectures()[name]
    torch.manual_seed(0)
    model = build().eval()
    images = torch.randn(3, 3, side, side)
    with torch.no_grad():
        logits = model(images)
    size = float(logits.abs().max())
    for layer, expected_kind in layers.items():
        reruns, capture = rerun(model, layer, images)
        assert kind(reruns) == expected_kind, (layer, reruns.reason)
        activations = capture.activations[layer]
        again = reruns.activations(activations.clone(), [0, 1, 2])
        assert float((again - logits).abs().max()) <= 1e-5 * size, layer

        which = [2, 0, 0, 1]
        edited = activations[which] * torch.rand(4, *activations.shape[1:])
        found = reruns.activations(edited.clone(), which)
        module = model.get_submodule(layer)
        kept: list[Tensor] = []
        with torch.no_grad():
            handle = module.register_forward_hook(lambda _m, _a, out, kept=kept: kept.append(out))
            model(images)
            handle.remove()
        if expected_kind == "whole" or kept[0].shape != activations.shape:
            continue  # the plain hook would need the layer's own layout, or its last call
        with returning(module, edited.clone()), torch.no_grad():
            plain = model(images[which])
        assert float((found - plain).abs().max()) <= 1e-5 * size, layer


# -- what a model may do ----------------------------------------------------------------------


class Block(nn.Module):
    """conv – target – and then what `tail` makes of the target, the convolution and the images."""

    def __init__(self, tail: Callable[..., Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.target = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 5)
        self.tail = tail

    def forward(self, images: Tensor) -> Tensor:
        before = self.conv(images)
        found = self.tail(self, self.target(before), before, images)
        return self.head(found.mean((2, 3)))


def written_into(self: Block, a: Tensor, before: Tensor, images: Tensor) -> Tensor:
    before += 1
    before *= images[:, :1]
    return a.relu_() + before


def with_the_images(self: Block, a: Tensor, before: Tensor, images: Tensor) -> Tensor:
    return a.relu() * images[:, :1] + before


def detached(self: Block, a: Tensor, before: Tensor, images: Tensor) -> Tensor:
    return a + before.detach().sign()


def of_the_whole_batch(self: Block, a: Tensor, before: Tensor, images: Tensor) -> Tensor:
    return a * before.mean((0, 1, 2, 3))


def stashed(self: Block, a: Tensor, before: Tensor, images: Tensor) -> Tensor:
    return a + self.conv.output


def twice(self: Block, a: Tensor, before: Tensor, images: Tensor) -> Tensor:
    return self.target(a.relu()) + before


class Stashing(nn.Conv2d):
    """Keeps what it returned on itself, where a replay cannot see it."""

    output: Tensor

    def forward(self, values: Tensor) -> Tensor:
        self.output = super().forward(values)
        return self.output + 0


TAILS = {
    written_into: "memories",
    with_the_images: "memories",
    detached: "memories",
    of_the_whole_batch: "memories",
    stashed: "whole",
    twice: "whole",
}


@pytest.mark.parametrize("tail", TAILS, ids=lambda tail: tail.__name__)
def test_models_that_are_hard_to_take_up_again(tail: Callable[..., Tensor]) -> None:
    """By replay or by a whole run: always what a whole run on just these images gives."""
    torch.manual_seed(1)
    model = Block(tail).eval()
    if tail is stashed:
        model.conv = Stashing(3, 4, 3, padding=1)
    images = torch.randn(3, 3, 6, 5)
    reruns, capture = rerun(model, "target", images)
    assert kind(reruns) == TAILS[tail], reruns.reason
    activations = capture.activations["target"]
    for which in ([2, 0, 2], [1, 1], [0]):
        edited = activations[which] * torch.rand(len(which), 4, 6, 5)
        found = reruns.activations(edited.clone(), which)
        runs = iter(range(9))
        last = int(tail is twice)
        handle = model.target.register_forward_hook(
            lambda _m, _a, out, runs=runs, e=edited: e.clone() if next(runs) == last else out  # noqa: B023
        )
        with torch.no_grad():
            expected = model(images[which].clone())
        handle.remove()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_layer_that_runs_for_each_image_by_itself_is_refused() -> None:
    def one_by_one(self: Block, a: Tensor, before: Tensor, images: Tensor) -> Tensor:
        return torch.cat([self.target(each[None]) for each in before])

    reruns, _ = rerun(Block(one_by_one).eval(), "target", torch.randn(3, 3, 6, 5))
    with pytest.raises(MethodError, match="does not return one tensor with an entry for each"):
        assert reruns.reason


def test_a_callable_target_is_scored() -> None:
    torch.manual_seed(1)
    model = Block(with_the_images).eval()
    images = torch.randn(2, 3, 6, 5)
    reruns, capture = rerun(model, "target", images, function=lambda out: out[:, 0] - out[:, 1])
    a = capture.activations["target"]
    with torch.no_grad():
        logits = model(images)
    found = reruns.activations(a, [0, 1])
    np.testing.assert_allclose(found, logits[:, 0] - logits[:, 1], rtol=1e-4, atol=1e-6)


def test_reshaped_tokens_are_put_back_where_they_were() -> None:
    """The class token, which the map leaves out, stays as it is."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", img_size=48).eval()
    images = torch.randn(2, 3, 48, 48)

    def grid(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].reshape(len(tokens), 3, 3, -1).permute(0, 3, 1, 2)

    reruns, capture = rerun(model, "blocks.9", images, reshape=grid)
    tokens: list[Tensor] = []
    model.blocks[9].register_forward_hook(lambda _m, _a, out: tokens.append(out.clone()))
    with torch.no_grad():
        model(images)
        edited = tokens[0][[1, 0]].clone()
        edited[:, 1:] *= torch.rand(2, 9, 192)
        model.blocks[9]._forward_hooks.clear()
        with returning(model.blocks[9], edited):
            expected = model(images[[1, 0]])
    found = reruns.activations(grid(edited), [1, 0])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    computing, capture = rerun(model, "blocks.9", images, reshape=lambda t: grid(t) * 2)
    with pytest.raises(MethodError, match=r"reshape_transform= may only move values"):
        computing.activations(capture.activations["blocks.9"], [0, 1])


def test_the_model_is_left_as_it_was_also_after_an_exception() -> None:
    model = Block(with_the_images).train()
    images = torch.randn(2, 3, 6, 5)
    reruns, capture = rerun(model, "target", images)
    reruns.activations(capture.activations["target"], [0, 1])
    with pytest.raises(RuntimeError):
        reruns.activations(torch.zeros(2, 4, 3, 3), [0, 1])
    assert all("forward" not in vars(module) for module in model.modules())
    assert all(module.training for module in model.modules())
