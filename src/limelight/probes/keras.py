"""The probe for Keras 3 models, on every backend.

A layer's output is tapped by putting a wrapper into ``layer.__dict__["call"]``: the public
`Operation.__call__` resolves `self.call` on the instance, so that nested, Sequential and subclassed
models all work and nothing is rebuilt. How the tail is differentiated is each backend's own part.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from limelight import arrays
from limelight.errors import ImageError, LayerNotFound, LimelightError, ModelError
from limelight.probes.base import Capture, Head, LayerCall, Request, Trace

_ABSENT = object()


class KerasProbe:
    """Runs a Keras model that takes a batch of images and returns (N, classes).

    Each backend's probe subclasses it and says how a run is traced and how it is differentiated.
    """

    framework = "keras"
    separator = "/"

    def __init__(self, model: Any) -> None:
        self.model = model
        self._layers = dict(_paths(model))
        formats = {
            layer.data_format for layer in self._layers.values() if hasattr(layer, "data_format")
        }
        self.channels_last = "channels_last" in (formats or {keras.config.image_data_format()})
        self._softened = _output_activation(model)

    @property
    def xp(self) -> Any:
        """The array namespace of the backend."""
        return arrays.namespace(keras.ops.zeros(1))

    # -- what the model is --------------------------------------------------------------------

    def layer_names(self) -> Sequence[str]:
        return list(self._layers)

    def path_of(self, layer: Any) -> str:
        for name, own in self._layers.items():
            if own is layer:
                return name
        name = getattr(layer, "name", type(layer).__name__)
        raise LayerNotFound(f"the layer object {name!r} is not part of this model")

    def activation(self, images: Any) -> str | None:
        return self._softened[1] if self._softened else None

    def heads(self, classes: int, channels: int) -> Sequence[Head]:
        found = []
        for name, layer in self._layers.items():
            if not isinstance(layer, keras.layers.Dense | keras.layers.Conv2D) or not layer.built:
                continue
            kernel = layer.kernel
            if tuple(kernel.shape) in ((channels, classes), (1, 1, channels, classes)):
                matrix = keras.ops.reshape(kernel, (channels, classes))
                matrix = keras.ops.cast(keras.ops.transpose(matrix), "float32")
                bias = layer.bias
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
        expected = getattr(self.model, "input_shape", None)
        if isinstance(expected, tuple) and len(expected) == len(shape):
            fits = all(e in (None, s) for e, s in zip(expected[1:], shape[1:], strict=True))
            if not fits:
                raise ImageError(
                    f"the model takes images of shape {('N', *expected[1:])}, but {shape} was given"
                )
        return keras.ops.cast(tensor, "float32")

    # -- running it ---------------------------------------------------------------------------

    def trace(self, images: Any) -> Trace:
        calls: list[LayerCall] = []
        latest: Any = None
        value = 0
        entered: dict[str, list[int]] = {}

        def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def traced(*args: Any, **kwargs: Any) -> Any:
                nonlocal latest, value
                before = len(calls)
                output = call(*args, **kwargs)
                shape = tuple(output.shape) if hasattr(output, "shape") else ()
                if output is not latest:
                    value += 1
                latest = output
                entered.setdefault(name, []).append(before)
                calls.append(self._call(name, shape, value, container=len(calls) > before))
                return output

            return traced

        with self._patched(self._layers, wrap):
            output = self._trace_run(images[:1])
        shape = tuple(output.shape) if hasattr(output, "shape") else ()
        last = next((call.name for call in reversed(calls) if not call.container), None)
        return Trace(tuple(calls), shape, last)

    def _call(self, name: str, shape: tuple[int, ...], value: int, container: bool) -> LayerCall:
        grid, channels = None, 0
        if len(shape) > 1:
            channels = shape[-1] if self.channels_last else shape[1]
        if len(shape) > 3:
            grid = shape[1:-1] if self.channels_last else shape[2:]
        kind = type(self._layers[name]).__name__
        return LayerCall(name, kind, shape, grid, channels, value, container)

    def _trace_run(self, images: Any) -> Any:
        """The output of a run in which shapes count and numbers do not."""
        raise NotImplementedError

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        raise NotImplementedError

    def _run(self, images: Any) -> Any:
        with self._explained(images):
            return self.model(images, training=False)

    @contextmanager
    def _explained(self, images: Any) -> Iterator[None]:
        """Say of an error inside the model what it was given."""
        try:
            yield
        except LimelightError:
            raise
        except (ValueError, RuntimeError) as error:
            first = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"the model cannot take images of shape {tuple(images.shape)}: {first}"
            ) from error

    def _channels_first(self, output: Any, request: Request) -> Any:
        """A layer's output as float32 (N, C, *spatial)."""
        if request.reshape is not None:
            output = request.reshape(output)
        elif self.channels_last:
            rank = len(output.shape)
            output = keras.ops.transpose(output, (0, rank - 1, *range(1, rank - 1)))
        return keras.ops.cast(output, "float32")

    @contextmanager
    def _tapped(self, names: Sequence[str], tap: Callable[[str, Any], Any]) -> Iterator[None]:
        """Pass the outputs of the layers `names` through ``tap(name, output)``, and give logits."""

        def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def tapped(*args: Any, **kwargs: Any) -> Any:
                return tap(name, call(*args, **kwargs))

            return tapped

        with self._patched({name: self._layers[name] for name in names}, wrap), self._logits():
            yield

    @contextmanager
    def _patched(
        self,
        layers: Mapping[str, Any],
        wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]],
    ) -> Iterator[None]:
        """Wrap the `call` of `layers` for this thread only, and take the wrappers off again."""
        owner = threading.get_ident()
        with ExitStack() as stack:
            for name, layer in layers.items():
                original = layer.call
                wrapped = wrap(name, original)

                def call(
                    *args: Any,
                    _wrapped: Callable[..., Any] = wrapped,
                    _original: Callable[..., Any] = original,
                    **kwargs: Any,
                ) -> Any:
                    mine = threading.get_ident() == owner
                    return (_wrapped if mine else _original)(*args, **kwargs)

                stack.enter_context(_attribute(layer, "call", functools.wraps(original)(call)))
            yield

    @contextmanager
    def _logits(self) -> Iterator[None]:
        """Take the softmax or sigmoid off the model's last layer, and put it back."""
        with ExitStack() as stack:
            if self._softened is not None:
                layer, _ = self._softened
                if hasattr(layer, "activation") and not isinstance(layer, keras.layers.Activation):
                    stack.enter_context(_attribute(layer, "activation", keras.activations.linear))
                else:
                    stack.enter_context(
                        _attribute(layer, "call", lambda inputs, *args, **kwargs: inputs)
                    )
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


