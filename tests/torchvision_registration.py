"""Lets torchvision be imported beside a PyTorch that its compiled part was not built for.

A torchvision wheel for CUDA cannot load its operators into a CPU-only PyTorch, and then
``import torchvision`` (which timm, grad-cam and torchcam do too) fails where it declares the fake
kernels of two of them. Declaring those two schemas before the import is enough for
classification models. For tests and benchmarks only; the package itself never does this.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


class _BeforeTorchvision(MetaPathFinder):
    """Finds nothing itself; prepares PyTorch at the moment torchvision is looked for."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torchvision":
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.origin is not None and importlib.util.find_spec("torch"):
                _declare_missing_operators(Path(spec.origin).parent)
        return None


@functools.cache
def _declare_missing_operators(torchvision: Path) -> Any:
    import torch

    try:  # what torchvision does when it is imported; a second time does nothing
        torch.ops.load_library(next(torchvision.glob("_C*.so")))
    except (OSError, StopIteration):
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library  # the schemas live as long as this does: the cache keeps it
    return None


def prepare_torchvision() -> None:
    """Make the first ``import torchvision``, whoever does it, work. Imports nothing now."""
    if not any(isinstance(finder, _BeforeTorchvision) for finder in sys.meta_path):
        sys.meta_path.insert(0, _BeforeTorchvision())
