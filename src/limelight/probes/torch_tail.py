"""The tail of a run in PyTorch: from the target layers to the output, and back.

Everything up to the first target layer runs without a graph. There, the output becomes a leaf and
gradients are switched on, so that autograd sees the tail only.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
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


class Tail:
    """What the target layers returned, and the graph from there to the output."""

    def __init__(self, layers: Sequence[str], differentiate: bool) -> None:
        self._layers = layers
        self._differentiate = differentiate
        self._owner = threading.get_ident()
        self._captured: dict[str, Tensor] = {}

    @classmethod
    def run(
        cls,
        run: Callable[[Tail], Any],
        request: Request,
        index: Any,
        batch: int,
        xp: Any,
        channels_first: Callable[[str, Any], Any],
    ) -> Capture:
        """Run the model through `run`, which passes the layers' outputs to the tail it is given.

        ``channels_first(layer, output)`` makes (N, C, *spatial) of what a layer returned.
        """
        tail = cls(request.layers, request.gradients)
        with without_graph():
            output = run(tail)
            if tail._cut_short(output):
                # Some of the model runs under a no_grad of its own, which switched gradients off
                # again behind the layer. Within a graph from the start, they come back on.
                tail = cls(request.layers, request.gradients)
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
        if not self._differentiate:
            # A following in-place layer would overwrite what was captured.
            self._captured[name] = output.clone()
            return output
        if not self._captured or not output.requires_grad:  # it depends on no earlier target
            output = output.detach().requires_grad_()
            torch.set_grad_enabled(True)
        self._captured[name] = output
        return output.clone()

    def _cut_short(self, output: Any) -> bool:
        return (
            self._differentiate
            and bool(self._captured)
            and isinstance(output, Tensor)
            and not output.requires_grad
        )

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
        scores = None
        targets: list[tuple[Tensor, Tensor | None]]
        if request.function is not None:
            chosen = request.function(output)
            check_function_result(chosen, batch)
            targets = [(request.sign * chosen.float().sum(), None)]
        else:
            check_output(output, batch)
            logits = output.float()
            scores = logits.detach()
            with torch.no_grad():
                if index is not None:
                    index = torch.as_tensor(index, device=scores.device)
                index, directions = pick(xp, scores, index, request)
            targets = [(logits, directions[:, k]) for k in range(directions.shape[1])]
        gradients = self._gradients(targets) if self._differentiate else {}
        with torch.no_grad():
            return Capture(
                scores,
                index,
                {n: channels_first(n, self._captured[n].detach()) for n in self._layers},
                {
                    name: torch.stack([channels_first(name, each) for each in found], dim=1)
                    for name, found in gradients.items()
                },
            )

    def _gradients(
        self, targets: Sequence[tuple[Tensor, Tensor | None]]
    ) -> dict[str, list[Tensor]]:
        leaves = [self._captured[name] for name in self._layers]
        by_layer: dict[str, list[Tensor]] = {name: [] for name in self._layers}
        for position, (value, direction) in enumerate(targets):
            found: Sequence[Tensor | None] = [None] * len(leaves)
            if value.requires_grad:  # otherwise no path leads from the layers to the output
                found = torch.autograd.grad(
                    value,
                    leaves,
                    grad_outputs=direction,
                    retain_graph=position + 1 < len(targets),
                    allow_unused=True,
                )
            for name, leaf, gradient in zip(self._layers, leaves, found, strict=True):
                by_layer[name].append(torch.zeros_like(leaf) if gradient is None else gradient)
        return by_layer


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
