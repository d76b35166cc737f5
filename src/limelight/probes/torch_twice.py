"""Second derivatives in PyTorch, where a fused operation has only a first one.

The derivative of a gradient needs operations that can be differentiated twice. Fused attention and
`hardsigmoid` (MobileNetV3) cannot; while `TwiceDifferentiable` is entered they are answered by the
same sums in operations that can, in the running thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from limelight.probes.torch_attention import ExplicitAttention

_HARD_SIGMOID = frozenset({F.hardsigmoid, torch._C._nn.hardsigmoid, torch._C._nn.hardsigmoid_})


class TwiceDifferentiable(ExplicitAttention):
    """Explicit attention, and `hardsigmoid` as relu6(x + 3) / 6.

    Args:
        take: see `ExplicitAttention`.
    """

    def __init__(self, take: Callable[[Tensor], Tensor] = lambda weights: weights) -> None:
        super().__init__(take)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _HARD_SIGMOID:
            return F.relu6((args[0] if args else (kwargs or {})["input"]) + 3) / 6
        return super().__torch_function__(func, types, args, kwargs)
