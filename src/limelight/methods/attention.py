"""Maps from the attention of a vision transformer.

In every docstring: A_l is the softmaxed attention (N, heads, T, T) of block l = 1..L, row i who
attends and column j who is attended to; y the explained score; G_l = ∂y/∂A_l. The map is made of
the columns of the patches, on their grid; class, register and distillation tokens are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limelight.evidence import Evidence, Tokens
from limelight.methods.declaration import method
from limelight.methods.reduce import relu


@method("rollout", title="Attention rollout", paper="Abnar & Zuidema 2020", needs={"attention"},
        class_blind=True)  # fmt: skip
def rollout(e: Evidence) -> Any:
    """M = row of the class token in R = R_L ⋯ R_1, with R_l = (mean_heads A_l + I) / 2.

    Where the head reads no class token but the average of the patches, M is the mean of the
    patches' rows. The map is the same for every class.

    Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 3.
    """
    mean = [e.xp.mean(each, axis=1) for each in _of(e.attention)]
    row = _row_of_the_head(e.xp, mean[0], _layout(e))
    # From the last block to the first, a row times a matrix: cheaper than the whole product.
    for attention in reversed(mean):
        row = (e.xp.matmul(row, attention) + row) / 2
    return _on_grid(e.xp, row, _layout(e))


@method(
    "transformer-attribution",
    title="Transformer attribution",
    paper="Chefer et al. 2021",
    needs={"attention", "attention_gradients"},
)
def transformer_attribution(e: Evidence) -> Any:
    """M = row of the class token in R, with R ← R + mean_heads ReLU(G_l ⊙ A_l) R, from R = I.

    Where the head reads no class token but the average of the patches, M is the mean of the
    patches' rows of R − I: what each patch starts with says nothing.

    Source: Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting
    Bi-Modal and Encoder-Decoder Transformers", ICCV 2021, the rule of self-attention.
    """
    pairs = list(zip(_of(e.attention), _of(e.attention_gradients), strict=True))
    start = row = _row_of_the_head(e.xp, pairs[0][0][:, 0], _layout(e))
    for attention, gradient in reversed(pairs):
        relevance = e.xp.mean(relu(e.xp, gradient * attention), axis=1)
        row = row + e.xp.matmul(row, relevance)
    return _on_grid(e.xp, row - start, _layout(e))


@method(
    "legrad",
    title="LeGrad",
    paper="Bousselham et al. 2024",
    needs={"block_gradients"},
)
def legrad(e: Evidence) -> Any:
    """M = Σ_l of ReLU(∂y_l/∂A_l), averaged over heads and over the rows of all tokens.

    y_l is the score that the model's own norm, pooling and head give to the output of block l in
    place of the last block's: each block is asked by its own score, so that ∂y_l/∂A_l passes
    through this block only.

    Source: Bousselham et al., "LeGrad: An Explainability Method for Vision Transformers via
    Feature Formation Sensitivity", arXiv 2404.03214.
    """
    total: Any = 0
    for gradient in _of(e.block_gradients):
        over_heads = e.xp.mean(relu(e.xp, gradient), axis=1)
        total = total + e.xp.mean(over_heads, axis=1)[:, None, :]
    return _on_grid(e.xp, total, _layout(e))


def _row_of_the_head(xp: Any, like: Any, tokens: Tokens) -> Any:
    """The row vector (N, 1, T) that picks what the head reads, for `like` (N, T, T).

    Of a distilled model the mean of both tokens; without a class token that of the patches.
    """
    number = xp.cumsum(xp.ones_like(like[:, :1, :]), axis=-1) - 1
    if not tokens.read:
        picked = (number >= tokens.start) & (number < tokens.stop)
    else:
        picked = number == tokens.read[0]
        for each in tokens.read[1:]:
            picked = picked | (number == each)
    weights = xp.astype(picked, like.dtype)
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def _on_grid(xp: Any, row: Any, tokens: Tokens) -> Any:
    """The patches of `row` (N, 1, T) as (N, h, w)."""
    return xp.reshape(row[:, 0, tokens.start : tokens.stop], (row.shape[0], *tokens.grid))


def _of(found: Sequence[Any] | None) -> Sequence[Any]:
    assert found is not None  # what a method needs is there
    return found


def _layout(e: Evidence) -> Tokens:
    assert e.tokens is not None
    return e.tokens
