"""What every probe offers: the one seam between a framework and the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from limelight.errors import (
    ImageError,
    LayerNotFound,
    LimelightError,
    ModelError,
    TargetError,
)
from limelight.evidence import Tokens
from limelight.probes.tokens import CHANNELS_FIRST, Layout
from limelight.scores import Score, directions, top_classes


@dataclass(frozen=True)
class LayerCall:
    """One call of one layer, as seen in a run of the model.

    Attributes:
        name: the layer's path in the model.
        kind: its class's name.
        shape: the shape of its output, batch axis included; () where it is not one tensor.
        grid: the output's spatial axes (h, w), or None where it has none.
        channels: the size of the output's channel axis; 0 where it has none.
        value: a number that is equal for calls that returned the same tensor, unchanged.
        container: other layers ran inside of it.
        layout: where its output has the channels and the grid.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    grid: tuple[int, ...] | None
    channels: int
    value: int
    container: bool
    layout: Layout = CHANNELS_FIRST


@dataclass(frozen=True)
class Trace:
    """All calls of layers in one run of the model, in the order in which they returned.

    Attributes:
        calls: every call.
        output_shape: of the scores in the model's output; () where it is not known which they are.
        last: the innermost layer that made the output; None where code outside of layers did.
        unread: the values of calls whose places the output does not depend on, as far as known.
    """

    calls: tuple[LayerCall, ...]
    output_shape: tuple[int, ...]
    last: str | None
    unread: frozenset[int] = frozenset()

    def named(self, name: str) -> LayerCall | None:
        """The last call of the layer `name`, or None where it was not called."""
        return next((call for call in reversed(self.calls) if call.name == name), None)


@dataclass(frozen=True)
class Request:
    """What one run of the model shall bring back.

    Attributes:
        layers: paths of the target layers.
        gradients: whether gradients are wanted as well.
        scores: what is differentiated; each class once for each of them.
        top: how many of each image's top classes are explained; 0 where the classes are given.
        function: a callable on what the model returns, giving (N,), in place of classes.
        reshape: brings a layer's output to (N, C, *spatial), applied to activations and gradients.
        attention: what is wanted of the attention of all blocks: "attention", and of its gradients
            "attention_gradients" and "block_gradients" (see `Evidence`).
        differentiable: what comes back shall stand in the model's own graph, on PyTorch.
    """

    layers: tuple[str, ...]
    gradients: bool
    scores: tuple[Score, ...]
    top: int = 0
    function: Callable[[Any], Any] | None = None
    reshape: Callable[[Any], Any] | None = None
    attention: frozenset[str] = frozenset()
    differentiable: bool = False

    @property
    def sign(self) -> int:
        """-1 where what speaks against the score is explained, else 1."""
        return -1 if self.scores[0].negative else 1


@dataclass(frozen=True)
class Attention:
    """The attention of all blocks; what the fields are, `Evidence` says.

    Attributes:
        maps: of each block (N, heads, T, T), float32.
        gradients: of each block (N, S · K, heads, T, T), the K classes for each of the S scores in
            turn; None where not asked for.
        block_gradients: likewise.
        tokens: what the T tokens are.
        name: which blocks these are.
    """

    maps: Sequence[Any]
    gradients: Sequence[Any] | None
    block_gradients: Sequence[Any] | None
    tokens: Tokens
    name: str

    def of_score(self, cut: Callable[[Any], Any]) -> dict[str, Any]:
        """The fields of an `Evidence`; `cut` takes the gradients of its score, (N, K, …)."""

        def each(found: Sequence[Any] | None) -> list[Any] | None:
            return None if found is None else [cut(gradient) for gradient in found]

        return {
            "attention": self.maps,
            "attention_gradients": each(self.gradients),
            "block_gradients": each(self.block_gradients),
            "tokens": self.tokens,
        }


@dataclass(frozen=True)
class Capture:
    """What one run of the model brought back, in the model's own array type.

    Attributes:
        scores: (N, classes), before the last activation; None for a model with another output.
        index: (N, K) the classes explained; None where a callable was given.
        activations: by layer, (N, C, *spatial), float32.
        gradients: by layer, (N, S · K, C, *spatial), float32, the K classes for each of the S
            scores in turn; empty where none were asked for. Of a callable (N, 1, C, *spatial).
        attention: the attention of all blocks, where it was asked for.
    """

    scores: Any
    index: Any
    activations: Mapping[str, Any]
    gradients: Mapping[str, Any]
    attention: Attention | None = None

    def gradient(self, layer: str, score: int) -> Any:
        """The gradients (N, K, C, *spatial) at `layer` for the score of that number."""
        return self.of_score(self.gradients[layer], score)

    def of_score(self, found: Any, score: int) -> Any:
        """Of gradients (N, S · K, …), those for the score of that number, (N, K, …)."""
        if self.index is None or found.shape[1] == self.index.shape[1]:
            return found
        classes = self.index.shape[1]
        return found[:, score * classes : (score + 1) * classes]


@dataclass(frozen=True)
class Head:
    """A linear layer that may be the classifier's head: scores = weight @ features + bias."""

    name: str
    weight: Any  # (classes, C)
    bias: Any  # (classes,) or None


