"""Every error a user can meet, as one hierarchy.

::

    LimelightError
    ├── ModelError            the model, or what it returns, is not what was expected
    │   └── ModelLoadError    a model file or id cannot be turned into a model
    ├── LayerNotFound         no layer of that name
    ├── NoSpatialLayer        the layer (or every layer) has no height and width
    ├── MethodError           no such method, or it cannot run here
    ├── TargetError           the class asked for does not fit the model or the batch
    ├── ImageError            an image cannot be read, or does not fit the model
    ├── BoxError              boxes of the wrong shape or an unknown format
    ├── MetricError           a metric was given what it cannot score
    ├── DatasetError          a data set cannot be opened, or an entry of it is broken
    ├── RunError              a folder of results cannot be written, read or continued
    └── MissingExtra          an optional dependency is not installed (also an ImportError)

Each message is one sentence in the user's terms: what was given, what was expected, and the
nearest thing that works. All but `MissingExtra` are also `ValueError`, so that code that knows
nothing of Limelight still catches them sensibly.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class LimelightError(Exception):
    """Base of every error that Limelight raises on purpose."""


class LimelightWarning(UserWarning):
    """What a user should know of a result that is not an error."""


class ModelError(LimelightError, ValueError):
    """The model, or what it returns, is not what was expected."""


class ModelLoadError(ModelError):
    """A model file or id cannot be turned into a model."""


class LayerNotFound(LimelightError, ValueError):
    """The model has no layer of that name, or more than one."""


class NoSpatialLayer(LimelightError, ValueError):
    """The layer's output has no height and width, so there is no map to make of it."""


class MethodError(LimelightError, ValueError):
    """There is no such method, or it cannot run on this model."""


class TargetError(LimelightError, ValueError):
    """The class asked for does not fit the model or the batch."""


class ImageError(LimelightError, ValueError):
    """An image cannot be read, or does not fit the model."""


class BoxError(LimelightError, ValueError):
    """Boxes of the wrong shape, or in an unknown format."""


class MetricError(LimelightError, ValueError):
    """A metric was given what it cannot score."""


class DatasetError(LimelightError, ValueError):
    """A data set cannot be opened, or an entry of it is broken."""


class RunError(LimelightError, ValueError):
    """A folder of results cannot be written, read or continued."""


class MissingExtra(LimelightError, ImportError):
    """An optional dependency is not installed."""


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency, or say how to install it.

    `module` is the import name ("cv2"), `extra` the name in ``pip install "limelight[extra]"``,
    `purpose` what it is needed for ("rotated boxes").

    Raises:
        MissingExtra: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != module.partition(".")[0]:
            raise  # the module is there; something that it needs itself is not
        raise MissingExtra(
            f'{purpose} need {module}, which is not installed: pip install "limelight[{extra}]"'
        ) from None


def did_you_mean(name: str, known: Iterable[str], count: int = 3) -> str:
    """A clause that names the known names closest to `name`: ``"; did you mean 'gradcam'?"``.

    Empty where nothing is close.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    if not close:
        lowered = {n.lower(): n for n in names}
        hits = difflib.get_close_matches(name.lower(), list(lowered), n=count, cutoff=0.5)
        close = [lowered[hit] for hit in hits]
    if not close:
        return ""
    return "; did you mean " + " or ".join(repr(match) for match in close) + "?"
