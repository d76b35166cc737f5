"""The stages of a model: the layers between which its grid shrinks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from limelight.errors import NoSpatialLayer
from limelight.probes.base import LayerCall, Trace
from limelight.probes.choosing import choose


def last_of_stages(trace: Trace, count: int = 3) -> Sequence[str]:
    """The last feature map of each of the `count` deepest stages, the deepest one last.

    A stage is what lies on one size of the grid, up to where it shrinks; its last feature map is
    chosen as `choose` chooses that of the model. Models of fewer stages have fewer.

    Raises:
        NoSpatialLayer: there are less than two stages.
    """
    found = [choose(trace)]
    while len(found) < count:
        deeper = trace.named(found[0])
        assert deeper is not None  # it was chosen from there
        before = [
            call
            for call in trace.calls[: trace.calls.index(deeper)]
            if _cells(call) > _cells(deeper) and not _in_transition(call, trace)
        ]
        try:
            found.insert(0, choose(replace(trace, calls=tuple(before), output_shape=())))
        except NoSpatialLayer:
            break
    if len(found) < 2:
        raise NoSpatialLayer(
            f"the model has one size of grid only, that of {found[0]!r}; give the layers to refine "
            "by, layer=[…], two or more"
        )
    return found


def _cells(call: LayerCall) -> int:
    return 0 if call.grid is None else math.prod(call.grid)


def _in_transition(call: LayerCall, trace: Trace) -> bool:
    """Whether `call` is inside a block of a later stage, before the block's grid has shrunk."""

    def began_before(block: LayerCall) -> bool:
        return any(
            _cells(other) == _cells(call) and not _is_inside(other.name, block.name)
            for other in trace.calls
        )

    return any(
        block.container
        and _cells(block) < _cells(call)
        and _is_inside(call.name, block.name)
        and began_before(block)
        for block in trace.calls
    )


def _is_inside(name: str, block: str) -> bool:
    return name.startswith((f"{block}.", f"{block}/"))
