"""What a run of a PyTorch module shows: each call, its layout, and what the output is made of.

Layouts are found, not known by the names of architectures. A run on an image of NaN shows which
tokens come from the image where a row of tokens first appears: class, distillation, register and
query tokens are numbers then. In the same way NaN in the places of one layer show whether the
output depends on them: after the last block of a Vision Transformer only the class token is read.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from limelight.probes.base import LayerCall, Trace, shape_of
from limelight.probes.choosing import unread
from limelight.probes.outputs import scores_or_none, tensors_in
from limelight.probes.tokens import CHANNELS_FIRST, CHANNELS_LAST, Layout, tokens_layout


def trace(modules: Mapping[str, nn.Module], run: Callable[[Tensor], Any], image: Tensor) -> Trace:
    """All calls of `modules`, by path, in a run on `image` (1, C, H, W)."""
    recorder = _Recorder()
    output = recorder.run(modules, run, image)
    calls, latest = tuple(recorder.calls), recorder.latest
    size = tuple(image.shape[2:])
    if len(size) == 2:
        first_rows = {}
        if any(len(call.shape) == 3 for call in calls):
            blind = _Recorder()
            blind.run(modules, run, image * torch.nan)
            sizes = {math.prod(call.grid or ()) for call in calls}
            first_rows = {n: r for n, r in blind.rows.items() if n not in blind.late or n in sizes}
        calls = _with_layouts(calls, recorder.known, first_rows, size)
    scores = scores_or_none(output)
    innermost = (call.name for call in reversed(calls) if not call.container)
    last = next(innermost, None) if scores is not None and scores is latest else None
    found = Trace(calls, shape_of(scores), last)

    def reaches(call: LayerCall) -> bool:
        return _reaches(modules[call.name], found, call, run, image)

    if scores is not output or any(call.layout.special for call in calls):
        found = replace(found, unread=unread(found, reaches))
    return found


def bring(output: Tensor, layout: Layout) -> Tensor:
    """A layer's output as (N, C, *spatial)."""
    if layout.tokens is not None:
        rows, columns = layout.tokens
        places = output[:, layout.start : layout.start + rows * columns]
        return places.unflatten(1, (rows, columns)).movedim(-1, 1)
    return output.movedim(-1, 1) if layout.channels_last else output


