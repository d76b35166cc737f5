"""What one call of one PyTorch module returned, kept so that the module can answer from memory.

See `limelight.probes.remembering`. Here tensors may be written into after they were returned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from limelight.probes import remembering
from limelight.probes.patching import attribute, here, one_thread
from limelight.probes.remembering import Call, NotReplayable


@contextmanager
def forwards(
    modules: Mapping[str, Any],
    method: str,
    wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]],
) -> Iterator[None]:
    """Put ``wrap(name, forward)`` in the place of the `method` ("forward", "call") of `modules`."""
    with one_thread, ExitStack() as stack:
        for name, module in modules.items():
            forward = getattr(module, method)
            stack.enter_context(attribute(module, method, here(wrap(name, forward), forward)))
        yield


class Recording(remembering.Recording):
    """A run of the model, as seen from the target layer; `activations` is a copy.

    Args:
        target: the target layer.
        copied: calls whose output is copied at once, for somebody will write into it.
        wanted: the calls to remember; None for all.
    """

    def __init__(
        self, target: str, copied: Collection[Call] = (), wanted: Collection[Call] | None = None
    ) -> None:
        super().__init__(target, wanted)
        self._copied = copied
        self._versions: dict[Call, list[int]] = {}

    def _hit(self, output: Any) -> None:
        super()._hit(output.clone() if isinstance(output, Tensor) else output)

    def _kept(self, call: Call, output: Any) -> Any:
        if call in self._copied:
            output = tree_map(
                lambda each: each.clone() if isinstance(each, Tensor) else each, output
            )
        # Tensors of inference mode count no versions; a recording under it asks for none.
        if not torch.is_inference_mode_enabled():
            self._versions[call] = [each._version for each in tensors(output)]
        return output

    @property
    def moved(self) -> set[Call]:
        """The calls whose output somebody wrote into after they had returned it."""
        return {
            call
            for call, output in self.calls.items()
            if [each._version for each in tensors(output)] != self._versions[call]
        }


@dataclass(frozen=True)
class Leaf:
    """One tensor of what a call returned.

    Attributes:
        axis: where its images lie; None where it has none.
        rows: how many entries of that axis belong to one image (windows may be merged into it).
        shape: that of one image.
        read: whether anything behind the target reads it.
    """

    axis: int | None
    rows: int
    shape: tuple[int, ...]
    read: bool = True

    def of(self, value: Tensor, images: Sequence[int], of_all: int, own: bool) -> Tensor:
        """The memory `value` of `of_all` images, for a batch of these `images`.

        `own`: as memory of its own, for somebody will write into it.
        """
        if self.axis is None:
            return value.clone() if own else value
        apart = value.unflatten(self.axis, (of_all, self.rows))
        return select(apart, images, self.axis, own).flatten(self.axis, self.axis + 1)

    def blank(self, like: Tensor, count: int) -> Tensor:
        """In place of what nothing reads: not numbers, so that a late read shows."""
        shape = list(self.shape)
        if self.axis is not None:
            shape[self.axis] = count * self.rows
        return like.new_full((1,) * len(shape), float("nan")).expand(shape)


def select(values: Tensor, images: Sequence[int], axis: int = 0, own: bool = False) -> Tensor:
    """The entries `images` of an axis; many of a single one take no memory, unless `own`."""
    if len(set(images)) > 1:
        return values.index_select(axis, torch.as_tensor(images, device=values.device))
    sizes = [-1] * values.ndim
    sizes[axis] = len(images)
    found = values.narrow(axis, images[0], 1).expand(sizes)
    return found.clone(memory_format=torch.contiguous_format) if own else found


def leaf_of(one: Tensor, two: Tensor) -> Leaf:
    """How a tensor holds its images, seen from runs with one image and with two."""
    axes = [i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=False)) if a != b]
    if not axes and one.ndim == two.ndim:
        return Leaf(None, 0, tuple(one.shape))
    if len(axes) != 1 or two.shape[axes[0]] != 2 * one.shape[axes[0]] or one.ndim != two.ndim:
        raise NotReplayable("the shapes inside the model depend on the batch")
    return Leaf(axes[0], int(one.shape[axes[0]]), tuple(one.shape))


def tensors(output: Any) -> list[Tensor]:
    """The tensors in what a module returned."""
    return [each for each in tree_flatten(output)[0] if isinstance(each, Tensor)]


class Answering:
    """Wraps modules so that they answer from `answers`, in turn, until the target has answered."""

    def __init__(self, target: str, edit: Any, answers: Mapping[Call, Any], hit: int = 1) -> None:
        self._target, self._edit, self._hit = target, edit, hit
        self._queues: dict[str, list[Any]] = {}
        for (name, _), answer in sorted(answers.items(), key=lambda item: item[0][1]):
            self._queues.setdefault(name, []).append(answer)
        self.hits = 0

    def wrap(self, name: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        """`forward` of the module `name`, answered from memory where there is one."""

        def answered(*args: Any, **kwargs: Any) -> Any:
            if name == self._target:
                self.hits += 1
                if self.hits == self._hit:
                    return self._edit
            elif not self.hits and (queue := self._queues.get(name)):
                return queue.pop(0)
            return forward(*args, **kwargs)

        return answered


def flat(output: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of what a module returned, and how to put others in their places."""
    leaves, structure = tree_flatten(output)
    return leaves, lambda others: tree_unflatten(others, structure)
