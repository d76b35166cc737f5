"""How much memory there is, and whether an error means that there was too little."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_NAMES = frozenset({"OutOfMemoryError", "ResourceExhaustedError"})  # torch's and TensorFlow's
_WORDS = (
    "RESOURCE_EXHAUSTED",  # JAX
    "out of memory",
    "can't allocate memory",  # torch on the CPU
    "not enough memory",
)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of a framework, or one of its causes, says that memory was too small."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or type(cause).__name__ in _NAMES:
            return True
        if isinstance(cause, RuntimeError) and any(words in str(cause) for words in _WORDS):
            return True
        cause = cause.__cause__
    return False


def release() -> None:
    """Give back what the framework keeps for later allocations on the GPU."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def on_gpu() -> bool:
    """Whether PyTorch has put something on a GPU in this process."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized() and torch.cuda.memory_allocated() > 0


def peak() -> int:
    """The most bytes that this process has held so far, on the GPU where the model is there."""
    if on_gpu():
        return int(sys.modules["torch"].cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # Windows has no such count
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def available() -> int | None:
    """Bytes that can still be had, where the model is; None where that is not known."""
    if on_gpu():
        return int(sys.modules["torch"].cuda.mem_get_info()[0])
    found = [_number(line) for line in _lines("/proc/meminfo") if line.startswith("MemAvailable:")]
    free = found[0] * 1024 if found else None
    limit, used = (_lines(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if limit and used and limit[0].strip().isdecimal():
        left = max(int(limit[0]) - int(used[0]), 0)
        free = left if free is None else min(free, left)
    return free


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("ascii").splitlines()
    except OSError:  # another operating system
        return []


def _number(line: str) -> int:
    return int(line.split()[1])
