"""How many edits run at a time: what is free, and what one of them takes."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from limelight.probes.base import Trace

# Larger chunks are no faster, and leave less to others: a few images keep a core busy, and what
# they take can be used again from one layer to the next.
_ENOUGH = 256 * 2**20
_ENOUGH_FOR_A_CORE = 32 * 2**20
_ENOUGH_ON_ACCELERATORS = 4 * 2**30
_SHARE = 4  # of what is free, a fourth is taken
_FLOAT = 4


def chunk_size(batch: Any, trace: Trace, behind: str | None, budget: int | None = None) -> int:
    """How many edits fit into `budget` bytes (None: what is free); at least one.

    `trace`: of one image of `batch`; each edit takes what the layers hold at a time: the largest
    output three times, for what goes in, what comes out, and what a layer needs beside.
    `behind`: only what runs from that layer on counts; None: all of the model.
    """
    calls = list(trace.calls)
    if behind is not None:
        names = [call.name for call in calls]
        calls = calls[len(names) - 1 - names[::-1].index(behind) :] if behind in names else calls
    sizes = [math.prod(call.shape) for call in calls]
    if behind is None:
        sizes.append(math.prod(batch.shape[1:]))
    item = 3 * _FLOAT * max(sizes, default=1)
    return max(1, (_free(batch) if budget is None else budget) // item)


def _free(batch: Any) -> int:
    """Bytes that may be taken where `batch` lies."""
    device = getattr(batch, "device", None)
    if getattr(device, "type", "") == "cuda":
        import torch

        return min(_ENOUGH_ON_ACCELERATORS, torch.cuda.mem_get_info(device)[0] // _SHARE)
    statistics = getattr(device, "memory_stats", lambda: None)()  # JAX
    if statistics and "bytes_limit" in statistics:
        free = statistics["bytes_limit"] - statistics["bytes_in_use"]
        return min(_ENOUGH_ON_ACCELERATORS, free // _SHARE)
    return min(_ENOUGH, (os.cpu_count() or 1) * _ENOUGH_FOR_A_CORE, _free_on_host() // _SHARE)


def _free_on_host() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return _SHARE * _ENOUGH
    return next((1024 * int(line.split()[1]) for line in lines if "MemAvailable" in line), _ENOUGH)
