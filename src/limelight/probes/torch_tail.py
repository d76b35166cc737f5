"""The tail of a run in PyTorch: from the target layers to the output, and back.

Everything up to the first target layer runs without a graph. There, the output becomes a leaf and
gradients are switched on, so that autograd sees the tail only.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from limelight.probes.base import (
    Capture,
    Request,
    check_function_result,
    check_output,
    check_ran,
    pick,
)
from limelight.probes.torch_attention_tape import AttentionTape
from limelight.probes.torch_blocks import Transformer
from limelight.probes.torch_values import wide


class Tail:
    """What the target layers returned, and the graph from there to the output."""

    def __init__(self, request: Request, transformer: Transformer | None) -> None:
        self._layers = request.layers
        self._differentiate = request.gradients
        self._live = request.differentiable
        self._owner = threading.get_ident()
        self._captured: dict[str, Tensor] = {}
        self._graph_begun = False
        self.attention: AttentionTape | None = None
        if transformer is not None:
            self.attention = AttentionTape(transformer, request, self._leaf)
        # The layers behind the place where the batch holds the tokens of all blocks.
        self._behind: set[str] = set()

    @classmethod
    def run(
        cls,
        run: Callable[[Tail], Any],
        request: Request,
        index: Any,
        batch: int,
        xp: Any,
        channels_first: Callable[[str, Any], Any],
        transformer: Transformer | None = None,
    ) -> Capture:
        """Run the model through `run`, which passes the layers' outputs to the tail it is given.

        ``channels_first(layer, output)`` makes (N, C, *spatial) of what a layer returned.
        `transformer`: what the model is where its attention is asked for.
        """
        tail = cls(request, transformer)
        if request.differentiable:
            with torch.enable_grad():
                return tail._collect(run(tail), request, index, batch, xp, channels_first)
        with without_graph():
            output = run(tail)
            if tail._cut_short(output):
                # Some of the model runs under a no_grad of its own, which switched gradients off
                # again behind the layer. Within a graph from the start, they come back on.
                tail = cls(request, transformer)
                with torch.enable_grad():
                    output = run(tail)
                    return tail._collect(output, request, index, batch, xp, channels_first)
            return tail._collect(output, request, index, batch, xp, channels_first)

    def hook(self, name: str) -> Any:
        """A forward hook for the layer `name`."""

        def forward_hook(module: nn.Module, args: Any, output: Any) -> Any:
            return self.record(name, output)

        return forward_hook

    def give_logits(self, module: nn.Module, args: Any, output: Any) -> Any:
        """A forward hook that takes an activation off: its input becomes its output."""
        return args[0] if threading.get_ident() == self._owner else output

    def record(self, name: str, output: Any) -> Any:
        """Keep `output` as what `name` returned; what the model shall go on with is returned."""
        if threading.get_ident() != self._owner or not isinstance(output, Tensor):
            return output
        if self.attention is not None and self.attention.stacked:
            self._behind.add(name)
        if not self._differentiate:
            # A following in-place layer would overwrite what was captured.
            self._captured[name] = output.clone()
            return output
        self._captured[name] = output = self._leaf(output)
        return output.clone()

    def _leaf(self, output: Tensor) -> Tensor:
        """`output` as a part of the graph, which begins with it where there is none."""
        # One that needs no gradient depends on no earlier target, and on nothing that is trained.
        if not output.requires_grad or not (self._live or self._graph_begun):
            output = output.detach().requires_grad_()
            torch.set_grad_enabled(True)
            self._graph_begun = True
        return output

    def _cut_short(self, output: Any) -> bool:
        return self._graph_begun and isinstance(output, Tensor) and not output.requires_grad

    def _collect(
        self,
        output: Any,
        request: Request,
        index: Any,
        batch: int,
        xp: Any,
        channels_first: Callable[[str, Any], Any],
    ) -> Capture:
        check_ran(self._layers, self._captured)
        outputs = [output] if self.attention is None else self.attention.own_scores(output)
        output, scores = outputs[-1], None
        targets: list[tuple[Tensor, Tensor | None]]
        if request.function is not None:
            chosen = request.function(output)
            check_function_result(chosen, batch)
            targets = [(request.sign * wide(chosen, self._live).sum(), None)]
        else:
            check_output(output, batch)
            logits = wide(output, self._live)
            scores = logits if self._live else logits.detach()
            with torch.set_grad_enabled(self._live):
                if index is not None:
                    index = torch.as_tensor(index, device=scores.device)
                index, directions = pick(xp, scores, index, request)
            targets = [(logits, directions[:, k]) for k in range(directions.shape[1])]
        leaves: dict[Any, Tensor] = dict(self._captured) if self._differentiate else {}
        if "attention_gradients" in request.attention and self.attention is not None:
            leaves |= dict(enumerate(self.attention.maps))
        gradients = self._gradients(targets, leaves, "block_gradients" in request.attention)
        attention = None
        if self.attention is not None:
            of_maps = [gradients.pop(i) for i in range(len(self.attention.maps)) if i in gradients]
            attention = self.attention.collect(outputs, xp, index, of_maps or None)

        def brought(name: str, found: Tensor) -> Tensor:
            return channels_first(name, found[-batch:] if name in self._behind else found)

        found = {n: self._captured[n] for n in self._layers}
        if not self._live:
            found = {name: output.detach() for name, output in found.items()}
        with torch.set_grad_enabled(self._live):
            return Capture(
                scores,
                index,
                {name: brought(name, output) for name, output in found.items()},
                {
                    name: _side_by_side([brought(name, each) for each in found])
                    for name, found in gradients.items()
                },
                attention,
            )

    def _gradients(
        self,
        targets: Sequence[tuple[Tensor, Tensor | None]],
        by_key: Mapping[Any, Tensor],
        keep: bool,
    ) -> dict[Any, list[Tensor]]:
        """By key, the gradients of each target; `keep`: the graph is needed again."""
        if not by_key:
            return {}
        leaves = list(by_key.values())
        gradients: dict[Any, list[Tensor]] = {key: [] for key in by_key}
        for position, (value, direction) in enumerate(targets):
            found: Sequence[Tensor | None] = [None] * len(leaves)
            if value.requires_grad:  # otherwise no path leads from the layers to the output
                found = torch.autograd.grad(
                    value,
                    leaves,
                    grad_outputs=direction,
                    retain_graph=keep or self._live or position + 1 < len(targets),
                    create_graph=self._live,
                    allow_unused=True,
                )
            for key, leaf, gradient in zip(by_key, leaves, found, strict=True):
                gradients[key].append(torch.zeros_like(leaf) if gradient is None else gradient)
        return gradients


def _side_by_side(of_targets: Sequence[Tensor]) -> Tensor:
    """(N, C, …) of each of K targets as (N, K, C, …); no copy where there is one."""
    if len(of_targets) == 1:
        return of_targets[0].unsqueeze(1)
    return torch.stack(list(of_targets), dim=1)


@contextmanager
def without_graph() -> Iterator[None]:
    """Record no graph until somebody asks for one, also inside a surrounding inference_mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def outside_inference(images: Tensor) -> Tensor:
    """`images`, or a copy: tensors made under inference_mode cannot enter autograd."""
    return images.clone() if images.is_inference() else images


# By model: how many runs need its evaluation mode now, and the modules to put back after the last.
_evaluated: weakref.WeakKeyDictionary[nn.Module, tuple[int, list[nn.Module]]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the modules that are in training mode in evaluation mode, and back.

    Where several threads explain the same model, the last to finish puts them back.
    """
    with _lock:
        runs, training = _evaluated.get(model, (0, []))
        if not runs:
            training = [module for module in model.modules() if module.training]
        _evaluated[model] = (runs + 1, training)
        for module in training:
            module.training = False
    try:
        yield
    finally:
        with _lock:
            runs, training = _evaluated.pop(model)
            if runs > 1:
                _evaluated[model] = (runs - 1, training)
            else:
                for module in training:
                    module.training = True