class Reruns(Protocol):
    """Runs of a model on edited inputs, or on edited activations of one layer.

    Attributes:
        fixed: each size of a batch is compiled for itself, so that few are to be used.
        reason: why edited activations take a whole forward pass; None where only what comes
            behind the layer runs.
    """

    fixed: bool

    @property
    def reason(self) -> str | None:
        """See above."""

    def inputs(self, edited: Any, images: Sequence[int]) -> Any:
        """(n, …) inputs as the model takes them → (n, classes), or (n,) of a callable target.

        `images`: of which image of the batch each is an edit.
        """

    def activations(self, edited: Any, images: Sequence[int]) -> Any:
        """(n, C, *spatial) activations of the layer → the same."""


class Probe(Protocol):
    """Runs a model of one framework, and leaves it as it was found."""

    framework: str
    model: Any
    channels_last: bool
    separator: str

    @property
    def xp(self) -> Any:
        """The namespace of the arrays that the probe brings back."""

    def prepare(self, images: Any) -> Any:
        """`images` as the model takes them, checked."""

    def trace(self, images: Any) -> Trace:
        """All calls of layers in a run on one of `images`."""

    @property
    def layers(self) -> Mapping[str, Any]:
        """The layers by path."""

    def layer_names(self) -> Sequence[str]:
        """The paths of all layers."""

    def path_of(self, layer: Any) -> str:
        """The path of a layer object. Raises LayerNotFound."""

    def activation(self, images: Any) -> str | None:
        """The activation ("softmax", "sigmoid") that the probe takes off the output, if any."""

    def heads(self, classes: int, channels: int, differentiable: bool = False) -> Sequence[Head]:
        """The linear layers from `channels` features to `classes` scores.

        `differentiable`: their weights are the model's own, in whose graph they stand.
        """

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        """One forward pass, and the tail's backward where gradients are asked for."""

    def reruns(self, images: Any, layer: str, request: Request) -> Reruns:
        """Runs on edits of `images`, or of what `layer` returns for them."""


class GraphProbe(Probe, Protocol):
    """A probe that gives what takes a run of its own through the graph of the whole model."""

    def check_recording(self) -> None:
        """Raise `MethodError` where no graph is recorded around the call, and none could stay."""

    def of_graph(
        self, need: str, images: Any, request: Request, index: Any, layer: str, score: Score
    ) -> Any:
        """What an `Evidence` calls `need`, one of `limelight.methods.OF_GRAPH`, with an axis for K.

        Keras models give the "input_gradients" only.
        """


def pick(xp: Any, logits: Any, index: Any, request: Request) -> tuple[Any, Any]:
    """The classes to explain (N, K), and the directions (N, S · K, classes) of their S scores."""
    if request.top:
        index = top_classes(xp, logits, request.top)
    found = [directions(xp, logits, index, score) for score in request.scores]
    return index, found[0] if len(found) == 1 else xp.concat(found, axis=1)


def check_ran(layers: Sequence[str], captured: Mapping[str, Any]) -> None:
    """Raise `LayerNotFound` where one of `layers` returned nothing to capture."""
    for name in layers:
        if name not in captured:
            raise LayerNotFound(
                f"the layer {name!r} exists, but it did not run in the model's forward pass or "
                "returned something else than one tensor"
            )


def check_output(output: Any, batch: int | None) -> None:
    """Raise `ModelError` where the model's output is not (N, classes).

    Sizes that a graph does not know yet are None, and fit.
    """
    shape = shape_of(output)
    if len(shape) == 2 and shape[1] != 0 and (shape[0] is None or batch in (None, shape[0])):
        return
    given = f"has the shape {shape}" if hasattr(output, "shape") else f"is a {_kind(output)}"
    raise ModelError(
        f"the model's output {given}, but one row of class scores per image, (N, classes), was "
        "expected; give target=<a callable that turns the output into one score per image> for "
        "any other output"
    )


def check_function_result(result: Any, batch: int | None) -> None:
    """Raise `TargetError` where a callable target did not return one score per image.

    Sizes that a graph does not know yet are None, and fit.
    """
    shape = shape_of(result)
    if len(shape) == 1 and (shape[0] is None or batch in (None, shape[0])):
        return
    given = f"the shape {shape}" if hasattr(result, "shape") else f"a {_kind(result)}"
    raise TargetError(
        f"the callable given as target returned {given}; one score per image, "
        f"({'N' if batch is None else batch},), was expected"
    )


def shape_of(output: Any) -> tuple[Any, ...]:
    """The shape of a tensor; () of anything else."""
    return tuple(output.shape) if hasattr(output, "shape") else ()


def refusal(shape: Sequence[int], expected: int | None, given: int, reason: str) -> LimelightError:
    """The error to raise where a model broke on images of `shape` for `reason`.

    Where the `given` number of channels is not the `expected` one, that is it.
    """
    if expected not in (None, given):
        return ImageError(
            f"the model takes images of {expected} channels, but the shape {tuple(shape)} with "
            f"{given} was given"
        )
    return ModelError(f"the model cannot take images of shape {tuple(shape)}: {reason}")


def _kind(value: Any) -> str:
    return type(value).__name__