class _Recorder:
    """Hooks that write down every call of every module, of one thread."""

    def __init__(self) -> None:
        self.calls: list[LayerCall] = []
        # The layouts that a module's kind tells, by the number of its call.
        self.known: dict[int, Layout] = {}
        # By the number of tokens, which of them are NaN where a row of so many first has any.
        self.rows: dict[int, list[bool]] = {}
        # The numbers of those that had none before, as queries and position embeddings have.
        self.late: set[int] = set()
        self._entered: dict[str, int] = {}
        self._owner = threading.get_ident()
        # The latest tensor and its version: an in-place layer returns the same object, changed.
        self.latest: Tensor | None = None
        self._version = 0
        self._value = 0

    def run(
        self, modules: Mapping[str, nn.Module], run: Callable[[Tensor], Any], image: Tensor
    ) -> Any:
        """Run the model while it is watched."""
        with ExitStack() as stack:
            seen: set[int] = set()
            for name, module in modules.items():
                if id(module) not in seen:
                    seen.add(id(module))
                    stack.callback(module.register_forward_pre_hook(self._enter(name)).remove)
                    stack.callback(module.register_forward_hook(self._leave(name)).remove)
            return run(image.clone())

    def _enter(self, name: str) -> Any:
        def pre_hook(module: nn.Module, args: Any) -> None:
            if threading.get_ident() == self._owner:
                self._entered[name] = len(self.calls)

        return pre_hook

    def _leave(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if threading.get_ident() == self._owner:
                self._record(name, module, output if isinstance(output, Tensor) else None)

        return hook

    def _record(self, name: str, module: nn.Module, output: Tensor | None) -> None:
        version = 0 if output is None else output._version
        if output is None or output is not self.latest or version != self._version:
            self._value += 1
        self.latest, self._version = output, version
        shape = () if output is None else tuple(output.shape)
        if output is not None and output.ndim == 3 and not any(self.rows.get(shape[1], ())):
            row = torch.isnan(output).any(-1)[0].tolist()
            if shape[1] in self.rows and all(row):
                self.late.add(shape[1])
            self.rows[shape[1]] = row
        layout = _told(module)
        if layout is not None:
            self.known[len(self.calls)] = layout
        self.calls.append(
            LayerCall(
                name,
                type(module).__name__,
                shape,
                grid=CHANNELS_FIRST.grid(shape),
                channels=CHANNELS_FIRST.channels(shape),
                value=self._value,
                container=len(self.calls) > self._entered[name],
            )
        )


def _told(module: nn.Module) -> Layout | None:
    """The layout that a module's own kind says; None where that depends on what it is given."""
    if isinstance(module, nn.modules.conv._ConvNd | nn.modules.batchnorm._BatchNorm):
        return CHANNELS_FIRST
    # Not its subclasses: timm's and torchvision's LayerNorm2d take channels first.
    return CHANNELS_LAST if type(module) in (nn.Linear, nn.LayerNorm) else None


def _with_layouts(
    calls: tuple[LayerCall, ...],
    known: Mapping[int, Layout],
    rows: Mapping[int, list[bool]],
    image: tuple[int, int],
) -> tuple[LayerCall, ...]:
    """`calls` with the layout of each, from the kinds of modules, the shapes and the image's."""
    found = []
    maps: list[tuple[int, int]] = []  # of the convolutions so far
    by_shape: dict[tuple[int, ...], Layout] = {}
    by_count: dict[int, Layout | None] = {}
    for number, call in enumerate(calls):
        shape = call.shape
        layout: Layout | None = CHANNELS_FIRST
        if len(shape) == 4:
            layout = known.get(number)
            if layout is not None:
                by_shape[shape] = layout
                if layout is CHANNELS_FIRST:
                    maps.append(shape[2:])
            else:
                layout = by_shape.get(shape) or _by_aspect(shape, maps, rows, image)
            if shape[0] != 1:  # windows, or whatever else is no image
                layout = None
        elif len(shape) == 3:
            if shape[1] not in by_count:
                by_count[shape[1]] = tokens_layout(rows.get(shape[1], ()), maps, image)
            layout = by_count[shape[1]] if shape[0] == 1 else None
        if layout is None:
            found.append(replace(call, grid=None, channels=0))
        else:
            grid, channels = layout.grid(shape), layout.channels(shape)
            found.append(replace(call, grid=grid, channels=channels, layout=layout))
    return tuple(found)


def _by_aspect(
    shape: tuple[int, ...],
    maps: list[tuple[int, int]],
    rows: Mapping[int, list[bool]],
    image: tuple[int, int],
) -> Layout | None:
    """The layout of an output (N, a, b, c) of a module that takes any: by which axes are a map's.

    None for the heads of attention, (N, heads, tokens, C) in some order.
    """

    def fits(height: int, width: int) -> bool:
        if (height, width) in maps:
            return True
        scale = max(1, round(image[0] / height))
        return abs(image[1] / scale - width) < 1 and abs(image[0] / scale - height) < 1

    if fits(shape[2], shape[3]):
        return CHANNELS_FIRST
    if fits(shape[1], shape[2]):
        return CHANNELS_LAST
    return None if any(count in rows for count in shape[1:]) else CHANNELS_FIRST


def _reaches(
    module: nn.Module, trace: Trace, call: LayerCall, run: Callable[[Tensor], Any], image: Tensor
) -> bool:
    """Whether the output depends on the places of the image in what the last call returned."""
    left = sum(other.name == call.name for other in trace.calls)
    owner = threading.get_ident()

    def poison(module: nn.Module, args: Any, output: Tensor) -> Tensor:
        nonlocal left
        if threading.get_ident() != owner:
            return output
        left -= 1
        if left:
            return output
        changed = output.clone()
        if call.layout.tokens is None:
            return changed.fill_(torch.nan)
        rows, columns = call.layout.tokens
        changed[:, call.layout.start : call.layout.start + rows * columns] = torch.nan
        return changed

    handle = module.register_forward_hook(poison)
    try:
        output = run(image.clone())
    finally:
        handle.remove()
    scores = scores_or_none(output)
    return any(
        bool(torch.isnan(each).any()) for each in tensors_in(output if scores is None else scores)
    )
