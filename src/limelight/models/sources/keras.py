"""The models of keras.applications."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from limelight.errors import ModelLoadError
from limelight.models.keras_backend import home, import_keras
from limelight.models.metadata import Metadata
from limelight.models.sources import Source

_FAILED = re.compile(r"URL fetch failure on (\S+): (?:None -- )?(.*)", re.DOTALL)


def _names() -> Iterable[str]:
    applications = import_keras().applications
    return [n for n in dir(applications) if inspect.isfunction(getattr(applications, n))]


def _build(name: str, classes: int | None) -> Any:
    options = {} if classes is None else {"classes": classes}
    return getattr(import_keras().applications, name)(weights=None, **options)


def pretrained(name: str, **options: Any) -> Any:
    """The application `name` with its ImageNet weights, called with `options`.

    Raises:
        ModelLoadError: the weights are not here and cannot be fetched, or cannot be read.
    """
    keras = import_keras()
    try:
        # Keras prints how far a download is; standard output belongs to the results.
        with contextlib.redirect_stdout(sys.stderr):
            return getattr(keras.applications, name)(weights="imagenet", **options)
    except OSError as error:  # the connection broke, or the file that lies there is damaged
        raise ModelLoadError(
            f"Keras could not load the weights of keras:{name}: {error}"
        ) from error
    except Exception as error:  # keras.utils.get_file raises no other class
        failed = _FAILED.match(str(error))
        if type(error) is not Exception or failed is None:
            raise
        raise _not_fetched(name, *failed.groups()) from error


def _not_fetched(name: str, url: str, reason: str) -> ModelLoadError:
    from limelight.models.hub import not_fetched

    file = home() / "models" / url.rpartition("/")[2]
    return not_fetched(
        f"keras:{name}",
        url,
        reason.strip("<>").removeprefix("urlopen error "),
        f"put the file at {file}, or give a .keras file that you have",
    )


def _metadata(name: str, model: Any) -> Metadata:
    from limelight.models import keras_files

    known = keras_files.metadata(model)
    if known.preprocess is None:
        why = f"keras.applications, the preprocess_input of {name}"
        known = replace(known, why=why, preprocess=f"keras:{name}")
    if known.size is None:  # MobileNetV3, whose weights were trained at 224, as their files say
        known = replace(known, why=f"{known.why}, and 224 from its weights", size=(224, 224))
    return known


SOURCE = Source(
    prefix="keras",
    framework="keras",
    summary="keras.applications",
    example="keras:ResNet50",
    needs="keras",
    extra="keras",
    names=_names,
    build=_build,
    pretrained=pretrained,
    metadata=_metadata,
)
