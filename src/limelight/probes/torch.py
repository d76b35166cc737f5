"""The probe for PyTorch modules.

Everything up to the first target layer runs without a graph. There, inside a forward hook, the
output becomes a leaf and gradients are switched on, so that autograd sees the tail only. Nothing
before the layer is ever differentiated, and no parameter's gradient is ever computed.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from inspect import signature
from typing import Any

import array_api_compat.torch
import torch
from torch import Tensor, nn

from limelight.errors import ImageError, LayerNotFound, MethodError
from limelight.probes.base import Capture, Head, Request, Trace, refusal
from limelight.probes.beside import given
from limelight.probes.outputs import scores_of
from limelight.probes.precision import as_around
from limelight.probes.tokens import CHANNELS_FIRST, Layout
from limelight.probes.torch_blocks import Transformer, transformer
from limelight.probes.torch_graph import (
    along_activations,
    explained,
    full_gradients,
    guided_gradients,
    input_gradients,
    taken_off,
)
from limelight.probes.torch_replay import TorchReruns
from limelight.probes.torch_tail import Tail, evaluating, outside_inference, without_graph
from limelight.probes.torch_trace import bring, trace
from limelight.probes.torch_twice import TwiceDifferentiable
from limelight.probes.torch_values import as_values
from limelight.scores import Score

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.Softmax: "softmax",
    nn.LogSoftmax: "softmax",
    nn.Sigmoid: "sigmoid",
}

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)

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
        self.model = model = unwrapped(model)
        self._modules: dict[str, nn.Module] = dict(model.named_modules(remove_duplicate=False))
        self._modules.pop("", None)
        # Networks that keep their channels last, or tokens, normalize them.
        self._has_tokens = any(
            "Norm" in kind and "Batch" not in kind
            for kind in {type(module).__name__ for module in self._modules.values()}
        )

    @property
    def xp(self) -> Any:
        return array_api_compat.torch

    # -- what the model is --------------------------------------------------------------------

    @property
    def layers(self) -> Mapping[str, nn.Module]:
        return self._modules

    def layer_names(self) -> Sequence[str]:
        return list(self._modules)

    def path_of(self, layer: Any) -> str:
        for name, module in self._modules.items():
            if module is layer:
                return name
        raise LayerNotFound(f"the layer object {type(layer).__name__} is not part of this model")

    def heads(self, classes: int, channels: int, differentiable: bool = False) -> Sequence[Head]:
        found = []
        for name, module in self._modules.items():
            weight = getattr(module, "weight", None)
            pointwise = isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
            if not (isinstance(module, nn.Linear) or pointwise) or not isinstance(weight, Tensor):
                continue
            if weight.shape[:2] == (classes, channels):
                matrix, bias = weight.reshape(classes, channels), module.bias
                found.append(
                    Head(
                        name,
                        as_values(matrix, differentiable),
                        None if bias is None else as_values(bias, differentiable),
                    )
                )
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
        with without_graph(), evaluating(self.model):
            return trace(self._modules, self._run, images)

    def _run(self, images: Tensor) -> Any:
        with as_around():
            return self._called(images)

    def _called(self, images: Tensor) -> Any:
        try:
            others = given()
            if others is None:
                return self.model(images)
            positional, named = others.rows(len(images), lambda each: self._placed(each, images))
            free = [name for name in signature(self.model.forward).parameters if name not in named]
            # The images are the first argument that is not given by name.
            first = () if named and free else (images,)
            keywords = named if first else {free[0]: images, **named}
            return self.model(*first, *positional, **keywords)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, AssertionError) as error:
            reason = str(error).strip().partition("\n")[0]
            convolutions = (m for m in self._modules.values() if isinstance(m, nn.Conv2d))
            expected = next((each.in_channels for each in convolutions), None)
            raise refusal(images.shape, expected, images.shape[1], reason) from error

    def _placed(self, each: Any, images: Tensor) -> Tensor:
        tensor = torch.as_tensor(each).to(images.device)
        return tensor.to(images.dtype) if tensor.is_floating_point() else tensor

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
                if tail.attention is not None:
                    stack.enter_context(tail.attention.listening(self._modules))
                elif request.differentiable:
                    stack.enter_context(TwiceDifferentiable())
                output = self._run(outside_inference(images))
                return output if request.function is not None else scores_of(output)

        def channels_first(layer: str, output: Tensor) -> Tensor:
            return self._first(images, layer, output, request)

        found = self._transformer(images) if request.attention else None
        return Tail.run(run, request, index, len(images), self.xp, channels_first, found)

    def check_recording(self) -> None:
        if torch.is_grad_enabled() and not torch.is_inference_mode_enabled():
            return
        around = "inference_mode" if torch.is_inference_mode_enabled() else "no_grad"
        raise MethodError(
            f"differentiable=True gives maps in the model's graph, but torch.{around} is on around "
            "this call; call it outside of that"
        )

    def of_graph(
        self, need: str, images: Tensor, request: Request, index: Any, layer: str, score: Score
    ) -> Any:
        softened = None
        if request.function is None and self.activation(images) is not None:
            softened = self.trace(images).last

        def run(batch: Tensor) -> Any:
            with evaluating(self.model), ExitStack() as stack:
                if softened is not None:
                    stack.enter_context(taken_off(self._modules[softened]))
                output = self._run(outside_inference(batch))
                return output if request.function is not None else scores_of(output)

        live = request.differentiable

        def score_of(output: Any) -> list[Tensor]:
            return explained(output, request, index, score, self.xp)

        if need == "guided":
            return torch.stack(guided_gradients(run, images, score_of), dim=1).float()
        if need == "input_gradients":
            found = input_gradients(run, images, score_of, live)
            return as_values(torch.stack(found, dim=1), live)
        if need == "full_gradients":
            by_class = full_gradients(run, images, self._modules, score_of, live)
            terms = [torch.stack(each, dim=1) for each in zip(*by_class, strict=True)]
            return [as_values(each, live) for each in terms]
        found = along_activations(run, images, (layer, self._modules[layer]), score_of, live)
        return torch.stack([self._first(images, layer, each, request) for each in found], dim=1)

    def _first(self, images: Tensor, layer: str, output: Tensor, request: Request) -> Tensor:
        """What `layer` returned as float32 (N, C, *spatial)."""
        if request.reshape is not None:
            found = request.reshape(output)
        else:
            found = bring(output, self._layout(images, layer, output))
        return as_values(found, request.differentiable)

    def _transformer(self, images: Tensor) -> Transformer:
        with evaluating(self.model):
            return transformer(self.model, self._modules, self._run, images, self.trace)

    def reruns(self, images: Tensor, layer: str, request: Request) -> TorchReruns:
        softened = None
        if request.function is None and self.activation(images) is not None:
            softened = self._modules[str(self.trace(images).last)]

        def run(batch: Tensor) -> Any:
            with evaluating(self.model), ExitStack() as stack:
                if softened is not None:
                    stack.enter_context(taken_off(softened))
                output = self._run(batch)
                return output if request.function is not None else scores_of(output)

        def channels_first(output: Tensor) -> Tensor:
            return self._first(images, layer, output, request)

        modules, function = self._modules, request.function
        return TorchReruns(
            self.model, modules, "forward", run, images, layer, function, channels_first
        )

    def _layout(self, images: Tensor, layer: str, output: Tensor) -> Layout:
        # A run is worth its cost only where the output may be something else than a map.
        if output.ndim == 4 and not self._has_tokens:
            return CHANNELS_FIRST
        call = self.trace(images).named(layer)
        return CHANNELS_FIRST if call is None else call.layout


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own module inside `torch.compile`, `DataParallel` and their like."""
    while True:
        if isinstance(model, _WRAPPERS):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):  # torch.compile
            model = inner
        else:
            return model
