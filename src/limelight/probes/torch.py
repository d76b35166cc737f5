"""The probe for PyTorch modules.

Everything up to the first target layer runs without a graph. There, inside a forward hook, the
output becomes a leaf and gradients are switched on, so that autograd sees the tail only. Nothing
before the layer is ever differentiated, and no parameter's gradient is ever computed.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import array_api_compat.torch
import torch
from torch import Tensor, nn

from limelight.errors import ImageError, LayerNotFound
from limelight.probes.base import Capture, Head, LayerCall, Request, Trace, refusal, shape_of
from limelight.probes.torch_tail import Tail, evaluating, outside_inference, without_graph

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.Softmax: "softmax",
    nn.LogSoftmax: "softmax",
    nn.Sigmoid: "sigmoid",
}

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
        except (RuntimeError, ValueError, AssertionError) as error:
            reason = str(error).strip().partition("\n")[0]
            convolutions = (m for m in self._modules.values() if isinstance(m, nn.Conv2d))
            expected = next((each.in_channels for each in convolutions), None)
            raise refusal(images.shape, expected, images.shape[1], reason) from error

    def capture(self, images: Tensor, request: Request, index: Any) -> Capture:
        softened = None
        if request.function is None and self.activation(images) is not None:
            softened = self.trace(images).last

        def run(tail: Tail) -> Any:
            with evaluating(self.model), ExitStack() as stack:
                for name in request.layers:
                    handle = self._modules[name].register_forward_hook(tail.hook(name))
                    stack.callback(handle.remove)
                if softened is not None:
                    handle = self._modules[softened].register_forward_hook(tail.give_logits)
                    stack.callback(handle.remove)
                return self._run(outside_inference(images))

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
        innermost = (call.name for call in reversed(self._calls) if not call.container)
        last = next(innermost, None) if output is self._latest else None
        return Trace(tuple(self._calls), shape_of(output), last)


def _as_given(output: Tensor, request: Request) -> Tensor:
    """A module's output as float32 (N, C, *spatial)."""
    return (output if request.reshape is None else request.reshape(output)).float()
