"""What a vision transformer in PyTorch consists of, seen in a run of one image."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from limelight.errors import MethodError
from limelight.evidence import Tokens
from limelight.probes.base import Trace
from limelight.probes.outputs import tensors_in
from limelight.probes.torch_attention import ExplicitAttention


@dataclass(frozen=True)
class Transformer:
    """The attention of a model, and the blocks that it is in.

    Attributes:
        tokens: what the tokens are.
        count: how many attentions there are.
        name: the blocks, from the first to the last.
        blocks: the paths of the blocks, one attention in each, of which each takes the tokens that
            the one before returns; () where the model is built otherwise.
    """

    tokens: Tokens
    count: int
    name: str
    blocks: tuple[str, ...]


# As long as the model lives and has the same modules.
_known: weakref.WeakKeyDictionary[nn.Module, tuple[Any, dict[Any, Transformer | MethodError]]] = (
    weakref.WeakKeyDictionary()
)


def transformer(
    model: nn.Module,
    modules: Mapping[str, nn.Module],
    run: Callable[[Tensor], Any],
    images: Tensor,
    trace: Callable[[Tensor], Trace],
) -> Transformer:
    """What `model` with these `modules` is, from a `run` on the first of `images`, and its trace.

    Raises:
        MethodError: no layer attends from every patch to every patch.
    """
    current = tuple((name, id(module)) for name, module in modules.items())
    of_modules, found = _known.get(model, (None, {}))
    if of_modules != current:
        found = {}
        _known[model] = (current, found)
    shape = tuple(images.shape[1:])
    if shape not in found:
        try:
            found[shape] = _look(modules, run, images, trace, type(model).__name__)
        except MethodError as error:  # which costs a run only once too
            found[shape] = error.with_traceback(None)
    seen = found[shape]
    if isinstance(seen, MethodError):
        raise MethodError(str(seen))
    return seen


def _look(
    modules: Mapping[str, nn.Module],
    run: Callable[[Tensor], Any],
    images: Tensor,
    trace: Callable[[Tensor], Trace],
    model: str,
) -> Transformer:
    look = _Look()
    with ExitStack() as stack:
        for name, module in modules.items():
            stack.callback(module.register_forward_pre_hook(look.enter(name)).remove)
            stack.callback(module.register_forward_hook(look.leave(name)).remove)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        with ExplicitAttention(look.attend):
            output = run(images[:1].detach().clone())
        look.check(model)
        read = look.read(output)
    return look.result(read, trace(images), model)


class _Look:
    def __init__(self) -> None:
        self._owner = threading.get_ident()
        self._open: list[str] = []
        self._attention: list[tuple[Tensor, tuple[str, ...]]] = []
        self._shapes: dict[str, tuple[int, ...]] = {}

    def enter(self, name: str) -> Any:
        def pre_hook(module: nn.Module, args: Any) -> None:
            if threading.get_ident() == self._owner:
                self._open.append(name)

        return pre_hook

    def leave(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if threading.get_ident() == self._owner:
                self._open.pop()
                first = next(tensors_in(output), None)
                self._shapes[name] = () if first is None else tuple(first.shape)

        return hook

    def attend(self, weights: Tensor) -> Tensor:
        weights = weights.detach().requires_grad_()
        self._attention.append((weights, tuple(self._open)))
        return weights

    def check(self, model: str) -> None:
        """Raise `MethodError` where there is no attention between all tokens in all blocks."""
        if not self._attention:
            raise MethodError(
                "this method needs the attention maps of a vision transformer, but no layer of "
                f"this {model} attends from token to token; gradcam explains it without"
            )
        # Behind the last block, a pooling may have queries of its own.
        while len({*self._attention[-1][0].shape[2:]}) > 1 and len(self._attention) > 1:
            self._attention.pop()
        shapes = {(len(weights), *weights.shape[2:]) for weights, _ in self._attention}
        count, rows, columns = next(iter(shapes))
        if len(shapes) > 1 or count != 1 or rows != columns:
            raise MethodError(
                "this method needs attention from every patch of the image to every other, in all "
                f"blocks, but this {model} attends within windows, or at several sizes; gradcam "
                "explains it without"
            )
        if len(self._attention) > 1 and not all(self._own()):
            raise MethodError(
                f"this method needs one attention in each block, but a layer of this {model} runs "
                "several; gradcam explains it without"
            )

    def read(self, output: Any) -> list[float]:
        """How much the output depends on each token, past the last attention; zeros: not known."""
        last = self._attention[-1][0]
        values = next(tensors_in(output), None)
        gradient = None
        if values is not None and values.requires_grad:
            # Weighed, for the sum of all may be constant, as that of probabilities is.
            weights = torch.linspace(1, 2, values.numel(), device=values.device)
            total = (values.float().flatten() * weights).sum()
            (gradient,) = torch.autograd.grad(total, last, allow_unused=True)
        if gradient is None:
            return [0.0] * last.shape[-1]
        return gradient[0].abs().sum((0, 2)).tolist()

    def result(self, read: Sequence[float], trace: Trace, model: str) -> Transformer:
        """What was seen; `read` is how much the output depends on each token."""
        size = self._attention[0][0].shape[-1]
        layouts = (call.layout for call in trace.calls if call.shape[:2] == (1, size))
        layout = next((each for each in layouts if each.tokens is not None), None)
        if layout is None or layout.tokens is None:
            raise MethodError(
                f"this {model} attends between {size} tokens, of which it is not clear where in "
                "the image they are; gradcam with reshape_transform= explains it"
            )
        tokens = Tokens(layout.tokens, layout.start, ())
        blocks = self._blocks(size)
        paths = blocks or tuple(names[-1] if names else "" for _, names in self._attention)
        name = paths[0] if len(paths) == 1 else f"{paths[0]} to {paths[-1]}"
        special = [i for i in range(size) if not tokens.start <= i < tokens.stop]
        # Of a head of zeros one cannot see what it reads: the first token, as most do.
        chosen = [i for i in special if read[i]] if any(read) else special[:1]
        tokens = replace(tokens, read=tuple(chosen))
        return Transformer(tokens, len(self._attention), name, blocks)

    def _blocks(self, size: int) -> tuple[str, ...]:
        """The blocks: brothers in one stack that return all tokens."""
        own = self._own()
        parents = {name.rpartition(".")[0] for name in own}
        shapes = [self._shapes.get(name, ()) for name in own]
        if len(parents) > 1 or any(len(s) != 3 or s[:2] != (1, size) for s in shapes):
            return ()
        return tuple(own)

    def _own(self) -> list[str]:
        """Of each attention, the outermost module that no other is in; "" where there is none."""
        times = Counter(name for _, names in self._attention for name in set(names))
        return [
            next((name for name in names if times[name] == 1), "") for _, names in self._attention
        ]
