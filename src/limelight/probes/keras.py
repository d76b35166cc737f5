"""The probe for Keras 3 models, on every backend.

A layer's output is tapped by putting a wrapper into ``layer.__dict__["call"]``: the public
`Operation.__call__` resolves `self.call` on the instance, so that nested, Sequential and subclassed
models all work and nothing is rebuilt. How the tail is differentiated is each backend's own part.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import keras

from limelight import arrays
from limelight.errors import ImageError, LayerNotFound, LimelightError, ModelError
from limelight.probes.base import (
    Capture,
    Head,
    LayerCall,
    Request,
    Reruns,
    Trace,
    refusal,
    shape_of,
)
from limelight.probes.beside import given
from limelight.probes.keras_layers import (
    final_operation,
    input_channels,
    is_channels_last,
    paths,
    softening,
)
from limelight.probes.keras_patching import one_thread, patched, without_activation
from limelight.probes.outputs import scores_or_none
from limelight.scores import Score

# How Keras wraps the message of an error inside a layer.
_WRAPPED = re.compile(r"Exception encountered when calling .*?\x1b\[1m(.*?)\x1b\[0m", re.DOTALL)


class KerasProbe:
    """Runs a Keras model that takes a batch of images and returns (N, classes).

    Each backend's probe subclasses it and says how a run is traced and how it is differentiated.
    """

    framework = "keras"
    separator = "/"

    def __init__(self, model: Any) -> None:
        self.model = model
        self._look()

    def _look(self) -> None:
        self._layers = dict(paths(self.model))
        self.channels_last = is_channels_last(self._layers.values())

    @cached_property
    def xp(self) -> Any:
        """The array namespace of the backend."""
        return arrays.namespace(keras.ops.zeros(1))

    # -- what the model is --------------------------------------------------------------------

    @property
    def layers(self) -> Mapping[str, Any]:
        return self._layers

    def layer_names(self) -> Sequence[str]:
        return list(self._layers)

    def path_of(self, layer: Any) -> str:
        for name, own in self._layers.items():
            if own is layer:
                return name
        name = getattr(layer, "name", type(layer).__name__)
        raise LayerNotFound(f"the layer object {name!r} is not part of this model")

    def activation(self, images: Any) -> str | None:
        softened = self._softened(images)
        return None if softened is None else softening(softened)

    def _softened(self, images: Any) -> Any:
        """The layer or operation that turns the output into probabilities, or None."""
        with one_thread:
            final = final_operation(self.model)
            if final is None:
                last = self.trace(images).last
                final = None if last is None else self._layers[last]
            return final if softening(final) else None

    def heads(self, classes: int, channels: int, differentiable: bool = False) -> Sequence[Head]:
        found = []
        for name, layer in self._layers.items():
            if not isinstance(layer, keras.layers.Dense | keras.layers.Conv2D) or not layer.built:
                continue
            kernel = keras.ops.stop_gradient(layer.kernel)
            if tuple(kernel.shape) in ((channels, classes), (1, 1, channels, classes)):
                matrix = keras.ops.reshape(kernel, (channels, classes))
                matrix = keras.ops.cast(keras.ops.transpose(matrix), "float32")
                bias = None if layer.bias is None else keras.ops.stop_gradient(layer.bias)
                found.append(
                    Head(name, matrix, None if bias is None else keras.ops.cast(bias, "float32"))
                )
        return found

    # -- what it is given ---------------------------------------------------------------------

    def prepare(self, images: Any) -> Any:
        tensor = keras.ops.convert_to_tensor(images)
        order = "(N, H, W, C)" if self.channels_last else "(N, C, H, W)"
        shape = tuple(tensor.shape)
        if len(shape) == 3:
            raise ImageError(
                f"the model takes a batch {order}, but one array of shape {shape} was given; "
                "add the batch axis: images[None]"
            )
        if len(shape) < 4:
            raise ImageError(f"the model takes a batch {order}, but the shape {shape} was given")
        if keras.backend.standardize_dtype(tensor.dtype) == "uint8":
            raise ImageError(
                "the model takes preprocessed floats, but uint8 was given; limelight.load(…) makes "
                "a Classifier, which takes photographs and uint8 arrays"
            )
        try:
            expected = self.model.input_shape
        except (AttributeError, ValueError):  # a subclassed model has none
            expected = None
        if isinstance(expected, tuple) and not _fits(shape, expected):
            raise ImageError(
                f"the model takes images of shape {('N', *expected[1:])}, but {shape} was given"
            )
        tensor = keras.ops.cast(tensor, "float32")
        if not self.model.built:
            self._run(
                tensor[:1]
            )  # Keras makes a model's weights, and some layers, when it is called
            self._look()
        return tensor

    # -- running it ---------------------------------------------------------------------------

    def trace(self, images: Any) -> Trace:
        key = ("trace", tuple(images.shape[1:]))
        return _traces.get(self, key, lambda: self._trace(images[:1]))

    def _trace(self, images: Any) -> Trace:
        calls: list[LayerCall] = []
        latest: Any = None
        result: Any = None
        value = 0

        def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def traced(*args: Any, **kwargs: Any) -> Any:
                nonlocal latest, result, value
                before = len(calls)
                output = call(*args, **kwargs)
                if not name:  # the model itself
                    result = output
                    return output
                if output is not latest:
                    value += 1
                latest = output
                container = len(calls) > before
                calls.append(self._call(name, shape_of(output), value, container))
                return output

            return traced

        with patched({"": self.model, **self._layers}, wrap):
            self._trace_run(images)
        scores = scores_or_none(result)
        innermost = (call.name for call in reversed(calls) if not call.container)
        last = next(innermost, None) if scores is latest else None
        return Trace(tuple(calls), shape_of(scores), last)

    def _call(self, name: str, shape: tuple[int, ...], value: int, container: bool) -> LayerCall:
        grid, channels = None, 0
        if len(shape) > 1:
            channels = shape[-1] if self.channels_last else shape[1]
        if len(shape) > 3:
            grid = shape[1:-1] if self.channels_last else shape[2:]
        kind = type(self._layers[name]).__name__
        return LayerCall(name, kind, shape, grid, channels, value, container)

    def _trace_run(self, images: Any) -> None:
        """A run in which shapes count and numbers do not."""
        raise NotImplementedError

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        raise NotImplementedError

    def reruns(self, images: Any, layer: str, request: Request) -> Reruns:
        raise NotImplementedError

    def of_graph(
        self, need: str, images: Any, request: Request, index: Any, layer: str, score: Score
    ) -> Any:
        """The "input_gradients" of an `Evidence`: no method that needs more runs on Keras."""
        softened = self._softened(images) if request.function is None else None
        found = self._input_gradients(images, request, index, score, softened)
        axes = (0, 1, 4, 2, 3) if self.channels_last else (0, 1, 2, 3, 4)
        return keras.ops.cast(keras.ops.transpose(found, axes), "float32")

    def _input_gradients(
        self, images: Any, request: Request, index: Any, score: Score, softened: Any
    ) -> Any:
        """(N, K, …), in the layout of the model."""
        raise NotImplementedError

    def _run(self, images: Any) -> Any:
        with self._explained(images):
            others = given()
            if others is None:
                return self.model(images, training=False)
            positional, named = others.rows(images.shape[0], keras.ops.convert_to_tensor)
            made_of = getattr(self.model, "inputs", None)  # a functional model's
            if not made_of:
                return self.model(images, *positional, **named, training=False)
            if isinstance(self.model.input, Mapping):
                together: Any = {name: named.get(name, images) for name in self.model.input}
            elif named:
                together = [named.get(tensor.name, images) for tensor in made_of]
            else:
                together = [images, *positional]
            return self.model(together, training=False)

    def _beside(self, images: Any) -> tuple[list[Any], Hashable]:
        """The arrays beside `images`, and what of them a compiled run depends on."""
        others = given()
        if others is None:
            return [], None
        return others.arrays(images.shape[0], keras.ops.convert_to_tensor), others.form

    @contextmanager
    def _explained(self, images: Any) -> Iterator[None]:
        """Say of an error inside the model what it was given."""
        try:
            yield
        except LimelightError:
            raise
        except (ValueError, RuntimeError, AssertionError) as error:
            wrapped = _WRAPPED.search(str(error))
            reason = (wrapped[1] if wrapped else str(error)).strip().partition("\n")[0]
            given = images.shape[-1 if self.channels_last else 1]
            expected = input_channels(self._layers.values())
            raise refusal(images.shape, expected, given, reason) from error

    def _channels_first(self, output: Any, request: Request) -> Any:
        """A layer's output as float32 (N, C, *spatial)."""
        if request.reshape is not None:
            output = request.reshape(output)
        elif self.channels_last:
            rank = len(output.shape)
            output = keras.ops.transpose(output, (0, rank - 1, *range(1, rank - 1)))
        return keras.ops.cast(output, "float32")

    @contextmanager
    def _tapped(
        self, names: Sequence[str], tap: Callable[[str, Any], Any], softened: Any
    ) -> Iterator[None]:
        """Pass the outputs of the layers `names` through ``tap(name, output)``.

        `softened`: the layer that makes probabilities, where scores are wanted instead.
        """

        def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def tapped(*args: Any, **kwargs: Any) -> Any:
                output = call(*args, **kwargs)
                return tap(name, output) if hasattr(output, "shape") else output

            return tapped

        with ExitStack() as stack:
            stack.enter_context(patched({name: self._layers[name] for name in names}, wrap))
            if softened is not None:
                stack.enter_context(without_activation(softened))
            yield


