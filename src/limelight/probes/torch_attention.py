"""Attention in PyTorch, run explicitly: what softmax makes of queries and keys is handed over.

Fused kernels (`scaled_dot_product_attention`, the fast path of `nn.MultiheadAttention`) never
write the attention down. While `ExplicitAttention` is entered, calls of them are answered by the
same sums in plain operations; code that is explicit already is listened to at its softmax. That is
seen by the running thread alone, and no model, flag or module is changed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_SOFTMAX = frozenset({F.softmax, torch.softmax, Tensor.softmax})
_FUSED = F.scaled_dot_product_attention
_MULTI_HEAD = F.multi_head_attention_forward
_fused_arguments = inspect.signature(
    lambda query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *, scale=None,
    enable_gqa=False: None
)  # fmt: skip
_multi_head_arguments = inspect.signature(_MULTI_HEAD)


class ExplicitAttention(TorchFunctionMode):
    """Hands every attention (N, heads, T, S) of T > 1 tokens, after its softmax, to `take`.

    Args:
        take: what it returns takes the attention's place.
    """

    def __init__(self, take: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._take = take

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is _FUSED:
            return self._fused(*args, **kwargs)
        if func is _MULTI_HEAD:
            return self._multi_head(*args, **kwargs)
        found = func(*args, **kwargs)
        if func in _SOFTMAX and kwargs.get("dim", args[1] if len(args) > 1 else None) in (-1, 3):
            return self._hand_over(found)
        return found

    def _hand_over(self, weights: Tensor) -> Tensor:
        return self._take(weights) if weights.dim() == 4 and weights.shape[-2] > 1 else weights

    def _fused(self, *args: Any, **kwargs: Any) -> Tensor:
        """`F.scaled_dot_product_attention`."""
        given = _fused_arguments.bind(*args, **kwargs)
        given.apply_defaults()
        query, key, value, mask, dropout, causal = given.args
        scale, groups = given.kwargs["scale"], given.kwargs["enable_gqa"]
        if groups:
            key, value = (
                each.repeat_interleave(query.shape[-3] // each.shape[-3], -3)
                for each in (key, value)
            )
        if causal:
            rows, columns = query.shape[-2], key.shape[-2]
            mask = torch.ones(rows, columns, dtype=torch.bool, device=query.device).tril()
        return self._attend(query, key, value, mask, dropout, scale)[0]

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        dropout: float = 0.0,
        scale: float | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What the values (…, T, d) become, and the attention; of a mask, True is attended to."""
        scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        scores = (query * scale) @ key.transpose(-2, -1)
        if mask is not None and mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, -math.inf)
        elif mask is not None:
            scores = scores + mask
        # As the fused kernels do, half precision is summed in single precision.
        wide = torch.float32 if scores.dtype in (torch.float16, torch.bfloat16) else scores.dtype
        weights = self._hand_over(torch.softmax(scores, -1, dtype=wide)).to(value.dtype)
        weights = F.dropout(weights, dropout) if dropout else weights
        return weights @ value, weights

    def _multi_head(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
        """`F.multi_head_attention_forward` of a batch of sequences (T, N, C)."""
        given = _multi_head_arguments.bind(*args, **kwargs)
        given.apply_defaults()
        a = given.arguments
        unusual = ("bias_k", "bias_v", "static_k", "static_v", "key_padding_mask")
        if (
            a["query"].dim() != 3
            or a["add_zero_attn"]
            or any(a[name] is not None for name in unusual)
        ):  # nothing that looks at images; left to PyTorch
            return _MULTI_HEAD(*args, **kwargs)
        if a["use_separate_proj_weight"]:
            weights = [a[f"{name}_proj_weight"] for name in "qkv"]
        else:
            weights = a["in_proj_weight"].chunk(3)
        biases = (None,) * 3 if a["in_proj_bias"] is None else a["in_proj_bias"].chunk(3)
        steps, images, channels = a["query"].shape
        heads = a["num_heads"]
        # (T, N, C) -> (N, heads, T, d)
        query, key, value = (
            F.linear(each, weight, bias).unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)
            for each, weight, bias in zip(
                (a["query"], a["key"], a["value"]), weights, biases, strict=True
            )
        )
        mask = a["attn_mask"]
        if mask is not None:
            mask = ~mask if mask.dtype == torch.bool else mask
            mask = mask.unflatten(0, (images, heads)) if mask.dim() == 3 else mask
        dropout = a["dropout_p"] if a["training"] else 0.0
        found, attention = self._attend(query, key, value, mask, dropout)
        found = found.permute(2, 0, 1, 3).reshape(steps, images, channels)
        found = F.linear(found, a["out_proj_weight"], a["out_proj_bias"])
        if not a["need_weights"]:
            return found, None
        return found, attention.mean(1) if a["average_attn_weights"] else attention
