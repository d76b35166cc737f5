"""Methods that are made of another method: what that one may be."""

from __future__ import annotations

from limelight.errors import MethodError
from limelight.methods.declaration import Method, _registry

#: What the other method may ask for.
BASE_NEEDS = frozenset({"activations", "gradients"})


def bases() -> list[str]:
    """The names of the methods of which others can be made, in order."""
    return sorted(
        each.name
        for each in _registry.values()
        if "gradients" in each.needs <= BASE_NEEDS and "base" not in each.options
    )


def base_method(name: str, of: str) -> Method:
    """The method `name`, of which the method `of` is made.

    Raises:
        MethodError: there is none of that name, or it needs more than activations and gradients.
    """
    possible = bases()
    if name not in possible:
        raise MethodError(
            f"{of} cannot be made of base={name!r}; its base is one of {', '.join(possible)}"
        )
    return _registry[name]