def keras_probe(model: Any) -> KerasProbe:
    """The probe for `model` on the backend that this process runs."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from limelight.probes.keras_tensorflow import TensorFlowProbe

        return TensorFlowProbe(model)
    if backend == "jax":
        from limelight.probes.keras_jax import JaxProbe

        return JaxProbe(model)
    if backend == "torch":
        from limelight.probes.keras_torch import KerasTorchProbe

        return KerasTorchProbe(model)
    raise ModelError(
        f"Keras runs on the backend {backend!r}; Limelight needs tensorflow, jax or torch: set "
        "KERAS_BACKEND before Keras is imported"
    )


class PerModel:
    """What is known of models: each for as long as its model lives and stays what it is.

    Nothing that is kept may refer to the model, or it would live for ever.
    """

    _MOST = 32  # of a model; each call with a function of its own adds one

    def __init__(self) -> None:
        self._by_model: weakref.WeakKeyDictionary[Any, tuple[Any, dict[Any, Any]]] = (
            weakref.WeakKeyDictionary()
        )

    def get(self, probe: KerasProbe, key: Any, build: Callable[[], Any]) -> Any:
        """What `build` returned for `key`; built again where the model's layers have changed."""
        with one_thread:
            fingerprint = tuple(
                (name, id(layer), id(vars(layer).get("activation")))
                for name, layer in probe._layers.items()
            )
            kept, known = self._by_model.get(probe.model, (None, {}))
            if kept != fingerprint:
                known = {}
                self._by_model[probe.model] = (fingerprint, known)
            if key not in known:
                made = build()
                while len(known) >= self._MOST:
                    del known[next(iter(known))]
                known[key] = made
            return known[key]


_traces = PerModel()


def _fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    return len(shape) == len(expected) and all(
        e in (None, s) for e, s in zip(expected[1:], shape[1:], strict=True)
    )
