"""Where models come from: one module a source, found by being here.

A source turns the part of an id after its prefix ("resnet50" in "timm:resnet50") into a model
with random weights, and says what it knows about it. Ids, errors and lists of models are derived
from the declarations; adding a source adds a file to this folder and nothing else.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from limelight.errors import ModelLoadError, did_you_mean
from limelight.models.metadata import Metadata


@dataclass(frozen=True)
class Source:
    """The declaration of a source; each module here has one, named SOURCE.

    Attributes:
        prefix: what stands before the colon of an id.
        framework: "torch" or "keras".
        summary: one line for a list of sources.
        example: an id.
        names: all names after the colon.
        build: (name, number of classes or None for the source's own) -> model, random weights.
        metadata: (name, model) -> what the source says about models of that name.
    """

    prefix: str
    framework: str
    summary: str
    example: str
    names: Callable[[], Iterable[str]]
    build: Callable[[str, int | None], Any]
    metadata: Callable[[str, Any], Metadata]


@cache
def sources() -> dict[str, Source]:
    """Every source by its prefix."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        source: Source = importlib.import_module(f"{__name__}.{info.name}").SOURCE
        found[source.prefix] = source
    return found


def find(arch: str) -> tuple[Source, str]:
    """The source that an id names, and the name after the colon.

    Raises:
        ModelLoadError: no such source, or it has no model of that name.
    """
    prefix, colon, name = arch.partition(":")
    known = sources()
    if not colon or prefix not in known:
        examples = ", ".join(f'"{source.example}"' for source in known.values())
        raise ModelLoadError(
            f"arch={arch!r} names no source of models{did_you_mean(prefix, known)}; "
            f"expected an id such as {examples}, or a function that builds the model"
        )
    source = known[prefix]
    if name not in (names := list(source.names())):
        raise ModelLoadError(f"{prefix} has no model {name!r}{did_you_mean(name, names)}")
    return source, name


def is_id(text: str) -> bool:
    """Whether `text` begins with the prefix of a source and is not a path."""
    return text.partition(":")[0] in sources() and ":" in text
