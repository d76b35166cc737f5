"""Keras on JAX: a zero is added to each target layer's output, and the zero is differentiated."""

from __future__ import annotations

import weakref
from typing import Any

import jax
import jax.numpy as jnp
import keras

from limelight import arrays
from limelight.probes.base import (
    Capture,
    Request,
    check_function_result,
    check_output,
    check_ran,
    pick,
)
from limelight.probes.keras import KerasProbe, PerModel
from limelight.probes.outputs import scores_of

_compiled = PerModel()


class JaxProbe(KerasProbe):
    """The probe for Keras models on the JAX backend."""

    def _trace_run(self, images: Any) -> None:
        # A function of its own, for JAX remembers what it has traced.
        jax.eval_shape(lambda *given: self._call_model(*given), self._variables(), images)

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        softened = self._softened(images) if request.function is None else None
        run, sizes = _compiled.get(self, request, lambda: (self._build(request, softened), {}))
        # XLA compiles for one shape: a smaller batch is filled up to one that is compiled already.
        count = size = len(images)
        if request.function is None:  # a callable may look across the batch
            kept = sizes.setdefault(images.shape[1:], set())
            size = min((s for s in kept if s >= count), default=count)
            kept.add(size)
        if size > count:
            images = _fill(images, size)
            index = None if index is None else _fill(jnp.asarray(index), size)
        found = run(self._variables(), images, index)
        return Capture(*jax.tree.map(lambda each: each[:count], found))

    def _variables(self) -> list[Any]:
        return [variable.value for variable in self.model.variables]

    def _call_model(self, variables: Any, images: Any) -> Any:
        mapping = list(zip(self.model.variables, variables, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self._run(images)

    def _build(self, request: Request, softened: Any) -> Any:
        kind, alive = type(self), weakref.ref(self.model)

        def run(variables: Any, images: Any, index: Any) -> Any:
            # Traced while the model is in use, so the reference is alive.
            return kind(alive())._differentiate(variables, images, request, index, softened)

        return jax.jit(run)

    def _differentiate(
        self, variables: Any, images: Any, request: Request, index: Any, softened: Any
    ) -> Any:
        """Inside jit: scores, classes, activations and gradients."""
        shapes, calls = self._shapes(variables, images, request)
        value: Any
        value, pull, captured = jax.vjp(
            lambda deltas: self._forward(variables, images, request, softened, deltas, calls),
            {name: jnp.zeros(s.shape, s.dtype) for name, s in shapes.items()}
            if request.gradients
            else {},
            has_aux=True,
        )
        scores = None
        if request.function is not None:
            directions = request.sign * jnp.ones_like(value)[None]
        else:
            scores = value
            xp = arrays.namespace(images)
            index, directions = pick(xp, scores, index, request)
            directions = jnp.swapaxes(directions, 0, 1)
        gradients = {}
        if request.gradients:

            def pull_back(direction: Any) -> Any:
                (found,) = pull(direction)
                return {n: self._channels_first(g, request) for n, g in found.items()}

            gradients = jax.vmap(pull_back, out_axes=1)(directions)
        activations = {n: self._channels_first(a, request) for n, a in captured.items()}
        return scores, index, activations, gradients

    def _shapes(self, variables: Any, images: Any, request: Request) -> tuple[Any, dict[str, int]]:
        """The shapes of what the target layers return, and how often each is called."""
        calls: dict[str, int] = {}

        def run(variables: Any, images: Any) -> Any:
            captured: dict[str, Any] = {}

            def tap(name: str, output: Any) -> Any:
                calls[name] = calls.get(name, 0) + 1
                captured[name] = output
                return output

            with self._tapped(request.layers, tap, None):
                self._call_model(variables, images)
            check_ran(request.layers, captured)
            return captured

        return jax.eval_shape(run, variables, images), calls

    def _forward(
        self,
        variables: Any,
        images: Any,
        request: Request,
        softened: Any,
        deltas: Any,
        calls: dict[str, int],
    ) -> Any:
        captured: dict[str, Any] = {}
        seen: dict[str, int] = {}

        def tap(name: str, output: Any) -> Any:
            seen[name] = seen.get(name, 0) + 1
            if name in deltas and seen[name] == calls[name]:
                output = output + deltas[name]
            captured[name] = output
            return output

        with self._tapped(request.layers, tap, softened):
            output = self._call_model(variables, images)
        if request.function is not None:
            output = request.function(output)
            check_function_result(output, len(images))
        else:
            output = scores_of(output)
            check_output(output, len(images))
        return output.astype(jnp.float32), captured


def _fill(batch: Any, size: int) -> Any:
    """`batch` with its last row repeated up to `size` rows."""
    return jnp.concatenate([batch, jnp.repeat(batch[-1:], size - len(batch), axis=0)])
