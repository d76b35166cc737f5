"""Keras on JAX: a zero is added to each target layer's output, and the zero is differentiated."""

from __future__ import annotations

import functools
import weakref
from typing import Any

import jax
import jax.extend.core
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
from limelight.probes.beside import traced
from limelight.probes.keras import KerasProbe, PerModel
from limelight.probes.keras_memories import Memories, two_of
from limelight.probes.keras_replay import CompiledReruns, Edits, result
from limelight.probes.outputs import scores_of
from limelight.probes.remembering import FAILS
from limelight.scores import Score, values

_compiled = PerModel()


class JaxProbe(KerasProbe):
    """The probe for Keras models on the JAX backend."""

    def _trace_run(self, images: Any) -> None:
        # A function of its own, for JAX remembers what it has traced.
        jax.eval_shape(lambda *given: self._call_model(*given), self._variables(), images)

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        softened = self._softened(images) if request.function is None else None
        beside, form = self._beside(images)
        run, sizes = _compiled.get(
            self, (request, form), lambda: (self._build(request, softened), {})
        )
        # XLA compiles for one shape: a smaller batch is filled up to one that is compiled already.
        count = size = len(images)
        if request.function is None:  # a callable may look across the batch
            kept = sizes.setdefault(images.shape[1:], set())
            size = min((s for s in kept if s >= count), default=count)
            kept.add(size)
        if size > count:
            images = _fill(images, size)
            index = None if index is None else _fill(jnp.asarray(index), size)
            beside = [_fill(each, size) for each in beside]
        found = run(self._variables(), images, index, beside)
        return Capture(*jax.tree.map(lambda each: each[:count], found))

    def _variables(self) -> list[Any]:
        return [variable.value for variable in self.model.variables]

    def _call_model(self, variables: Any, images: Any) -> Any:
        mapping = list(zip(self.model.variables, variables, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self._run(images)

    def _build(self, request: Request, softened: Any) -> Any:
        kind, alive = type(self), weakref.ref(self.model)

        def run(variables: Any, images: Any, index: Any, beside: Any) -> Any:
            # Traced while the model is in use, so the reference is alive.
            with traced(beside):
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

    def _input_gradients(
        self, images: Any, request: Request, index: Any, score: Score, softened: Any
    ) -> Any:
        run = _compiled.get(
            self,
            ("input gradients", request.function, request.sign, score),
            lambda: self._build_input_gradients(request, score, softened),
        )
        return run(self._variables(), images, index)

    def _build_input_gradients(self, request: Request, score: Score, softened: Any) -> Any:
        kind, alive = type(self), weakref.ref(self.model)

        def run(variables: Any, images: Any, index: Any) -> Any:
            call = functools.partial(kind(alive())._call_model, variables)

            def scores(images: Any) -> Any:
                output = result(call, images, request, softened, len(images))
                if index is None:
                    return request.sign * output[:, None]
                return values(arrays.namespace(output), output, index, score)

            found, pull = jax.vjp(scores, images)
            classes = jnp.eye(found.shape[1], dtype=found.dtype)
            directions = jnp.broadcast_to(classes[:, None], (len(classes), *found.shape))
            return jax.vmap(lambda each: pull(each)[0], out_axes=1)(directions)

        return jax.jit(run)

    # -- runs on edits ------------------------------------------------------------------------

    def reruns(self, images: Any, layer: str, request: Request) -> CompiledReruns:
        softened = self._softened(images) if request.function is None else None
        key = ("reruns", request.function)
        inputs = _compiled.get(self, key, lambda: self._build_inputs(request, softened))

        def activations() -> Any:
            edits = Edits.at(self, images, layer, request)
            run, record, reason = _compiled.get(
                self,
                (*key, layer, request.reshape, images.shape[1:]),
                lambda: self._build_activations(request, softened, edits, images),
            )
            memories = record(self._variables(), images)[2] if record else []
            # Weights are given with each call, for they may change.
            return lambda *given: run(self._variables(), *given, *memories), reason

        return CompiledReruns(
            images, lambda edited: inputs(self._variables(), edited), activations, fixed=True
        )

    def _build_inputs(self, request: Request, softened: Any) -> Any:
        kind, alive = type(self), weakref.ref(self.model)

        def run(variables: Any, images: Any) -> Any:
            probe = kind(alive())
            call = functools.partial(probe._call_model, variables)
            return result(call, images, request, softened, len(images))

        return jax.jit(run)

    def _build_activations(
        self, request: Request, softened: Any, edits: Edits, images: Any
    ) -> tuple[Any, Any, str | None]:
        """What runs edits, what finds the memories that it is given, and why it has none."""
        kind, alive = type(self), weakref.ref(self.model)

        def run(variables: Any, images: Any, which: Any, edited: Any) -> Any:
            probe = kind(alive())
            call = functools.partial(probe._call_model, variables)
            with edits.put(probe, edited):
                return result(call, jnp.take(images, which, axis=0), request, softened, len(which))

        whole = jax.jit(run)
        if 0 not in self._read(run, (images[:1],), edits):
            return whole, None, None
        if edits.hits > 1:
            return whole, None, f"it runs {edits.hits} times"
        try:
            return *self._with_memories(request, softened, edits, images, whole), None
        except FAILS as error:
            return whole, None, str(error).strip().partition("\n")[0]

    def _with_memories(
        self, request: Request, softened: Any, edits: Edits, images: Any, whole: Any
    ) -> tuple[Any, Any]:
        """What runs edits where layers answer from memory, and what finds the memories.

        Raises:
            NotReplayable: the model cannot be run so. A model may raise anything else.
        """
        kind, alive = type(self), weakref.ref(self.model)
        memories = Memories(edits, request, softened)

        def record(variables: Any, images: Any, everything: bool = False) -> Any:
            probe = kind(alive())
            call = functools.partial(probe._call_model, variables)
            return memories.recorded(probe, call, images, everything)

        def replay(variables: Any, images: Any, which: Any, edited: Any, *tensors: Any) -> Any:
            probe = kind(alive())
            call = functools.partial(probe._call_model, variables)
            return memories.replayed(probe, call, tensors, images, which, edited)

        variables = self._variables()
        two, three = (
            jax.eval_shape(
                functools.partial(record, everything=True),
                variables,
                jax.ShapeDtypeStruct((count, *images.shape[1:]), images.dtype),
            )[2]
            for count in (2, 3)
        )
        memories.seen(two, three)
        both = two_of(images)
        read = self._read(replay, (both, *two), edits)
        memories.keep([number - 1 for number in read if number])
        recorded, replayed = jax.jit(record), jax.jit(replay)
        memories.check(
            both,
            functools.partial(recorded, variables),
            functools.partial(replayed, variables),
            functools.partial(whole, variables),
        )
        return replayed, recorded

    def _read(self, run: Any, given: tuple[Any, ...], edits: Edits) -> set[int]:
        """Which of `given`, the images and what follows the edits, the scores depend on."""
        edited = jnp.zeros((1, len(edits.source)), jnp.float32)

        def scores(images: Any, *others: Any) -> Any:
            return run(self._variables(), images, jnp.zeros(1, jnp.int32), edited, *others)

        program = jax.make_jaxpr(scores)(*given).jaxpr
        read = _inputs_read(program)
        return {number for number, each in enumerate(program.invars) if each in read}


def _inputs_read(program: Any) -> set[Any]:
    """The inputs of a program that what it returns depends on."""
    live = {variable for variable in program.outvars if isinstance(variable, jax.extend.core.Var)}
    for step in reversed(program.eqns):
        if live.intersection(step.outvars):
            live.update(v for v in step.invars if isinstance(v, jax.extend.core.Var))
    return live.intersection(program.invars)


def _fill(batch: Any, size: int) -> Any:
    """`batch` with its last row repeated up to `size` rows."""
    return jnp.concatenate([batch, jnp.repeat(batch[-1:], size - len(batch), axis=0)])
