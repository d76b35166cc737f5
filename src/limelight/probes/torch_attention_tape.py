"""The attention of all blocks in one run of a PyTorch module, and its gradients.

For the gradient of each block's own score (LeGrad) the outputs of all blocks are put one below the
other in the batch where the last block returns: what follows, the model's own norm, pooling and
head, gives the scores of every block in the same run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from limelight.errors import MethodError, ModelError
from limelight.probes.base import Attention, Request, pick
from limelight.probes.torch_attention import ExplicitAttention
from limelight.probes.torch_blocks import Transformer
from limelight.probes.torch_twice import TwiceDifferentiable
from limelight.probes.torch_values import as_values, wide


class AttentionTape:
    """What the blocks attend to in one run.

    Args:
        transformer: what the model is made of.
        request: what is wanted.
        leaf: takes a tensor, and returns it as what one can differentiate with respect to.
    """

    def __init__(
        self, transformer: Transformer, request: Request, leaf: Callable[[Tensor], Tensor]
    ) -> None:
        self._transformer = transformer
        self._request = request
        self._leaf = leaf
        self._owner = threading.get_ident()
        self._gradients = "attention_gradients" in request.attention
        self._by_block = "block_gradients" in request.attention
        # Where each block is asked for itself only, the graph need not lead from one to the next.
        self._live = request.differentiable
        others = self._gradients or request.gradients or self._live
        self._apart = self._by_block and not others
        self.maps: list[Tensor] = []
        self._outputs: list[Tensor] = []
        self._earlier: Tensor | None = None
        if self._by_block and transformer.count > 1 and not transformer.blocks:
            raise MethodError(
                "legrad needs transformer blocks of one attention each, in one stack, but this "
                "model is built otherwise; transformer-attribution explains it"
            )

    @property
    def differentiates(self) -> bool:
        """Whether gradients of the attention are wanted."""
        return self._gradients or self._by_block

    @property
    def stacked(self) -> bool:
        """Whether the outputs of all blocks have been put below each other by now."""
        return self._earlier is not None

    @contextmanager
    def listening(self, modules: dict[str, nn.Module]) -> Iterator[None]:
        """Run what happens in here with explicit attention, and listen."""
        with ExitStack() as stack:
            if self._by_block and self._transformer.count > 1:
                for number, name in enumerate(self._transformer.blocks, 1):
                    last = number == self._transformer.count
                    hook = self._last if last else self._not_last
                    stack.callback(modules[name].register_forward_hook(hook).remove)
            listening = TwiceDifferentiable if self._live else ExplicitAttention
            stack.enter_context(listening(self._take))
            try:
                yield
            except ModelError as error:
                if not self.stacked:
                    raise
                raise MethodError(
                    "legrad scores the tokens of all blocks as one batch, which what follows the "
                    "last block of this model cannot take; transformer-attribution explains it"
                ) from error

    def _take(self, weights: Tensor) -> Tensor:
        if weights.shape[-1] != weights.shape[-2]:  # a pooling behind the blocks
            return weights
        if not self.differentiates:
            self.maps.append(weights.clone())
            return weights
        weights = self._leaf(weights)
        self.maps.append(weights)
        return weights.clone()

    def _not_last(self, module: nn.Module, args: Any, output: Any) -> Any:
        if threading.get_ident() != self._owner:
            return output
        tokens = _first(output)
        self._outputs.append(tokens)
        if not self._apart:
            # The clone keeps a following in-place layer from changing what was kept.
            return _with_first(output, tokens.clone())
        torch.set_grad_enabled(False)
        return _with_first(output, tokens.detach().clone())

    def _last(self, module: nn.Module, args: Any, output: Any) -> Any:
        if threading.get_ident() != self._owner:
            return output
        tokens = _first(output)
        if self._live:
            self._earlier = torch.cat(self._outputs)
        else:
            self._earlier = torch.cat([each.detach() for each in self._outputs]).requires_grad_()
        self._outputs.append(tokens)
        return _with_first(output, torch.cat([self._earlier, tokens]))

    def own_scores(self, output: Any) -> Sequence[Any]:
        """The output for each block, the last of them the model's own."""
        if not self.stacked:
            return [output]
        count = sum(len(each) for each in self._outputs)
        if not isinstance(output, Tensor) or output.shape[:1] != (count,):
            raise MethodError(
                "legrad needs a model that returns one tensor of class scores; "
                "transformer-attribution explains any output"
            )
        return output.chunk(len(self._outputs))

    def collect(
        self, outputs: Sequence[Any], xp: Any, index: Any, gradients: Sequence[list[Tensor]] | None
    ) -> Attention:
        """What was found.

        Args:
            outputs: the scores of each block, as `own_scores` returned them.
            xp: the namespace.
            index: (N, K) the classes explained; None for a callable.
            gradients: of each map, the gradients of each of the S · K scores in turn; None where
                no method asked for them.
        """
        by_block = None
        if self._by_block:
            by_block = [self._joined(each) for each in self._block_gradients(outputs, xp, index)]
        return Attention(
            [as_values(each, self._live) for each in self.maps],
            None if gradients is None else [self._joined(each) for each in gradients],
            by_block,
            self._transformer.tokens,
            self._transformer.name,
        )

    def _block_gradients(
        self, outputs: Sequence[Tensor], xp: Any, index: Any
    ) -> list[list[Tensor]]:
        """Of each block, the gradients of its own S · K scores."""
        found: list[list[Tensor]] = [[] for _ in self.maps]
        for values, directions in self._targets(outputs, xp, index):
            for number, tokens, gradient in self._at_blocks(values, directions):
                (own,) = torch.autograd.grad(
                    tokens,
                    self.maps[number],
                    gradient,
                    retain_graph=True,
                    create_graph=self._live,
                    allow_unused=True,
                )
                found[number].append(torch.zeros_like(self.maps[number]) if own is None else own)
        return found

    def _joined(self, gradients: Sequence[Tensor]) -> Tensor:
        """(N, S · K, heads, T, T) of the gradients of each score in turn."""
        return torch.stack([as_values(each, self._live) for each in gradients], dim=1)

    def _targets(
        self, outputs: Sequence[Tensor], xp: Any, index: Any
    ) -> list[tuple[list[Tensor], list[Tensor | None]]]:
        """For each of the S · K scores, every block's value and the direction in it."""
        request = self._request
        if request.function is not None:
            chosen = [wide(request.function(each), self._live) for each in outputs]
            values = [request.sign * each.sum() for each in chosen]
            return [(values, [None] * len(values))]
        logits = [wide(each, self._live) for each in outputs]
        with torch.set_grad_enabled(self._live):
            fixed = replace(request, top=0)
            directions = [pick(xp, each, index, fixed)[1] for each in logits]
        return [
            (logits, [each[:, k] for each in directions]) for k in range(directions[0].shape[1])
        ]

    def _at_blocks(
        self, values: Sequence[Tensor], directions: Sequence[Tensor | None]
    ) -> Iterator[tuple[int, Tensor, Tensor | None]]:
        """Each block's output, and the gradient of its own score with respect to it."""
        if self._earlier is None:
            if values[0].requires_grad:
                yield 0, values[0], directions[0]
            return
        last = self._outputs[-1]
        earlier, own = torch.autograd.grad(
            values,
            [self._earlier, last],
            directions,
            retain_graph=True,
            create_graph=self._live,
            allow_unused=True,
        )
        parts = (
            [torch.zeros_like(last)] * (len(values) - 1)
            if earlier is None
            else earlier.chunk(len(values) - 1)
        )
        own = torch.zeros_like(last) if own is None else own
        yield from zip(range(len(values)), self._outputs, [*parts, own], strict=True)


def _first(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]


def _with_first(output: Any, tokens: Tensor) -> Any:
    return tokens if isinstance(output, Tensor) else (tokens, *output[1:])
