"""Runs of a PyTorch model on edited inputs, or from a layer on, on edited activations.

From the layer on: see `limelight.probes.replaying`. How a model can be taken up again there is
found once per model, layer and size of image, and compared with full runs before it is believed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from limelight.errors import MethodError
from limelight.probes.base import check_function_result, check_output
from limelight.probes.patching import one_thread
from limelight.probes.precision import autocast_of_the_model
from limelight.probes.remembering import FAILS, Call, NotReplayable
from limelight.probes.replaying import (
    Answering,
    Leaf,
    Recording,
    flat,
    forwards,
    leaf_of,
    select,
    tensors,
)

# Rounding, as other batch sizes have it; a memory in the wrong place moves scores far more.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5}


@dataclass(frozen=True)
class Memory:
    """What is known of one remembered call.

    Attributes:
        leaves: its tensors; None for what is none.
        own: somebody writes into them.
    """

    leaves: tuple[Leaf | None, ...]
    own: bool

    @property
    def read(self) -> bool:
        """Whether any of it has to be remembered."""
        return any(leaf is not None and leaf.read for leaf in self.leaves)


@dataclass(frozen=True)
class Plan:
    """How a model is taken up again at a layer.

    Attributes:
        hits: how often the layer runs; the last time counts.
        memories: the calls that answer from memory; None where the whole model has to run.
        blanks: by call, its leaves and structure for those of which nothing is read.
        shape: that of what the layer returns for one image.
        dtype: its type.
        reason: why the whole model has to run.
    """

    hits: int
    memories: Mapping[Call, Memory] | None
    blanks: Mapping[Call, tuple[list[Any], Callable[[list[Any]], Any]]]
    shape: tuple[int, ...]
    dtype: torch.dtype
    reason: str = ""


# By model, its modules and what has been found, by layer and size of image.
_plans: weakref.WeakKeyDictionary[Any, tuple[Any, dict[Any, Plan]]] = weakref.WeakKeyDictionary()


class TorchReruns:
    """Runs of one model at one layer, for the images of a batch; see `base.Reruns`.

    Args:
        owner: the model, as long as which what is found about it is kept.
        modules: by path, everything that can be remembered; the layer is one of them.
        method: the name of what a module runs: "forward", in Keras "call".
        run: runs the model on a batch.
        images: the batch (N, …).
        layer: the path of the layer.
        function: a callable on what `run` returns, giving (n,), in place of classes.
        channels_first: brings the layer's output to (N, C, *spatial).
    """

    fixed = False

    def __init__(
        self,
        owner: Any,
        modules: Mapping[str, Any],
        method: str,
        run: Callable[[Tensor], Any],
        images: Tensor,
        layer: str,
        function: Callable[[Any], Any] | None,
        channels_first: Callable[[Any], Any],
    ) -> None:
        # A module with two paths has the first, or the layer's.
        unique = {id(module): name for name, module in reversed(list(modules.items()))}
        unique[id(modules[layer])] = layer
        self._modules = {name: modules[name] for name in unique.values()}
        self._method, self._run, self._images = method, run, images
        self._layer, self._function, self._channels_first = layer, function, channels_first
        self._owner = owner
        self._plan: Plan | None = None
        self._recorded: Recording | None = None
        self._source: tuple[Tensor | None] | None = None

    # -- what others ask for ------------------------------------------------------------------

    @property
    def reason(self) -> str | None:
        return self._planned().reason or None

    def inputs(self, edited: Tensor, images: Sequence[int]) -> Tensor:
        with torch.inference_mode():
            return self._result(self._run(edited))

    def activations(self, edited: Tensor, images: Sequence[int]) -> Tensor:
        plan = self._planned()
        with torch.inference_mode():
            raw = self._raw(edited, images)
            return self._result(self._again(plan, self._images, raw, images, self._memories(plan)))

    def _result(self, output: Any) -> Tensor:
        if self._function is None:
            check_output(output, None)
            return output.float()
        found = self._function(output)
        check_function_result(found, len(output) if isinstance(output, Tensor) else None)
        return found.float()

    # -- one run ------------------------------------------------------------------------------

    def _again(
        self,
        plan: Plan,
        batch: Tensor,
        edit: Tensor,
        images: Sequence[int],
        memories: Mapping[Call, Any],
    ) -> Any:
        """The model's output where the layer returns `edit` for these `images` of `batch`."""
        answers: dict[Call, Any] = {}
        for call, memory in _memories(plan).items():
            known, structure = flat(memories[call]) if call in memories else plan.blanks[call]
            leaves = [
                value
                if leaf is None
                else leaf.of(value, images, len(batch), memory.own)
                if leaf.read
                else leaf.blank(value, len(images))
                for value, leaf in zip(known, memory.leaves, strict=True)
            ]
            answers[call] = structure(leaves)
        hit = 1 if plan.memories is not None else plan.hits
        answering = Answering(self._layer, edit, answers, hit)
        names = {self._layer, *(name for name, _ in answers)}
        with forwards({n: self._modules[n] for n in names}, self._method, answering.wrap):
            output = self._run(select(batch, images))
        if answering.hits != plan.hits:
            raise NotReplayable(f"{self._layer!r} ran {answering.hits} times")
        return output

    def _record(
        self,
        batch: Tensor,
        copied: Collection[Call] = (),
        wanted: Collection[Call] | None = None,
    ) -> tuple[Any, Recording]:
        recording = Recording(self._layer, copied, wanted)
        with forwards(self._modules, self._method, recording.wrap):
            output = self._run(batch)
        return output, recording

    def _memories(self, plan: Plan) -> Mapping[Call, Any]:
        wanted = [call for call, memory in _memories(plan).items() if memory.read]
        if not wanted:
            return {}
        recorded = self._recording(plan)
        return {call: recorded.calls[call] for call in wanted}

    def _recording(self, plan: Plan) -> Recording:
        if self._recorded is None:
            memories = _memories(plan)
            self._recorded = self._record(
                self._images,
                copied=[call for call, memory in memories.items() if memory.own],
                wanted=[call for call, memory in memories.items() if memory.read],
            )[1]
        return self._recorded

    # -- the layer's own form -----------------------------------------------------------------

    def _raw(self, edited: Tensor, images: Sequence[int]) -> Tensor:
        """Edited activations (n, C, *spatial) as the layer returns them."""
        plan = self._planned()
        if self._source is None:
            with torch.inference_mode(False), torch.no_grad():
                self._source = (self._find_source(plan),)
        (source,) = self._source
        flat_edit = edited.reshape(len(edited), -1).to(plan.dtype)
        if source is not None:
            if len(source) == torch.Size(plan.shape).numel():
                raw = torch.empty_like(flat_edit)
            else:  # what the map leaves out, a class token, stays as it was
                originals = self._recording(plan).activations
                raw = select(originals.reshape(len(originals), -1), images, own=True)
            raw[:, source] = flat_edit
            flat_edit = raw
        return flat_edit.reshape(len(edited), *plan.shape)

    def _find_source(self, plan: Plan) -> Tensor | None:
        """Where in the layer's output each value of (C, *spatial) lies; None: in that order.

        Raises:
            MethodError: a value lies nowhere, because the reshaping computes.
        """
        size = torch.Size(plan.shape).numel()
        generator = torch.Generator().manual_seed(0)
        values = torch.rand(size, generator=generator).to(self._images.device)
        places = torch.arange(size, dtype=torch.float64, device=values.device)
        shape = (1, *plan.shape)
        source = self._channels_first(places.reshape(shape)).flatten().long()
        moved = self._channels_first(values.reshape(shape)).flatten()
        inside = bool(((source >= 0) & (source < size)).all())
        if not inside or not torch.equal(values[source], moved):
            raise MethodError(
                "this method edits activations and puts them back, so that reshape_transform= may "
                "only move values, and not compute with them; 'gradcam' needs no way back"
            )
        return None if torch.equal(source, torch.arange(size, device=source.device)) else source

    # -- finding the way, once ----------------------------------------------------------------

    def _planned(self) -> Plan:
        if self._plan is None:
            fingerprint = tuple((name, id(module)) for name, module in self._modules.items())
            with one_thread:
                kept, known = _plans.get(self._owner, (None, {}))
                if kept != fingerprint:
                    known = {}
                    _plans[self._owner] = fingerprint, known
                images = self._images
                form = tuple(images.shape[1:]), images.dtype, images.device
                key = self._layer, form, autocast_of_the_model()
                if key not in known:
                    with torch.inference_mode(False), torch.no_grad():
                        known[key] = self._find_plan()
                self._plan = known[key]
        return self._plan

    def _find_plan(self) -> Plan:
        first = self._images[:1].clone()
        second = self._images[1:2] if len(self._images) > 1 else 0.7 * first.flip(-1)
        both = torch.cat([first, second])
        output, two = self._record(both)
        if not isinstance(two.activations, Tensor) or len(two.activations) != 2:
            raise MethodError(
                f"the layer {self._layer!r} does not return one tensor with an entry for each "
                "image, so that edited ones cannot be put in its place; choose another layer"
            )
        shape, dtype = tuple(two.activations.shape[1:]), two.activations.dtype
        whole = Plan(two.hits, None, {}, shape, dtype)
        if two.hits != 1:
            return replace(whole, reason=f"it runs {two.hits} times")
        try:
            moved = two.moved
            if moved:
                output, two = self._record(both, moved)
            _, one = self._record(first)
            plan = replace(whole, memories=_remember_all(one, two, moved))
            for candidate in (self._pruned(plan, two, both), plan):
                if self._holds(candidate, whole, two, both, output):
                    return candidate
        except FAILS as error:
            return replace(whole, reason=str(error).strip().partition("\n")[0])
        return replace(whole, reason="the scores that come out then are not the same")

    def _pruned(self, plan: Plan, two: Recording, both: Tensor) -> Plan:
        """`plan` without what nothing behind the layer reads, as autograd knows it."""
        watched: list[Tensor] = []
        memories = {}
        for call, output in two.calls.items():
            values, structure = flat(output)
            fresh = [_watch(value) for value in values]
            watched += [each for each in fresh if _is_watched(each)]
            memories[call] = structure(fresh)
        everything = {c: replace(memory, own=True) for c, memory in _memories(plan).items()}
        with torch.enable_grad():
            output = self._again(
                replace(plan, memories=everything), both, two.activations.clone(), [0, 1], memories
            )
            targets = [each.sum() for each in tensors(output) if each.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(watched)
        if watched and targets:
            found = torch.autograd.grad(targets, watched, allow_unused=True)
        pairs = zip(watched, found, strict=True)
        read = {id(value) for value, gradient in pairs if gradient is not None}
        pruned, blanks = {}, {}
        for call, memory in _memories(plan).items():
            values, structure = flat(memories[call])
            leaves = tuple(
                replace(leaf, read=id(value) in read) if leaf and _is_watched(value) else leaf
                for value, leaf in zip(values, memory.leaves, strict=True)
            )
            pruned[call] = replace(memory, leaves=leaves)
            if not pruned[call].read:
                empty = [each.new_empty(0) if isinstance(each, Tensor) else each for each in values]
                blanks[call] = empty, structure
        return replace(plan, memories=pruned, blanks=blanks)

    def _holds(self, plan: Plan, whole: Plan, two: Recording, both: Tensor, output: Any) -> bool:
        """Whether `plan` gives the scores of the run, and those of full runs on a random edit."""
        memories = {
            call: two.calls[call] for call, memory in _memories(plan).items() if memory.read
        }
        generator = torch.Generator().manual_seed(0)

        def equal(found: Any, expected: Any) -> bool:
            pairs = zip(tensors(found), tensors(expected), strict=True)
            return all(_equal(a, b, plan.dtype) for a, b in pairs)

        def edited(images: Sequence[int]) -> bool:
            edit = two.activations[images]
            edit = edit * (1.5 * torch.rand(edit.shape, generator=generator).to(edit) - 0.2)
            found = self._again(plan, both, edit.clone(), images, memories)
            return equal(found, self._again(whole, both, edit, images, {}))

        unedited = self._again(plan, both, two.activations.clone(), [0, 1], memories)
        return equal(unedited, output) and edited([1, 0, 1]) and edited([1])


def _remember_all(one: Recording, two: Recording, moved: set[Call]) -> dict[Call, Memory]:
    """Every call, as the runs with one image and with two show it."""
    if list(one.calls) != list(two.calls):
        raise NotReplayable("which layers run depends on the batch")
    memories = {}
    for call, output in one.calls.items():
        pairs = zip(flat(output)[0], flat(two.calls[call])[0], strict=True)
        leaves = tuple(leaf_of(a, b) if isinstance(a, Tensor) else None for a, b in pairs)
        memories[call] = Memory(leaves, call in moved)
    return memories


def _memories(plan: Plan) -> Mapping[Call, Memory]:
    return {} if plan.memories is None else plan.memories


def _watch(value: Any) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().requires_grad_()
    return value


def _is_watched(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _equal(found: Tensor, expected: Tensor, dtype: torch.dtype) -> bool:
    """Equal up to the rounding of a model whose layers return `dtype`."""
    if found.shape != expected.shape or not bool(torch.isfinite(found).all()):
        return False
    tolerance = _TOLERANCE.get(dtype, 1e-2)
    return bool((found - expected).abs().max() <= tolerance * expected.abs().max())
