"""Which layer is chosen for the networks people use: the table that tests and documentation share.

All with random weights, and smaller than the published ones where those are slow. Importing this
imports no framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CLASSES = 5


@dataclass(frozen=True)
class Architecture:
    """A network, and the layer that is right for it.

    Attributes:
        source: "torchvision:…", "timm:…", "keras:…" with the function's or model's name, or "hf:…"
            with transformers' model type.
        size: the images' height and width.
        layer: the layer that must be chosen.
        grid: its map's height and width.
        why: what that layer is.
        options: what the network is built with, beside the number of classes.
    """

    source: str
    size: tuple[int, int]
    layer: str
    grid: tuple[int, int]
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Any:
        """The network with random weights, in eval mode; those set to zero made random too."""
        package, _, name = self.source.partition(":")
        return _BUILDERS[package](name, self.size, dict(self.options))


def _torchvision(name: str, size: tuple[int, int], options: dict[str, Any]) -> Any:
    from torchvision import models

    return _awake(models.get_model(name, num_classes=CLASSES, **options))


def _timm(name: str, size: tuple[int, int], options: dict[str, Any]) -> Any:
    import timm

    return _awake(timm.create_model(name, pretrained=False, num_classes=CLASSES, **options))


def _hf(name: str, size: tuple[int, int], options: dict[str, Any]) -> Any:
    import transformers

    config = transformers.AutoConfig.for_model(name, num_labels=CLASSES, **options)
    kind = type(config).__name__.removesuffix("Config") + "ForImageClassification"
    return _awake(getattr(transformers, kind)(config))


def _keras(name: str, size: tuple[int, int], options: dict[str, Any]) -> Any:
    import keras

    keras.backend.clear_session()  # names that Keras counts start anew
    build = getattr(keras.applications, name)
    return build(weights=None, classes=CLASSES, input_shape=(*size, 3), **options)


_BUILDERS = {"torchvision": _torchvision, "timm": _timm, "hf": _hf, "keras": _keras}


def _awake(model: Any) -> Any:
    """`model` with random numbers where it starts with zero weights, as some heads do."""
    import torch

    for parameter in model.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return model.eval()


_TINY = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3}
_MAP = "last feature map, activation applied"
_BLOCK = "last block: it ends in a function, or in an activation that it uses twice"
_CLASS = "the last block's normalized tokens: behind it, only the class token is read"
_MEAN = "the last tokens, which are averaged"
_NORM = "the last normalized tokens"

TORCH: tuple[Architecture, ...] = (
    Architecture("torchvision:resnet50", (64, 96), "layer4.2", (2, 3), _BLOCK),
    Architecture("torchvision:resnet18", (64, 64), "layer4.1", (2, 2), _BLOCK),
    Architecture("torchvision:vgg11", (64, 64), "features.19", (4, 4), _MAP),
    Architecture("torchvision:alexnet", (64, 64), "features.11", (3, 3), _MAP),
    Architecture("torchvision:squeezenet1_0", (64, 64), "classifier.2", (3, 3), "maps of classes"),
    Architecture(
        "torchvision:densenet121",
        (64, 64),
        "features.norm5",
        (2, 2),
        "the last norm: the activation behind it is a function",
    ),
    Architecture(
        "torchvision:inception_v3",
        (107, 139),
        "Mixed_7c",
        (2, 3),
        "last block; not the auxiliary head",
        {"init_weights": False, "aux_logits": True},
    ),
    Architecture(
        "torchvision:googlenet",
        (64, 64),
        "inception5b",
        (2, 2),
        "last block; not the auxiliary heads",
        {"init_weights": False, "aux_logits": True},
    ),
    Architecture("torchvision:mobilenet_v2", (64, 64), "features.18.2", (2, 2), _MAP),
    Architecture("torchvision:mobilenet_v3_small", (64, 64), "features.12.2", (2, 2), _MAP),
    Architecture("torchvision:efficientnet_b0", (64, 64), "features.8.2", (2, 2), _MAP),
    Architecture("torchvision:shufflenet_v2_x0_5", (64, 64), "conv5.2", (2, 2), _MAP),
    Architecture("torchvision:mnasnet0_5", (64, 64), "layers.16", (2, 2), _MAP),
    Architecture(
        "torchvision:regnet_y_400mf",
        (64, 96),
        "trunk_output.block4.block4-5.activation",
        (2, 3),
        _MAP,
    ),
    Architecture("torchvision:convnext_tiny", (64, 64), "features.7.2", (2, 2), _BLOCK),
    Architecture(
        "torchvision:vit_b_32",
        (128, 128),
        "encoder.layers.encoder_layer_11.ln_1",
        (4, 4),
        _CLASS,
        {"image_size": 128},
    ),
    Architecture("torchvision:swin_t", (96, 128), "norm", (3, 4), _NORM),
    Architecture("torchvision:swin_v2_t", (96, 128), "norm", (3, 4), _NORM),
    Architecture("timm:resnet50", (64, 64), "layer4.2.act3", (2, 2), _MAP),
    Architecture("timm:convnext_atto", (64, 96), "stages.3.blocks.1", (2, 3), _BLOCK),
    Architecture("timm:efficientnet_lite0", (64, 64), "bn2.act", (2, 2), _MAP),
    Architecture(
        "timm:mobilenetv3_small_050",
        (64, 64),
        "blocks.5.0.bn1.act",
        (2, 2),
        "last map before the pooling; the last convolution comes behind it",
    ),
    Architecture(
        "timm:vit_tiny_patch16_224",
        (64, 96),
        "blocks.2.norm1",
        (4, 6),
        _CLASS,
        {"img_size": (64, 96), "depth": 3},
    ),
    Architecture(
        "timm:vit_tiny_patch16_224",
        (64, 96),
        "blocks.2",
        (4, 6),
        _MEAN,
        {"img_size": (64, 96), "depth": 3, "global_pool": "avg"},
    ),
    Architecture(
        "timm:deit_tiny_distilled_patch16_224",
        (64, 64),
        "blocks.2.norm1",
        (4, 4),
        "the last block's normalized tokens: class and distillation token are read",
        {"img_size": 64, "depth": 3},
    ),
    Architecture(
        "timm:vit_small_patch14_reg4_dinov2",
        (70, 98),
        "blocks.1.norm1",
        (5, 7),
        "the last block's normalized tokens, without class and register tokens",
        {"img_size": (70, 98), "depth": 2},
    ),
    Architecture(
        "timm:cait_xxs24_224",
        (64, 64),
        "blocks_token_only.1.norm1",
        (4, 4),
        "the normalized tokens that the last class attention reads",
        {"img_size": 64, "depth": 2},
    ),
    Architecture(
        "timm:eva02_tiny_patch14_224",
        (56, 56),
        "blocks.1",
        (4, 4),
        _MEAN,
        {"img_size": 56, "depth": 2},
    ),
    Architecture(
        "timm:swin_tiny_patch4_window7_224",
        (64, 96),
        "norm",
        (2, 3),
        _NORM,
        {"img_size": (64, 96), "window_size": 2, "depths": (1, 1, 1, 1)},
    ),
    Architecture(
        "timm:maxvit_tiny_tf_224",
        (64, 64),
        "stages.3.blocks.0",
        (2, 2),
        "last block",
        {"img_size": 64, "depths": (1, 1, 1, 1)},
    ),
    Architecture("timm:mobilevit_xxs", (64, 64), "final_conv.bn.act", (2, 2), _MAP),
    Architecture("timm:pvt_v2_b0", (64, 64), "stages.3", (2, 2), "last stage, as a map again"),
    Architecture(
        "hf:vit",
        (64, 96),
        "vit.layers.1.layernorm_before",
        (4, 6),
        _CLASS,
        {"image_size": (64, 96), **_TINY},
    ),
    Architecture(
        "hf:deit",
        (64, 64),
        "deit.layers.1.layernorm_before",
        (4, 4),
        _CLASS,
        {"image_size": 64, **_TINY},
    ),
    Architecture(
        "hf:dinov2_with_registers",
        (70, 98),
        "dinov2_with_registers.layernorm",
        (5, 7),
        "the last normalized tokens: the mean of them is read beside the class token",
        {"image_size": 70, "patch_size": 14, **_TINY},
    ),
    Architecture("hf:beit", (64, 64), "beit.layers.1", (4, 4), _MEAN, {"image_size": 64, **_TINY}),
    Architecture(
        "hf:swin",
        (64, 96),
        "swin.layernorm",
        (4, 6),
        _NORM,
        {
            "image_size": 64,
            "embed_dim": 12,
            "depths": [1, 1, 1],
            "num_heads": [1, 2, 4],
            "window_size": 2,
        },
    ),
    Architecture(
        "hf:convnext",
        (64, 64),
        "convnext.encoder.stages.3.layers.0",
        (2, 2),
        _BLOCK,
        {"depths": [1, 1, 1, 1], "hidden_sizes": [12, 24, 48, 96]},
    ),
    Architecture(
        "hf:resnet",
        (64, 64),
        "resnet.encoder.stages.2.layers.0.activation",
        (4, 4),
        _MAP,
        {"embedding_size": 16, "hidden_sizes": [16, 24, 32], "depths": [1, 1, 1]},
    ),
)

_PLAIN = {"include_preprocessing": False}
_SUM = "the last block: the sum of its branch and what it was given"

KERAS: tuple[Architecture, ...] = (
    Architecture("keras:ResNet50", (64, 96), "conv5_block3_out", (2, 3), _MAP),
    Architecture("keras:ResNet50V2", (64, 64), "post_relu", (2, 2), _MAP),
    Architecture("keras:VGG16", (64, 64), "block5_conv3", (4, 4), "the last map before a pooling"),
    Architecture("keras:DenseNet121", (64, 64), "relu", (2, 2), _MAP),
    Architecture("keras:MobileNet", (64, 96), "conv_pw_13_relu", (2, 3), _MAP),
    Architecture("keras:MobileNetV2", (64, 64), "out_relu", (2, 2), _MAP),
    Architecture("keras:MobileNetV3Small", (64, 64), "activation_17", (2, 2), _MAP, _PLAIN),
    Architecture("keras:EfficientNetB0", (64, 64), "top_activation", (2, 2), _MAP),
    Architecture("keras:EfficientNetV2B0", (64, 64), "top_activation", (2, 2), _MAP, _PLAIN),
    Architecture("keras:Xception", (75, 107), "block14_sepconv2_act", (3, 4), _MAP),
    Architecture("keras:InceptionV3", (107, 139), "mixed10", (2, 3), "the branches together"),
    Architecture("keras:ConvNeXtTiny", (64, 64), "add_17", (2, 2), _SUM, _PLAIN),
)
