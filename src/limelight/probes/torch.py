"""The probe for PyTorch modules.

Everything up to the first target layer runs without a graph. There, inside a forward hook, the
output becomes a leaf and gradients are switched on, so that autograd sees the tail only. Nothing
before the layer is ever differentiated, and no parameter's gradient is ever computed.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import array_api_compat.torch
import torch
from torch import Tensor, nn

from limelight.errors import ImageError, LayerNotFound, ModelError
from limelight.probes.base import (
    Capture,
    Head,
    LayerCall,
    Request,
    Trace,
    check_function_result,
    check_scores_shape,
    pick,
)

_ACTIVATIONS: dict[type[nn.Module], str] = {nn.Softmax: "softmax", nn.Sigmoid: "sigmoid"}

# What a run has shown of a model, as long as the model lives and has the same modules.
_traces: weakref.WeakKeyDictionary[nn.Module, tuple[Any, dict[Any, Trace]]] = (
    weakref.WeakKeyDictionary()
)


class TorchProbe:
    """Runs an `nn.Module` that takes (N, C, H, W) and returns (N, classes)."""

    framework = "torch"
    channels_last = False
    separator = "."

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._modules: dict[str, nn.Module] = dict(model.named_modules(remove_duplicate=False))
        self._modules.pop("", None)

    @property
    def xp(self) -> Any:
        return array_api_compat.torch

    # -- what the model is --------------------------------------------------------------------

    def layer_names(self) -> Sequence[str]:
        return list(self._modules)

    def path_of(self, layer: Any) -> str:
        for name, module in self._modules.items():
            if module is layer:
                return name
        raise LayerNotFound(f"the layer object {type(layer).__name__} is not part of this model")

    def heads(self, classes: int, channels: int) -> Sequence[Head]:
        found = []
        for name, module in self._modules.items():
            weight = getattr(module, "weight", None)
            pointwise = isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
            if not (isinstance(module, nn.Linear) or pointwise) or not isinstance(weight, Tensor):
                continue
            if weight.shape[:2] == (classes, channels):
                bias = module.bias
                matrix = weight.detach().reshape(classes, channels).float()
                found.append(Head(name, matrix, None if bias is None else bias.detach().float()))
        return found

    def activation(self, images: Tensor) -> str | None:
        # A run is worth its cost only where such a module exists at all.
        if not any(type(module) in _ACTIVATIONS for module in self._modules.values()):
            return None
        last = self.trace(images).last
        return None if last is None else _ACTIVATIONS.get(type(self._modules[last]))

    # -- what it is given ---------------------------------------------------------------------

    def prepare(self, images: Any) -> Tensor:
        place = next(self.model.parameters(), None)
        if place is None:
            place = next(self.model.buffers(), None)
        if not isinstance(images, Tensor):
            import numpy as np

            images = torch.as_tensor(np.asarray(images))
            if place is not None:
                images = images.to(place.device)
        shape = tuple(images.shape)
        if len(shape) < 4:
            hint = "; add the batch axis: images[None]" if len(shape) == 3 else ""
            raise ImageError(
                f"the model takes a batch (N, C, H, W); the shape {shape} was given{hint}"
            )
        if not images.is_floating_point():
            raise ImageError(
                f"the model takes preprocessed floats, but {images.dtype} was given; "
                "limelight.load(…) makes a Classifier, which takes photographs and uint8 arrays"
            )
        if place is not None and images.device != place.device:
            raise ImageError(
                f"the images are on {images.device} and the model on {place.device}; "
                f"move one of them: images.to({str(place.device)!r})"
            )
        if place is not None and place.is_floating_point() and images.dtype != place.dtype:
            images = images.to(place.dtype)
        return images

    # -- running it ---------------------------------------------------------------------------

    def trace(self, images: Tensor) -> Trace:
        modules = tuple((name, id(module)) for name, module in self._modules.items())
        known, traces = _traces.get(self.model, (None, {}))
        if known != modules:
            traces = {}
            _traces[self.model] = (modules, traces)
        shape = tuple(images.shape[1:])
        if shape not in traces:
            traces[shape] = self._trace(images[:1])
        return traces[shape]

    def _trace(self, images: Tensor) -> Trace:
        recorder = _Recorder()
        with ExitStack() as stack:
            for name, module in self.model.named_modules():
                if name:
                    stack.callback(module.register_forward_pre_hook(recorder.enter(name)).remove)
                    stack.callback(module.register_forward_hook(recorder.leave(name)).remove)
            with without_graph(), evaluating(self.model):
                output = self._run(images.clone())
        return recorder.trace(output)

    def _run(self, images: Tensor) -> Any:
        try:
            return self.model(images)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the model cannot take images of shape {tuple(images.shape)}: "
                f"{str(error).strip().partition(chr(10))[0]}"
            ) from error

    def capture(self, images: Tensor, request: Request, index: Any) -> Capture:
        softened = self.trace(images).last if self.activation(images) else None

        def run(tail: Tail) -> Any:
            with evaluating(self.model), ExitStack() as stack:
                for name in request.layers:
                    handle = self._modules[name].register_forward_hook(tail.hook(name))
                    stack.callback(handle.remove)
                if softened is not None:
                    handle = self._modules[softened].register_forward_hook(tail.give_logits)
                    stack.callback(handle.remove)
                # Tensors made under inference_mode cannot enter autograd; copies can.
                return self._run(images.clone() if images.is_inference() else images)

        return Tail.run(run, request, index, len(images), self.xp, _as_given)


class _Recorder:
    """Hooks that write down every call of every module, of one thread."""

    def __init__(self) -> None:
        self._calls: list[LayerCall] = []
        self._entered: dict[str, int] = {}
        self._owner = threading.get_ident()
        # The latest tensor and its version: an in-place layer returns the same object, changed.
        self._latest: Tensor | None = None
        self._version = 0
        self._value = 0

    def enter(self, name: str) -> Any:
        def pre_hook(module: nn.Module, args: Any) -> None:
            if threading.get_ident() == self._owner:
                self._entered[name] = len(self._calls)

        return pre_hook

    def leave(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if threading.get_ident() == self._owner:
                self._record(name, module, output if isinstance(output, Tensor) else None)

        return hook

    def _record(self, name: str, module: nn.Module, output: Tensor | None) -> None:
        version = 0 if output is None else output._version
        if output is None or output is not self._latest or version != self._version:
            self._value += 1
        self._latest, self._version = output, version
        shape = () if output is None else tuple(output.shape)
        self._calls.append(
            LayerCall(
                name,
                type(module).__name__,
                shape,
                grid=shape[2:] if len(shape) > 3 else None,
                channels=shape[1] if len(shape) > 1 else 0,
                value=self._value,
                container=len(self._calls) > self._entered[name],
            )
        )

    def trace(self, output: Any) -> Trace:
        shape = tuple(output.shape) if isinstance(output, Tensor) else ()
        innermost = (call.name for call in reversed(self._calls) if not call.container)
        last = next(innermost, None) if output is self._latest else None
        return Trace(tuple(self._calls), shape, last)


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
        channels_first: Callable[[Any, Request], Any],
    ) -> Capture:
        """Run the model through `run`, which passes the layers' outputs to the tail it is given."""
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
        channels_first: Callable[[Any, Request], Any],
    ) -> Capture:
        for name in self._layers:
            if name not in self._captured:
                raise LayerNotFound(
                    f"the layer {name!r} exists, but it did not run in the model's forward pass or "
                    "returned more than one tensor"
                )
        scores = None
        targets: list[tuple[Tensor, Tensor | None]]
        if request.function is not None:
            chosen = request.function(output)
            check_function_result(tuple(chosen.shape), batch)
            targets = [(chosen.float().sum(), None)]
        else:
            check_scores_shape(tuple(output.shape) if isinstance(output, Tensor) else (), batch)
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
                {n: channels_first(self._captured[n].detach(), request) for n in self._layers},
                {
                    name: torch.stack([channels_first(each, request) for each in found], dim=1)
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


def _as_given(output: Tensor, request: Request) -> Tensor:
    """A module's output as float32 (N, C, *spatial)."""
    return (output if request.reshape is None else request.reshape(output)).float()


@contextmanager
def without_graph() -> Iterator[None]:
    """Record no graph until somebody asks for one, also inside a surrounding inference_mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the modules that are in training mode in evaluation mode, and back."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
