"""What needs more of PyTorch's graph than the tail's gradient: a run of its own for each.

Four things: how the gradient at a layer changes along the activations, the gradient of the input,
that with guided ReLUs, and the gradients at every bias. Each run leaves the model as it was found.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from limelight.probes.base import Request, check_function_result, check_output
from limelight.probes.torch_tail import without_graph
from limelight.probes.torch_twice import TwiceDifferentiable
from limelight.probes.torch_values import wide
from limelight.scores import Score, values

Run = Callable[[Tensor], Any]


@contextmanager
def tapped(
    modules: Mapping[str, nn.Module], tap: Callable[[str, Tensor], Tensor]
) -> Iterator[None]:
    """Pass what `modules` return through ``tap(name, output)``, in this thread only."""
    owner = threading.get_ident()

    def hook(name: str) -> Any:
        def forward_hook(module: nn.Module, args: Any, output: Any) -> Any:
            if threading.get_ident() != owner or not isinstance(output, Tensor):
                return output
            return tap(name, output)

        return forward_hook

    with ExitStack() as stack:
        for name, module in modules.items():
            stack.callback(module.register_forward_hook(hook(name)).remove)
        yield


@contextmanager
def taken_off(module: nn.Module) -> Iterator[None]:
    """Let `module`, an activation, return what it is given, in this thread only."""
    owner = threading.get_ident()

    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        return args[0] if threading.get_ident() == owner else output

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def explained(output: Any, request: Request, index: Any, score: Score, xp: Any) -> list[Tensor]:
    """The K scores to differentiate, each summed over the images."""
    live = request.differentiable
    if request.function is not None:
        chosen = request.function(output)
        check_function_result(chosen, None)
        return [request.sign * wide(chosen, live).sum()]
    check_output(output, None)
    found = values(xp, wide(output, live), torch.as_tensor(index, device=output.device), score)
    return [found[:, k].sum() for k in range(found.shape[1])]


def along_activations(
    run: Run,
    images: Tensor,
    layer: tuple[str, nn.Module],
    score_of: Callable[[Any], list[Tensor]],
    live: bool = False,
) -> list[Tensor]:
    """For each score H A, the derivative of the gradient at `layer` along the activations A.

    `live`: in the graph of the model.
    """
    leaf: list[Tensor] = []
    direction: list[Tensor] = []

    def tap(name: str, output: Tensor) -> Tensor:
        # Of the direction the score does not depend, so that it counts as given.
        direction[:] = [output if live else output.detach()]
        if live and output.requires_grad:
            leaf[:] = [output.clone()]
        else:
            leaf[:] = [output.detach().requires_grad_()]
        torch.set_grad_enabled(True)
        return leaf[0].clone()

    found = []
    with torch.enable_grad() if live else without_graph():
        with tapped(dict([layer]), tap), TwiceDifferentiable():
            scores = score_of(run(images))
        for score in scores:
            (gradient,) = torch.autograd.grad(score, leaf, create_graph=True)
            change: Tensor | None = None
            if gradient.requires_grad:  # otherwise the score is linear in the activations
                along = (gradient * direction[0]).sum()
                (change,) = torch.autograd.grad(
                    along, leaf, retain_graph=True, create_graph=live, allow_unused=True
                )
            found.append(torch.zeros_like(leaf[0]) if change is None else change)
    return found


class _Guided(torch.autograd.Function):
    """ReLU, or ReLU6, that passes positive gradients only."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, ceiling: float) -> Tensor:
        ctx.save_for_backward((inputs > 0) & (inputs < ceiling))
        return inputs.clamp(0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (passes,) = ctx.saved_tensors
        return gradients[0].clamp(min=0) * passes, None


class _GuidedMode(TorchFunctionMode):
    """Every ReLU that runs in it is guided, be it a module, a function or a method."""

    _CEILINGS: ClassVar[dict[Any, float]] = {
        torch.relu: float("inf"),
        torch.relu_: float("inf"),
        Tensor.relu: float("inf"),
        Tensor.relu_: float("inf"),
        functional.relu: float("inf"),
        functional.relu_: float("inf"),
        functional.relu6: 6.0,
    }

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in self._CEILINGS:
            inputs = args[0] if args else kwargs["input"]
            return _Guided.apply(inputs, self._CEILINGS[function])
        if function is functional.hardtanh and tuple(args[1:3]) == (0.0, 6.0):  # nn.ReLU6
            return _Guided.apply(args[0], 6.0)
        return function(*args, **(kwargs or {}))


def guided_gradients(
    run: Run, images: Tensor, score_of: Callable[[Any], list[Tensor]]
) -> list[Tensor]:
    """For each score the gradient at `images`, with guided ReLUs."""
    with torch.inference_mode(False), torch.enable_grad():
        inputs = images.detach().clone().requires_grad_()
        with _GuidedMode():
            scores = score_of(run(inputs))
        return [_gradients(score, [inputs], False)[0] for score in scores]


def input_gradients(
    run: Run, images: Tensor, score_of: Callable[[Any], list[Tensor]], live: bool = False
) -> list[Tensor]:
    """For each score the gradient at `images`; `live`: in the graph of the model."""
    with torch.inference_mode(False), torch.enable_grad():
        inputs = images.clone() if live else images.detach().clone()
        if not inputs.requires_grad:
            inputs.requires_grad_()
        scores = score_of(run(inputs))
        return [_gradients(score, [inputs], live)[0] for score in scores]


def full_gradients(
    run: Run,
    images: Tensor,
    modules: Mapping[str, nn.Module],
    score_of: Callable[[Any], list[Tensor]],
    live: bool = False,
) -> list[list[Tensor]]:
    """For each score X ⊙ ∂y/∂X, and b ⊙ ∂y/∂z of every bias b that is added in a z.

    Batch normalization has the bias that is left when its scale is taken out of its inputs.
    `live`: in the graph of the model.
    """
    biases = {name: bias for name, each in modules.items() if (bias := _bias(each)) is not None}
    outputs: list[tuple[Tensor, Tensor]] = []

    def tap(name: str, output: Tensor) -> Tensor:
        shape = [1] * output.ndim
        shape[-1 if isinstance(modules[name], nn.Linear) else 1] = -1
        outputs.append((output, biases[name].reshape(shape)))
        return output.clone()  # what follows may change its input in place

    with torch.inference_mode(False), torch.enable_grad():
        inputs = images.clone() if live else images.detach().clone()
        if not inputs.requires_grad:
            inputs.requires_grad_()
        twice = TwiceDifferentiable() if live else nullcontext()
        with tapped({name: modules[name] for name in biases}, tap), twice:
            scores = score_of(run(inputs))
        found = []
        for score in scores:
            first, *rest = _gradients(score, [inputs, *(output for output, _ in outputs)], live)
            terms = [
                (bias if live else bias.detach()) * each
                for each, (_, bias) in zip(rest, outputs, strict=True)
            ]
            found.append([(inputs if live else inputs.detach()) * first, *terms])
    return found


def _gradients(score: Tensor, sources: list[Tensor], live: bool) -> list[Tensor]:
    found = torch.autograd.grad(
        score, sources, retain_graph=True, create_graph=live, allow_unused=True
    )
    return [
        torch.zeros_like(source) if each is None else each
        for source, each in zip(sources, found, strict=True)
    ]


def _bias(module: nn.Module) -> Tensor | None:
    """What the module adds to each channel of its output, or None."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
        mean, variance = module.running_mean, module.running_var
        assert variance is not None
        shift = -mean / torch.sqrt(variance + module.eps)
        if module.affine:
            shift = shift * module.weight + module.bias
        return shift
    if isinstance(module, nn.modules.conv._ConvNd | nn.Linear) and module.bias is not None:
        return module.bias
    return None
