"""What every probe offers: the one seam between a framework and the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from limelight.errors import ModelError, TargetError
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
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    grid: tuple[int, ...] | None
    channels: int
    value: int
    container: bool


@dataclass(frozen=True)
class Trace:
    """All calls of layers in one run of the model, in the order in which they returned.

    Attributes:
        calls: every call.
        output_shape: of the model's output; () where it is not one tensor.
        last: the innermost layer that made the output; None where code outside of layers did.
    """

    calls: tuple[LayerCall, ...]
    output_shape: tuple[int, ...]
    last: str | None

    def named(self, name: str) -> LayerCall | None:
        """The last call of the layer `name`, or None where it was not called."""
        return next((call for call in reversed(self.calls) if call.name == name), None)


@dataclass(frozen=True)
class Request:
    """What one run of the model shall bring back.

    Attributes:
        layers: paths of the target layers.
        gradients: whether gradients are wanted as well.
        score: what is differentiated.
        top: how many of each image's top classes are explained; 0 where the classes are given.
        function: a callable on the model's output returning (N,), in place of classes.
        reshape: brings a layer's output to (N, C, *spatial), applied to activations and gradients.
    """

    layers: tuple[str, ...]
    gradients: bool
    score: Score
    top: int = 0
    function: Callable[[Any], Any] | None = None
    reshape: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Capture:
    """What one run of the model brought back, in the model's own array type.

    Attributes:
        scores: (N, classes), before the last activation; None for a model with another output.
        index: (N, K) the classes explained; None where a callable was given.
        activations: by layer, (N, C, *spatial), float32.
        gradients: by layer, (N, K, C, *spatial), float32; empty where none were asked for.
    """

    scores: Any
    index: Any
    activations: Mapping[str, Any]
    gradients: Mapping[str, Any]


@dataclass(frozen=True)
class Head:
    """A linear layer that may be the classifier's head: scores = weight @ features + bias."""

    name: str
    weight: Any  # (classes, C)
    bias: Any  # (classes,) or None


class Probe(Protocol):
    """Runs a model of one framework, and leaves it as it was found."""

    framework: str
    channels_last: bool
    separator: str

    @property
    def xp(self) -> Any:
        """The namespace of the arrays that the probe brings back."""

    def prepare(self, images: Any) -> Any:
        """`images` as the model takes them, checked."""

    def trace(self, images: Any) -> Trace:
        """All calls of layers in a run on one of `images`."""

    def layer_names(self) -> Sequence[str]:
        """The paths of all layers."""

    def path_of(self, layer: Any) -> str:
        """The path of a layer object. Raises LayerNotFound."""

    def activation(self, images: Any) -> str | None:
        """The activation ("softmax", "sigmoid") that the probe takes off the output, if any."""

    def heads(self, classes: int, channels: int) -> Sequence[Head]:
        """The linear layers from `channels` features to `classes` scores."""

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        """One forward pass, and the tail's backward where gradients are asked for."""


def pick(xp: Any, logits: Any, index: Any, request: Request) -> tuple[Any, Any]:
    """The classes to explain (N, K), and the directions (N, K, classes) of their scores."""
    if request.top:
        index = top_classes(xp, logits, request.top)
    return index, directions(xp, logits, index, request.score)


def check_scores_shape(shape: Sequence[int | None], batch: int | None) -> None:
    """Raise `ModelError` where the output's `shape` is not (N, classes)."""
    if len(shape) != 2 or shape[1] == 0 or (batch is not None and shape[0] not in (None, batch)):
        raise ModelError(
            f"the model's output has the shape {tuple(shape)}, but one row of class scores per "
            "image, (N, classes), was expected; give target=<a callable that turns the output "
            "into one score per image> for any other output"
        )


def check_function_result(shape: Sequence[int | None], batch: int | None) -> None:
    """Raise `TargetError` where a callable target did not return one score per image.

    Sizes that a graph does not know yet are None, and fit.
    """
    if len(shape) != 1 or (None not in (shape[0], batch) and shape[0] != batch):
        expected = "N" if batch is None else batch
        raise TargetError(
            f"the callable given as target returned the shape {tuple(shape)}; one score per image, "
            f"({expected},), was expected"
        )
