"""The methods: formulas over arrays, without any framework.

Each module of this package is found by itself; a new method is a formula in one of them, or in a
module of its own, and a test.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from limelight.errors import MethodError, did_you_mean
from limelight.methods.declaration import (
    DEFAULT_CUT,
    OF_ATTENTION,
    OF_GRAPH,
    Method,
    _registry,
)

__all__ = ["OF_ATTENTION", "OF_GRAPH", "Method", "default_cut", "find_method", "list_methods"]


@cache
def _load_all() -> dict[str, Method]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _registry


def list_methods() -> list[Method]:
    """Every method, with its title, paper, needs, cost and options, in order of name.

    Example:
        >>> [method.name for method in list_methods() if method.class_blind]
        [..., 'eigencam', ...]
    """
    return [method for _, method in sorted(_load_all().items())]


def find_method(name: str) -> Method:
    """The method called `name`.

    Raises:
        MethodError: there is none of that name; the sentence names the closest ones.

    Example:
        >>> find_method("gradcam").paper
        'Selvaraju et al. 2017'
        >>> find_method("gradcamm")
        Traceback (most recent call last):
            ...
        limelight.errors.MethodError: there is no method 'gradcamm'; did you mean 'gradcam' or ...
    """
    registry = _load_all()
    if name not in registry:
        raise MethodError(
            f"there is no method {name!r}"
            + (did_you_mean(name, registry) or f"; there are {', '.join(sorted(registry))}")
        )
    return registry[name]


def default_cut(name: str) -> float:
    """Where boxes of the maps called `name` are cut if nobody says: a fraction of their maximum.

    What the method of that name declares; `DEFAULT_CUT` for maps that were made elsewhere.
    """
    registry = _load_all()
    return registry[name].cut if name in registry else DEFAULT_CUT
