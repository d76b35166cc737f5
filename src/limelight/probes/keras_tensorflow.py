"""Keras on TensorFlow: a gradient tape that watches the target layers only, in one tf.function."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

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


class TensorFlowProbe(KerasProbe):
    """The probe for Keras models on the TensorFlow backend."""

    def _trace_run(self, images: Any) -> None:
        function = tf.function(self._run, autograph=False)
        function.get_concrete_function(tf.TensorSpec((1, *images.shape[1:]), images.dtype))

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        softened = self._softened(images) if request.function is None else None
        shape = (None, *images.shape[1:])
        classes = None if index is None else index.shape[1]
        beside, form = self._beside(images)
        run = _compiled.get(
            self,
            (request, shape, classes, form),
            lambda: self._build(request, shape, classes, softened, beside),
        )
        given = () if index is None else (tf.constant(index, tf.int32),)
        return Capture(*run(images, *given, *beside))

    def _build(
        self,
        request: Request,
        shape: tuple[int | None, ...],
        classes: int | None,
        softened: Any,
        beside: Sequence[Any],
    ) -> Any:
        signature = [tf.TensorSpec(shape, tf.float32)]
        if classes is not None:
            signature.append(tf.TensorSpec((None, classes), tf.int32))
        signature += [tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in beside]
        kind, alive = type(self), weakref.ref(self.model)

        def run(images: Any, *given: Any) -> Any:
            index = None if classes is None else given[0]
            # Traced while the model is in use, so the reference is alive.
            with traced(given if classes is None else given[1:]):
                return kind(alive())._differentiate(images, request, index, softened)

        function = tf.function(run, input_signature=signature, autograph=False)
        return function.get_concrete_function()

    def _differentiate(self, images: Any, request: Request, index: Any, softened: Any) -> Any:
        """In the graph: scores, classes, activations and gradients."""
        captured: dict[str, Any] = {}
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:

            def tap(name: str, output: Any) -> Any:
                if request.gradients:
                    tape.watch(output)
                captured[name] = output
                return output

            with self._tapped(request.layers, tap, softened):
                output = self._run(images)
            check_ran(request.layers, captured)
            if request.function is not None:
                output = request.function(output)
                check_function_result(output, None)
            else:
                output = scores_of(output)
                check_output(output, None)
            value = tf.cast(output, tf.float32)
        scores = None
        if request.function is not None:
            directions = request.sign * tf.ones_like(value)[None]
        else:
            scores = value
            index, directions = pick(arrays.keras_ops(), scores, index, request)
            directions = tf.transpose(directions, (1, 0, 2))
        gradients: dict[str, Any] = {}
        if request.gradients:
            gradients = self._pull_back(tape, value, captured, directions, request)
        activations = {n: self._channels_first(captured[n], request) for n in request.layers}
        return scores, index, activations, gradients

    def _pull_back(
        self, tape: Any, value: Any, captured: Any, directions: Any, request: Request
    ) -> dict[str, Any]:
        """The gradients by layer (N, K, C, *spatial), for `directions` (K, N, …)."""
        sources = [captured[name] for name in request.layers]

        def pull(direction: Any) -> list[Any]:
            found = tape.gradient(
                value,
                sources,
                output_gradients=direction,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            return [self._channels_first(each, request) for each in found]

        if directions.shape[0] == 1:
            pulled = [each[None] for each in pull(directions[0])]
        else:
            # One tail in the graph, however many classes: the tape is read inside the loop.
            signature = [tf.float32] * len(sources)
            pulled = tf.map_fn(pull, directions, fn_output_signature=signature)
        return {
            name: tf.experimental.numpy.swapaxes(each, 0, 1)
            for name, each in zip(request.layers, pulled, strict=True)
        }

    def _input_gradients(
        self, images: Any, request: Request, index: Any, score: Score, softened: Any
    ) -> Any:
        shape = (None, *images.shape[1:])
        classes = None if index is None else index.shape[1]
        run = _compiled.get(
            self,
            ("input gradients", request.function, request.sign, score, shape, classes),
            lambda: self._build_input_gradients(request, score, shape, classes, softened),
        )
        return run(images) if index is None else run(images, tf.constant(index, tf.int32))

    def _build_input_gradients(
        self, request: Request, score: Score, shape: Any, classes: int | None, softened: Any
    ) -> Any:
        kind, alive = type(self), weakref.ref(self.model)
        signature = [tf.TensorSpec(shape, tf.float32)]
        if classes is not None:
            signature.append(tf.TensorSpec((None, classes), tf.int32))

        def run(images: Any, *given: Any) -> Any:
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                tape.watch(images)
                output = result(kind(alive())._run, images, request, softened, None)
                if classes is None:
                    found = [request.sign * output]
                else:
                    chosen = values(arrays.keras_ops(), output, given[0], score)
                    found = [chosen[:, k] for k in range(classes)]
            return tf.stack(
                [
                    tape.gradient(each, images, unconnected_gradients=tf.UnconnectedGradients.ZERO)
                    for each in found
                ],
                axis=1,
            )

        function = tf.function(run, input_signature=signature, autograph=False)
        return function.get_concrete_function()

    # -- runs on edits ------------------------------------------------------------------------

    def reruns(self, images: Any, layer: str, request: Request) -> CompiledReruns:
        softened = self._softened(images) if request.function is None else None
        shape = (None, *images.shape[1:])
        key = ("reruns", shape, request.function)
        inputs = _compiled.get(self, key, lambda: self._build_inputs(request, shape, softened))

        def activations() -> Any:
            edits = Edits.at(self, images, layer, request)
            run, record, reason = _compiled.get(
                self,
                (*key, layer, request.reshape),
                lambda: self._build_activations(request, shape, softened, edits, images),
            )
            memories = record(images)[2] if record else []
            return lambda *given: run(*given, *memories), reason

        return CompiledReruns(images, inputs, activations, fixed=False)

    def _build_inputs(self, request: Request, shape: Any, softened: Any) -> Any:
        kind, alive = type(self), weakref.ref(self.model)

        def run(images: Any) -> Any:
            return result(kind(alive())._run, images, request, softened, None)

        signature = [tf.TensorSpec(shape, tf.float32)]
        function = tf.function(run, input_signature=signature, autograph=False)
        return function.get_concrete_function()

    def _build_activations(
        self, request: Request, shape: Any, softened: Any, edits: Edits, images: Any
    ) -> tuple[Any, Any, str | None]:
        """What runs edits, what finds the memories that it is given, and why it has none."""
        kind, alive = type(self), weakref.ref(self.model)

        def run(images: Any, which: Any, edited: Any) -> Any:
            probe = kind(alive())
            with edits.put(probe, edited):
                return result(probe._run, tf.gather(images, which), request, softened, None)

        whole = _program(run, _edit_signature(shape))
        if whole.inputs[0].op.name not in _operations_read(whole):
            return whole, None, None
        if edits.hits > 1:
            return whole, None, f"it runs {edits.hits} times"
        try:
            return *self._with_memories(request, shape, softened, edits, images, whole), None
        except FAILS as error:
            return whole, None, str(error).strip().partition("\n")[0]

    def _with_memories(
        self, request: Request, shape: Any, softened: Any, edits: Edits, images: Any, whole: Any
    ) -> tuple[Any, Any]:
        """What runs edits where layers answer from memory, and what finds the memories.

        Raises:
            NotReplayable: the model cannot be run so. A model may raise anything else.
        """
        kind, alive = type(self), weakref.ref(self.model)
        memories = Memories(edits, request, softened)

        def record(images: Any, everything: bool = False) -> Any:
            probe = kind(alive())
            return memories.recorded(probe, probe._run, images, everything)

        def replay(images: Any, which: Any, edited: Any, *tensors: Any) -> Any:
            probe = kind(alive())
            return memories.replayed(probe, probe._run, tensors, images, which, edited)

        def replaying() -> Any:
            specs = [tf.TensorSpec(form.sized(None), form.dtype) for form in memories.forms]
            return _program(replay, [*_edit_signature(shape), *specs])

        two, three = (
            _program(
                lambda images: record(images, everything=True),
                [tf.TensorSpec((count, *shape[1:]), tf.float32)],
            ).structured_outputs[2]
            for count in (2, 3)
        )
        memories.seen(two, three)
        everything = replaying()
        read, given = _operations_read(everything), everything.inputs[3:]
        memories.keep([i for i in range(len(two)) if given[i].op.name in read])
        recorded = _program(record, [tf.TensorSpec(shape, tf.float32)])
        replayed = replaying()
        memories.check(two_of(images), recorded, replayed, whole)
        return replayed, recorded


def _program(function: Any, signature: Sequence[Any]) -> Any:
    """The graph of `function` for what `signature` says."""
    return tf.function(function, input_signature=signature, autograph=False).get_concrete_function()


def _edit_signature(shape: Any) -> list[Any]:
    """That of images, which of them are edited, and the edits."""
    return [
        tf.TensorSpec(shape, tf.float32),
        tf.TensorSpec((None,), tf.int32),
        tf.TensorSpec((None,) * 4, tf.float32),
    ]


def _operations_read(program: Any) -> set[str]:
    """The names of the operations whose values a graph's outputs depend on."""
    waiting, seen = [output.op for output in program.outputs], set[str]()
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            if operation.type != "Shape":
                waiting += [each.op for each in operation.inputs]
    return seen
