"""Scores of maps against ground truth, each a pure function and a class that accumulates.

Every module of this package is found by itself: a new metric is one file and its test. What its
modules declare public is public here: `limelight.metrics.MaxBoxAcc`, `limelight.metrics.pxap` …
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from limelight.errors import MetricError, did_you_mean
from limelight.metrics.baselines import BASELINES
from limelight.metrics.metric import Metric, Result, _registry

__all__ = ["BASELINES", "Metric", "Result", "find_metric", "list_metrics"]


@cache
def _load_all() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        names |= {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return names


def list_metrics() -> list[type[Metric]]:
    """Every metric's class, in order of name."""
    _load_all()
    return [metric for _, metric in sorted(_registry.items())]


def find_metric(name: str) -> type[Metric]:
    """The class of the metric called `name` ("maxboxacc", "pointing-game" …).

    Raises:
        MetricError: there is none of that name; the sentence names the closest ones.
    """
    _load_all()
    if name not in _registry:
        hint = did_you_mean(str(name), _registry) or f"; there are {', '.join(sorted(_registry))}"
        raise MetricError(f"there is no metric {name!r}{hint}")
    return _registry[name]


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in (names := _load_all()):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return names[name]


def __dir__() -> list[str]:
    return sorted({*__all__, *_load_all()})
