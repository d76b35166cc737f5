"""Memories of the layers before an edited one, where a model is compiled.

Where a skip connection passes by the layer, what comes behind reads what ran before. Those layers
run once for each image, in a program of their own, and what they returned goes as arguments into
the program that runs the edits; see `limelight.probes.remembering`. How programs are traced, and
which arguments one of them reads, each backend says itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from limelight.probes.base import Request
from limelight.probes.keras_patching import patched
from limelight.probes.keras_replay import Edits, result
from limelight.probes.remembering import Call, NotReplayable, Recording

if TYPE_CHECKING:
    from limelight.probes.keras import KerasProbe

#: A call, and which of the tensors that it returned.
Key = tuple[Call, int]

# Rounding, as other batch sizes have it; a memory in the wrong place moves scores far more.
_TOLERANCE = 2e-5
_TOLERANCE_OF_HALF = 1e-2


@dataclass(frozen=True)
class Form:
    """One remembered tensor, as runs of two and of three images show it.

    Attributes:
        shape: that of two images.
        axis: where its images lie; None where it has none.
        dtype: its type.
    """

    shape: tuple[int, ...]
    axis: int | None
    dtype: str

    @classmethod
    def of(cls, two: Any, three: Any) -> Form:
        """The form of a tensor of two images and of three.

        Raises:
            NotReplayable: it does not hold one part for each image.
        """
        shape, other = tuple(two.shape), tuple(three.shape)
        axes = [i for i, (a, b) in enumerate(zip(shape, other, strict=False)) if a != b]
        dtype = keras.backend.standardize_dtype(two.dtype)
        if len(shape) == len(other) and not axes:
            return cls(shape, None, dtype)
        if len(shape) != len(other) or len(axes) != 1 or 3 * shape[axes[0]] != 2 * other[axes[0]]:
            raise NotReplayable("the shapes inside the model depend on the batch")
        return cls(shape, axes[0], dtype)

    @property
    def rows(self) -> int:
        """How many entries of the axis belong to one image: windows may be merged into it."""
        return 1 if self.axis is None else self.shape[self.axis] // 2

    def sized(self, count: Any) -> tuple[Any, ...]:
        """The shape of `count` images; None: of any number."""
        shape: list[Any] = list(self.shape)
        if self.axis is not None:
            shape[self.axis] = None if count is None else count * self.rows
        return tuple(shape)

    def chosen(self, tensor: Any, which: Any) -> Any:
        """Of the remembered `tensor`, the images `which` (n,)."""
        if self.axis is None:
            return tensor
        if self.rows == 1:
            return keras.ops.take(tensor, which, axis=self.axis)
        before, after = self.shape[: self.axis], self.shape[self.axis + 1 :]
        apart = keras.ops.reshape(tensor, (*before, -1, self.rows, *after))
        return keras.ops.reshape(
            keras.ops.take(apart, which, axis=self.axis), (*before, -1, *after)
        )

    def blank(self, which: Any) -> Any:
        """In place of what nothing reads: not numbers, so that a late read shows."""
        value = float("nan") if "float" in self.dtype else 0
        return keras.ops.full(self.sized(keras.ops.shape(which)[0]), value, dtype=self.dtype)


@dataclass(frozen=True)
class _Slot:
    """Where in what a call returned a tensor lies."""

    key: Key


class Memories:
    """What the calls before a layer return, and how they answer with it.

    Args:
        edits: at that layer.
        request: what is scored.
        softened: the layer that makes probabilities, where scores are wanted instead.
    """

    def __init__(self, edits: Edits, request: Request, softened: Any) -> None:
        self._edits, self._request, self._softened = edits, request, softened
        self._templates: dict[Call, Any] = {}
        self._forms: dict[Key, Form] = {}
        self.read: tuple[Key, ...] = ()

    # -- in a trace ---------------------------------------------------------------------------

    def recorded(
        self, probe: KerasProbe, call: Callable[[Any], Any], images: Any, everything: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """A run's scores, its activations at the layer, and the tensors that are read.

        `everything`: the tensors of all calls, of which `seen` is then to be told.
        """
        wanted = None if everything else {call for call, _ in self.read}
        recording = Recording(self._edits.layer, wanted)
        with patched(_once(probe, self._edits.layer), recording.wrap):
            scores = result(call, images, self._request, self._softened, None)
        tensors: dict[Key, Any] = {}
        templates = {
            call: _template(call, output, tensors) for call, output in recording.calls.items()
        }
        if everything:
            self._templates, self.read = templates, tuple(tensors)
        activations = probe._channels_first(recording.activations, self._request)
        return scores, activations, [tensors[key] for key in self.read]

    def replayed(
        self,
        probe: KerasProbe,
        call: Callable[[Any], Any],
        tensors: Sequence[Any],
        images: Any,
        which: Any,
        edited: Any,
    ) -> Any:
        """The scores where the layer returns `edited` (n, C, *spatial) for the images `which`."""
        known = dict(zip(self.read, tensors, strict=True))
        answers = {
            called: keras.tree.map_structure(
                lambda each: self._answer(each, known, which) if isinstance(each, _Slot) else each,
                template,
            )
            for called, template in self._templates.items()
        }
        chosen = keras.ops.take(images, which, axis=0)
        with self._edits.put(probe, edited), _answering(probe, answers):
            return result(call, chosen, self._request, self._softened, None)

    def _answer(self, slot: _Slot, known: Mapping[Key, Any], which: Any) -> Any:
        form = self._forms[slot.key]
        return form.chosen(known[slot.key], which) if slot.key in known else form.blank(which)

    # -- what has been found ------------------------------------------------------------------

    def seen(self, two: Sequence[Any], three: Sequence[Any]) -> None:
        """Say how the tensors of runs with two and with three images look.

        Raises:
            NotReplayable: they are others, or one does not hold one part for each image.
        """
        if len(two) != len(three):
            raise NotReplayable("which layers run depends on the batch")
        pairs = zip(two, three, strict=True)
        self._forms = {key: Form.of(*pair) for key, pair in zip(self.read, pairs, strict=True)}

    def keep(self, read: Collection[int]) -> None:
        """Say which of the tensors are read behind the layer; the others are forgotten."""
        self.read = tuple(key for i, key in enumerate(self.read) if i in read)

    @property
    def forms(self) -> list[Form]:
        """Those of the tensors that are read."""
        return [self._forms[key] for key in self.read]

    def check(
        self, images: Any, record: Callable[[Any], Any], replay: Callable[..., Any], whole: Any
    ) -> None:
        """Compare with a run of two images as they are, and with whole runs on a random edit.

        Args:
            images: (2, …).
            record: ``record(images)``, see `recorded`.
            replay: ``replay(images, which, edited, *tensors)``.
            whole: ``whole(images, which, edited)``.

        Raises:
            NotReplayable: other scores come out.
        """
        import numpy as np

        scores, activations, tensors = record(images)
        which = np.array([1, 0], np.int32)
        values = keras.ops.convert_to_numpy(activations)[which]
        random = np.random.default_rng(0).uniform(-0.2, 1.3, values.shape).astype(values.dtype)
        edit = keras.ops.convert_to_tensor(values * random)
        for edited, expected in (
            (keras.ops.convert_to_tensor(values), keras.ops.convert_to_numpy(scores)[which]),
            (edit, keras.ops.convert_to_numpy(whole(images, which, edit))),
        ):
            found = keras.ops.convert_to_numpy(replay(images, which, edited, *tensors))
            near = _TOLERANCE if self._in_full_precision else _TOLERANCE_OF_HALF
            if not np.abs(found - expected).max() <= near * np.abs(expected).max():
                raise NotReplayable("the scores that come out then are not the same")

    @property
    def _in_full_precision(self) -> bool:
        return not any("16" in form.dtype for form in self._forms.values())


def two_of(images: Any) -> Any:
    """Two images that are not the same, to look at a model with."""
    first = images[:1]
    second = images[1:2] if len(images) > 1 else 0.7 * keras.ops.flip(first, axis=2)
    return keras.ops.concatenate([first, second])


def _once(probe: KerasProbe, layer: str) -> dict[str, Any]:
    """All layers, each by one path: one with two of them by the first, or by `layer`."""
    names = {id(each): name for name, each in reversed(list(probe._layers.items()))}
    names[id(probe._layers[layer])] = layer
    return {name: probe._layers[name] for name in names.values()}


def _template(call: Call, output: Any, tensors: dict[Key, Any]) -> Any:
    """`output` with a slot in the place of each tensor, and the tensors into `tensors`."""
    count = 0

    def part(leaf: Any) -> Any:
        nonlocal count
        if not keras.ops.is_tensor(leaf):
            return leaf
        key = call, count
        count += 1
        tensors[key] = leaf
        return _Slot(key)

    return keras.tree.map_structure(part, output)


@contextmanager
def _answering(probe: KerasProbe, answers: Mapping[Call, Any]) -> Iterator[None]:
    """Let layers return `answers`, call by call, and then run as ever."""
    queues: dict[str, list[Any]] = {}
    for name, number in sorted(answers, key=lambda call: call[1]):
        queues.setdefault(name, []).append(answers[name, number])

    def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def answered(*args: Any, **kwargs: Any) -> Any:
            return queues[name].pop(0) if queues[name] else call(*args, **kwargs)

        return answered

    with patched({name: probe._layers[name] for name in queues}, wrap):
        yield
