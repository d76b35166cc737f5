"""Where models come from: one module a source, found by being here.

A source of ids turns the part of an id after its prefix ("resnet50" in "timm:resnet50") into a
model, and says what it knows about it; a kind of file is declared beside them. Ids, errors and
lists of models are derived from the declarations; adding a source adds a file to this folder and
nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from types import ModuleType
from typing import Any, overload

from limelight.errors import MissingExtra, ModelLoadError, did_you_mean, require
from limelight.models.metadata import Metadata


def _never(name: str) -> bool:
    return False


@dataclass(frozen=True)
class Origin:
    """What every source says of itself; the modules here have one each, named SOURCE.

    Attributes:
        summary: one line for a list of sources.
        example: what is given to `load`.
        needs: the module that must be installed.
        extra: what of Limelight's extras brings it.
    """

    summary: str
    example: str
    needs: str
    extra: str

    @property
    def installed(self) -> bool:
        """Whether what it needs is there."""
        return importlib.util.find_spec(self.needs) is not None


@dataclass(frozen=True)
class FileKind(Origin):
    """A kind of file, or a folder.

    Attributes:
        suffixes: how its files end.
    """

    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source(Origin):
    """A source of models by name.

    Attributes:
        prefix: what stands before the colon of an id.
        framework: "torch" or "keras".
        names: all names after the colon; none where they cannot be listed.
        accepts: whether a name that is not listed is one all the same.
        build: (name, number of classes or None for the source's own) -> model, random weights.
        pretrained: name -> model with the weights that the source publishes, in eval mode; None
            where it publishes none.
        metadata: (name, model) -> what the source says about models of that name.
        fill: (name, tensors of a weights file by name) -> model; None where the names are those of
            the model that `build` gives.
    """

    prefix: str
    framework: str
    names: Callable[[], Iterable[str]]
    build: Callable[[str, int | None], Any]
    metadata: Callable[[str, Any], Metadata]
    pretrained: Callable[[str], Any] | None = None
    accepts: Callable[[str], bool] = _never
    fill: Callable[[str, dict[str, Any]], Any] | None = None


def importing(module: str, extra: str, purpose: str) -> ModuleType:
    """As `require`, but what is installed and broken is one sentence too.

    Raises:
        MissingExtra: it is not installed.
        ModelLoadError: it is, but importing it fails, as torchvision does that was built for
            another PyTorch.
    """
    try:
        return require(module, extra, purpose)
    except MissingExtra:
        raise
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ModelLoadError(
            f"{module} is installed but cannot be imported ({first}); it must have been built for "
            "the other libraries that are installed, above all for this PyTorch"
        ) from error


@cache
def origins() -> tuple[Origin, ...]:
    """Every declaration, sources of ids first."""
    found = [
        importlib.import_module(f"{__name__}.{info.name}").SOURCE
        for info in pkgutil.iter_modules(__path__)
    ]
    return tuple(sorted(found, key=lambda origin: isinstance(origin, FileKind)))


@cache
def sources() -> dict[str, Source]:
    """Every source of ids by its prefix."""
    return {origin.prefix: origin for origin in origins() if isinstance(origin, Source)}


def find(arch: str) -> tuple[Source, str]:
    """The source that an id names, and the name after the colon as the source writes it.

    Raises:
        ModelLoadError: no such source, or it has no model of that name.
        MissingExtra: what the source needs is not installed.
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
    if source.accepts(name) or name in (names := list(source.names())):
        return source, name
    alike = {n for n in names if n.lower() == name.lower()}
    if len(alike) == 1:
        return source, alike.pop()
    hint = did_you_mean(name, names) or f"; expected a name as in {source.example!r}"
    raise ModelLoadError(f"{prefix} has no model {name!r}{hint}")


def is_id(text: str) -> bool:
    """Whether `text` begins with the prefix of a source and is not a path."""
    return text.partition(":")[0] in sources() and ":" in text


@overload
def list_models() -> list[Origin]: ...
@overload
def list_models(pattern: str) -> list[str]: ...
def list_models(pattern: str | None = None) -> list[Origin] | list[str]:
    """What `load` takes: the sources, or the ids that match a pattern.

    Args:
        pattern: "timm:resnet*" for the ids of one source, "*resnet50*" for those of every source
            that is installed; capitals do not matter.

    Returns:
        Without a pattern the declarations: what each is, an example, and what it needs. With one
        the ids, sorted within their source.

    Raises:
        ModelLoadError: the pattern names a source that there is not, or one without a list.
        MissingExtra: the source that the pattern names is not installed.
    """
    if pattern is None:
        return list(origins())
    prefix, colon, wanted = pattern.partition(":")
    if not colon:
        return [i for source in sources().values() for i in _matching(source, pattern, True)]
    source = sources().get(prefix)
    if source is None:
        raise ModelLoadError(
            f"there is no source {prefix!r} of models{did_you_mean(prefix, sources())}; the "
            f"sources are {', '.join(sources())}"
        )
    found = _matching(source, wanted or "*", False)
    if not found and not list(source.names()):
        raise ModelLoadError(
            f"the models of {prefix} cannot be listed here: {source.summary}; an example is "
            f"{source.example}"
        )
    return found


def _matching(source: Source, pattern: str, skip: bool) -> list[str]:
    """The ids of `source`; one of many that are asked may be passed over (`skip`)."""
    try:
        names = sorted(source.names())
    except MissingExtra:
        if skip:
            return []
        raise
    wanted = pattern.lower()
    found = [name for name in names if fnmatchcase(name.lower(), wanted)]
    # Among all sources, none that repeats the names of the others.
    return [f"{source.prefix}:{name}" for name in found if not (skip and ":" in name)]
