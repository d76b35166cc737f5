"""Small vision transformers with random weights, and what their authors say of their insides."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

CLASSES = 5


@dataclass(frozen=True)
class VisionTransformer:
    """A model of three blocks, or fewer.

    Attributes:
        model: in evaluation mode, float32.
        size: (H, W) of its images.
        grid: (h, w) of its patches.
        start: how many tokens come before them.
        read: those of them that the head reads.
        blocks: the blocks, of a model like this.
        tail: what the model makes of the last block's tokens.
        queries_and_keys: of a block, the modules that make them, or the one that makes both.
        head: the path of the classifier.
    """

    model: nn.Module
    size: tuple[int, int]
    grid: tuple[int, int]
    start: int
    read: tuple[int, ...]
    blocks: Callable[[Any], Any]
    tail: Callable[[Any, Tensor], Tensor]
    queries_and_keys: Callable[[Any], tuple[nn.Module, ...]]
    head: str

    def images(self, count: int) -> Tensor:
        generator = torch.Generator().manual_seed(7)
        return torch.randn(count, 3, *self.size, generator=generator)

    def scores(self, images: Tensor) -> Tensor:
        """What the model itself returns."""
        with torch.no_grad():
            return scores_of(self.model(images))

    def in_double(self) -> nn.Module:
        return copy.deepcopy(self.model).double()


def scores_of(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output.logits


def _timm(
    name: str, size: tuple[int, int], start: int, read: tuple[int, ...], **options: Any
) -> VisionTransformer:
    import timm

    options = {"depth": 3, "embed_dim": 24, "num_heads": 3, "num_classes": CLASSES, **options}
    model = timm.create_model(name, img_size=size, pretrained=False, **options)
    patch = model.patch_embed.patch_size[0]

    def tail(model: Any, tokens: Tensor) -> Tensor:
        return model.forward_head(model.norm(tokens))

    return VisionTransformer(
        model, size, (size[0] // patch, size[1] // patch), start, read,
        lambda model: model.blocks, tail, lambda block: (block.attn.qkv,), "head",
    )  # fmt: skip


def _torchvision() -> VisionTransformer:
    from torchvision.models import VisionTransformer as Vit

    model = Vit(
        image_size=32, patch_size=8, num_layers=3, num_heads=2, hidden_dim=16, mlp_dim=32,
        num_classes=CLASSES,
    )  # fmt: skip
    return VisionTransformer(
        model, (32, 32), (4, 4), 1, (0,),
        lambda model: model.encoder.layers,
        lambda model, tokens: model.heads(model.encoder.ln(tokens)[:, 0]),
        lambda block: (block.ln_1,), "heads.head",
    )  # fmt: skip


def _huggingface(kind: str, size: tuple[int, int] = (32, 32), **options: Any) -> VisionTransformer:
    import transformers

    form = "ForImageClassificationWithTeacher" if kind == "DeiT" else "ForImageClassification"
    config = getattr(transformers, f"{kind}Config")(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        image_size=32, patch_size=8, num_labels=CLASSES, **options,
    )  # fmt: skip
    model = getattr(transformers, f"{kind}{form}")(config)

    def inner(model: Any) -> Any:
        return getattr(model, model.base_model_prefix)

    def tail(model: Any, tokens: Tensor) -> Tensor:
        tokens = inner(model).layernorm(tokens)
        if kind == "DeiT":
            both = model.cls_classifier(tokens[:, 0]), model.distillation_classifier(tokens[:, 1])
            return sum(both) / 2
        if kind == "ViT":
            return model.classifier(tokens[:, 0])
        patches = tokens[:, start:].mean(1)
        return model.classifier(torch.cat([tokens[:, 0], patches], 1))

    def blocks(model: Any) -> Any:
        found = inner(model)
        return found.encoder.layer if hasattr(found, "encoder") else found.layers

    start = {"ViT": 1, "DeiT": 2, "Dinov2": 1, "Dinov2WithRegisters": 5}[kind]
    return VisionTransformer(
        model, size, (size[0] // 8, size[1] // 8), start, (0, 1) if kind == "DeiT" else (0,),
        blocks, tail, lambda block: (block.attention.q_proj, block.attention.k_proj),
        "cls_classifier" if kind == "DeiT" else "classifier",
    )  # fmt: skip


_BUILDERS: dict[str, Callable[[], VisionTransformer]] = {
    "torchvision": _torchvision,
    "timm": lambda: _timm("vit_tiny_patch16_224", (48, 64), 1, (0,)),
    "timm, explicit": lambda: _timm("vit_tiny_patch16_224", (48, 64), 1, (0,)),
    "timm, one block": lambda: _timm("vit_tiny_patch16_224", (48, 48), 1, (0,), depth=1),
    "timm, no class token": lambda: _timm(
        "vit_tiny_patch16_224", (48, 48), 0, (), class_token=False, global_pool="avg"
    ),
    "timm, class token not read": lambda: _timm(
        "vit_tiny_patch16_224", (48, 48), 1, (), global_pool="avg"
    ),
    "timm, distilled": lambda: _timm("deit_tiny_distilled_patch16_224", (48, 48), 2, (0, 1)),
    "timm, DINOv2": lambda: _timm("vit_small_patch14_reg4_dinov2", (42, 56), 5, (0,)),
    "transformers": lambda: _huggingface("ViT"),
    "transformers, eager": lambda: _huggingface("ViT", attn_implementation="eager"),
    "transformers, DeiT": lambda: _huggingface("DeiT"),
    "transformers, DINOv2": lambda: _huggingface("Dinov2"),
    "transformers, registers": lambda: _huggingface("Dinov2WithRegisters", (32, 48)),
}  # fmt: skip
KINDS = tuple(_BUILDERS)


def build(kind: str) -> VisionTransformer:
    """A model of your own."""
    torch.manual_seed(3)
    found = _BUILDERS[kind]()
    with torch.no_grad():
        for name, parameter in found.model.named_parameters():
            # Attention of random weights as they come is nearly uniform.
            if parameter.dim() > 1:
                fan = parameter[0].numel()
                parameter.normal_(0, 1.5 / fan**0.5 if "embed" not in name else 0.3)
            elif "scale" in name or "gamma" in name or name.endswith("lambda1"):
                parameter.fill_(0.7)  # DINOv2's starts at 1e-5
    if kind == "timm, explicit":
        for module in found.model.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = False
    found.model.eval()
    return found


shared = cache(build)