class Compiled:
    """Compiled functions of a model, kept as long as the model lives and stays what it is.

    The functions refer to their model weakly, so that keeping them does not keep it.
    """

    def __init__(self) -> None:
        self._by_model: weakref.WeakKeyDictionary[Any, tuple[Any, dict[Any, Any]]] = (
            weakref.WeakKeyDictionary()
        )

    def get(self, probe: KerasProbe, key: Any, build: Callable[[], Any]) -> Any:
        """What `build` returned for `key`, built again where the model's layers have changed."""
        fingerprint = tuple(
            (name, id(layer), id(vars(layer).get("activation")))
            for name, layer in probe._layers.items()
        )
        kept, functions = self._by_model.get(probe.model, (None, {}))
        if kept != fingerprint:
            functions = {}
            self._by_model[probe.model] = (fingerprint, functions)
        if key not in functions:
            functions[key] = build()
        return functions[key]


@contextmanager
def _attribute(layer: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute on the instance itself, past any tracking, and undo it."""
    own = vars(layer)
    before = own.get(name, _ABSENT)
    own[name] = value
    try:
        yield
    finally:
        if before is _ABSENT:
            del own[name]
        else:
            own[name] = before


def _sublayers(layer: Any) -> list[Any]:
    """The layers directly inside `layer`, in the order in which they were added."""
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    return list(layer._flatten_layers(recursive=False, include_self=False))


def _paths(layer: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every layer inside `layer` with its path, "outer/inner"; equal paths are numbered."""
    taken: dict[str, int] = {}
    for sub in _sublayers(layer):
        times = taken[sub.name] = taken.get(sub.name, 0) + 1
        path = prefix + (sub.name if times == 1 else f"{sub.name}#{times}")
        yield path, sub
        yield from _paths(sub, path + "/")


def _output_activation(model: Any) -> tuple[Any, str] | None:
    """The layer that turns the output into probabilities, and how, where there is one."""
    last = _output_layer(model)
    if isinstance(last, keras.layers.Softmax):
        return last, "softmax"
    name = getattr(getattr(last, "activation", None), "__name__", None)
    return (last, name) if name in ("softmax", "sigmoid") else None


def _output_layer(layer: Any) -> Any:
    """The innermost layer that makes the model's output."""
    while True:
        outputs = getattr(layer, "outputs", None)
        if outputs and hasattr(outputs[0], "_keras_history"):
            inner = outputs[0]._keras_history.operation
        else:
            sub = _sublayers(layer)
            inner = sub[-1] if sub else None
        if inner is None or inner is layer:
            return layer
        layer = inner
