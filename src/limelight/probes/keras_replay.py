"""Runs of a Keras model on edited inputs, or from a layer on, on edited activations.

Where a model is compiled, the edits are put in the place of what the layer returns, and the
compiler drops whatever nothing reads any more: with a clean cut, all that comes before. Where
something passes by the layer, and on the torch backend, layers answer from memory
(`limelight.probes.keras_memories`, `limelight.probes.torch_replay`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from limelight.errors import MethodError
from limelight.probes.base import Request, check_function_result, check_output
from limelight.probes.keras_patching import patched, without_activation
from limelight.probes.outputs import scores_of

if TYPE_CHECKING:
    import numpy as np

    from limelight.probes.keras import KerasProbe


@dataclass(frozen=True)
class Edits:
    """Where and how edited activations enter a run.

    Attributes:
        layer: the path of the layer.
        hits: how often it runs; the last time counts.
        shape: that of what it returns for one image.
        source: where in that each value of (C, *spatial) lies.
    """

    layer: str
    hits: int
    shape: tuple[int, ...]
    source: np.ndarray

    @classmethod
    def at(cls, probe: KerasProbe, images: Any, layer: str, request: Request) -> Edits:
        """The edits at a layer of `probe`'s model.

        Raises:
            MethodError: reshape_transform= computes, and there is no way back.
        """
        import numpy as np

        calls = [call for call in probe.trace(images).calls if call.name == layer]
        shape = tuple(int(side) for side in calls[-1].shape[1:])
        size = int(np.prod(shape))
        random = np.random.default_rng(0).random(size, np.float32)

        def brought(values: np.ndarray) -> np.ndarray:
            given = keras.ops.convert_to_tensor(values.reshape(1, *shape))
            return np.asarray(keras.ops.convert_to_numpy(probe._channels_first(given, request)))

        # Integers up to 2^24 are exact in float32.
        source = brought(np.arange(size, dtype=np.float32)).ravel().astype(np.int64)
        inside = bool(((source >= 0) & (source < size)).all()) and size < 2**24
        if not inside or not np.array_equal(random[source], brought(random).ravel()):
            raise MethodError(
                "this method edits activations and puts them back, so that reshape_transform= may "
                "only move values, and not compute with them; 'gradcam' needs no way back"
            )
        return cls(layer, len(calls), shape, source)

    def raw(self, edited: Any, original: Callable[[], Any], dtype: Any) -> Any:
        """Edited activations (n, C, *spatial) as the layer returns them.

        `original`: what it returned without them, for what the map leaves out.
        """
        import numpy as np

        size = int(np.prod(self.shape))
        flat = keras.ops.cast(keras.ops.reshape(edited, (-1, len(self.source))), dtype)
        if len(self.source) == size:
            flat = keras.ops.take(flat, np.argsort(self.source), axis=1)
        else:
            places = np.zeros(size, np.int64)
            places[self.source] = np.arange(len(self.source))
            known = np.zeros(size, bool)
            known[self.source] = True
            before = keras.ops.reshape(original(), (-1, size))
            flat = keras.ops.where(known[None], keras.ops.take(flat, places, axis=1), before)
        return keras.ops.reshape(flat, (-1, *self.shape))

    @contextmanager
    def put(self, probe: KerasProbe, edited: Any) -> Iterator[None]:
        """Let the layer return `edited` (n, C, *spatial) the last time that it runs."""
        seen = 0

        def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
            def answered(*args: Any, **kwargs: Any) -> Any:
                nonlocal seen
                seen += 1
                if seen < self.hits:
                    return call(*args, **kwargs)
                dtype = probe._layers[self.layer].compute_dtype
                return self.raw(edited, lambda: call(*args, **kwargs), dtype)

            return answered

        with patched({self.layer: probe._layers[self.layer]}, wrap):
            yield


def result(
    run: Callable[[Any], Any], images: Any, request: Request, softened: Any, batch: int | None
) -> Any:
    """The scores (n, classes) of a run on `images`, or what a callable target makes of it (n,)."""
    if request.function is not None:
        found = request.function(run(images))
        check_function_result(found, batch)
    else:
        if softened is None:
            found = run(images)
        else:
            with without_activation(softened):
                found = run(images)
        found = scores_of(found)
        check_output(found, batch)
    return keras.ops.cast(found, "float32")


class CompiledReruns:
    """Runs that a backend has compiled; see `base.Reruns`.

    Args:
        images: the batch.
        inputs: ``inputs(edited)``.
        activations: returns ``activations(images, which, edited)``, and why that takes a whole
            forward pass, or None.
        fixed: see `base.Reruns`.
    """

    def __init__(
        self,
        images: Any,
        inputs: Callable[[Any], Any],
        activations: Callable[[], tuple[Callable[[Any, Any, Any], Any], str | None]],
        fixed: bool,
    ) -> None:
        self.fixed = fixed
        self._images, self._inputs, self._make = images, inputs, activations
        self._made: tuple[Callable[[Any, Any, Any], Any], str | None] | None = None

    @property
    def reason(self) -> str | None:
        return self._activations()[1]

    def inputs(self, edited: Any, images: Sequence[int]) -> Any:
        return self._inputs(edited)

    def activations(self, edited: Any, images: Sequence[int]) -> Any:
        import numpy as np

        run, _ = self._activations()
        return run(self._images, np.asarray(images, np.int32), edited)

    def _activations(self) -> tuple[Callable[[Any, Any, Any], Any], str | None]:
        if self._made is None:
            self._made = self._make()
        return self._made
