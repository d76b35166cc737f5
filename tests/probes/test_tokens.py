"""Tokens become the grid that they were cut from: by hand, and for every layer of a transformer."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limelight import explain
from limelight.errors import NoSpatialLayer
from limelight.probes.tokens import Layout, tokens_layout

GRID, SIZE = (3, 5), (12, 20)
IMAGES = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("before", "places", "after", "grids", "image", "expected"),
    [
        (0, 15, 0, [(3, 5)], (12, 20), Layout(tokens=(3, 5))),
        (1, 15, 0, [(6, 10), (3, 5)], (12, 20), Layout(tokens=(3, 5), start=1, special=True)),
        (5, 24, 0, [(4, 6)], (64, 96), Layout(tokens=(4, 6), start=5, special=True)),
        (1, 24, 10, [(6, 4)], (64, 96), Layout(tokens=(6, 4), start=1, special=True)),
        (0, 6, 0, [(8, 12)], (32, 48), Layout(tokens=(2, 3))),  # patches merged twice
        (0, 8, 0, [(7, 13)], (28, 52), Layout(tokens=(2, 4))),  # odd sides are padded
        (1, 24, 0, [], (64, 96), Layout(tokens=(4, 6), start=1, special=True)),
        (1, 16, 0, [(9, 9)], (64, 64), Layout(tokens=(4, 4), start=1, special=True)),
        (10, 0, 0, [(3, 5)], (12, 20), None),  # queries that do not come from the image
        (1, 7, 0, [(3, 5)], (64, 64), None),
    ],
)
def test_the_grid_of_a_row_of_tokens(
    before: int, places: int, after: int, grids: Any, image: Any, expected: Layout | None
) -> None:
    depends = [False] * before + [True] * places + [False] * after
    assert tokens_layout(depends, grids, image) == expected


def test_tokens_of_the_image_with_others_between_are_no_grid() -> None:
    assert tokens_layout([True] * 5 + [False] + [True] * 10, [GRID], SIZE) is None


class Block(nn.Module):
    """Attention and a layer per token, each normalized before and added."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.each = nn.Linear(8, 8)

    def forward(self, tokens: Tensor) -> Tensor:
        normal = self.norm1(tokens)
        tokens = tokens + self.attend(normal, normal, normal, need_weights=False)[0]
        return tokens + self.each(self.norm2(tokens)).relu()


class Transformer(nn.Module):
    """Patches of 4 × 4, `before` tokens before and `after` behind them; the first is read."""

    def __init__(self, before: int, after: int, convolved: bool = True) -> None:
        super().__init__()
        self.patches: nn.Module = nn.Conv2d(3, 8, 4, stride=4)
        if not convolved:
            self.patches = nn.Linear(48, 8)
        self.special = nn.Parameter(torch.randn(1, before + after, 8))
        self.before = before
        self.blocks = nn.Sequential(Block(), Block())
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        if isinstance(self.patches, nn.Linear):
            tokens = self.patches(nn.functional.unfold(images, 4, stride=4).mT)
        else:
            tokens = self.patches(images).flatten(2).mT
        special = self.special.expand(len(images), -1, -1)
        ends = special[:, : self.before], special[:, self.before :]
        tokens = self.norm(self.blocks(torch.cat([ends[0], tokens, ends[1]], 1)))
        return self.head(tokens[:, 0] if self.before else tokens.mean(1))


def transformer(*arguments: Any) -> Transformer:
    torch.manual_seed(0)
    return Transformer(*arguments).eval()


@pytest.mark.parametrize("convolved", [True, False])
@pytest.mark.parametrize(("before", "after"), [(1, 0), (2, 0), (5, 0), (1, 7), (0, 0)])
def test_every_layer_of_tokens_equals_the_users_own_reshaping(
    before: int, after: int, convolved: bool
) -> None:
    model = transformer(before, after, convolved)

    def reshaped(tokens: Tensor) -> Tensor:
        kept = tokens[:, before : before + 15]
        return kept.reshape(len(tokens), *GRID, -1).permute(0, 3, 1, 2)

    for layer in ("blocks.0", "blocks.0.norm2", "blocks.0.each", "blocks.1.norm1"):
        found = explain(model, IMAGES, "hirescam", layer=layer, target=1)
        own = explain(model, IMAGES, "hirescam", layer=layer, target=1, reshape_transform=reshaped)
        assert found.numpy().shape == (4, *GRID) and np.abs(own.numpy()).max() > 0
        np.testing.assert_array_equal(found.numpy(), own.numpy())
    chosen = explain(model, IMAGES).layer
    assert chosen == ("blocks.1.norm1" if before else "norm")


def test_tokens_that_are_no_grid_are_said_so() -> None:
    model = transformer(1, 0)
    with pytest.raises(NoSpatialLayer, match=r"'head' returns the shape .*no height and width"):
        explain(model, IMAGES, layer="head")


def test_two_threads_find_the_layer_of_a_transformer() -> None:
    """Both look for it at once, with NaN in their images; each gets what one gets."""
    expected = explain(transformer(1, 0), IMAGES, "hirescam", target=2).numpy()
    for _ in range(3):
        model = transformer(1, 0)  # nothing is known of it yet
        start, found = threading.Barrier(2), [None, None]

        def work(
            number: int, model: Any = model, start: Any = start, found: list[Any] = found
        ) -> None:
            start.wait(30)
            half = IMAGES[2 * number : 2 * number + 2]
            found[number] = explain(model, half, "hirescam", target=2)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert all(maps is not None and maps.layer == "blocks.1.norm1" for maps in found)
        maps = np.concatenate([each.numpy() for each in found])  # type: ignore[attr-defined]
        np.testing.assert_allclose(maps, expected, atol=1e-6)


def test_detection_tokens_and_position_embeddings_from_a_layer() -> None:
    """YOLOS: a layer returns position embeddings of all tokens, before any of them is an image's."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.YolosConfig(
        image_size=[64, 96],
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=96,
        num_detection_tokens=10,
    )
    model = transformers.YolosForObjectDetection(config).eval()
    images = torch.randn(1, 3, 64, 96)
    maps = explain(model, images, "hirescam", target=lambda output: output.logits[:, 3, 1])
    assert maps.layer == "vit.encoder.layer.1.layernorm_before"
    assert maps.numpy().shape == (1, 4, 6) and np.ptp(maps.numpy()) > 0
