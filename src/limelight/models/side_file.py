"""The file beside a model that says what `load` has to know: ``<model>.limelight.json``.

It is data, never code: an architecture is named by a registered source, preprocessing by a name
or by numbers. The `config.json` of a trained folder has the same entries.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import ModelLoadError, did_you_mean

if TYPE_CHECKING:
    from limelight.models.classifier import Classifier

SUFFIX = ".limelight.json"
# What `load` can be told in a file, and the JSON types that say it.
ENTRIES: dict[str, tuple[type, ...]] = {
    "arch": (str,),
    "attributes": (dict,),
    "size": (int, list),
    "preprocess": (str, dict),
    "classes": (str, list),
    "activation": (str,),
}
CONFIG = "config.json"
FORMAT = "limelight-classifier"


def read(model: Path) -> dict[str, Any]:
    """The entries kept beside the model file, or in the trained folder; empty where none are.

    Raises:
        ModelLoadError: the file is not JSON, or has an entry that is not known.
    """
    trained = model.is_dir()
    path = model / CONFIG if trained else model.with_name(model.name + SUFFIX)
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path} must hold a JSON object with {', '.join(ENTRIES)}")
    if trained:
        content = {key: content[key] for key in ENTRIES if key in content}
    for key, value in content.items():
        if key not in ENTRIES:
            raise ModelLoadError(
                f"{path} has an entry {key!r}{did_you_mean(key, ENTRIES)} "
                f"(known: {', '.join(ENTRIES)})"
            )
        if not isinstance(value, ENTRIES[key]):
            raise ModelLoadError(f"{path}: {key} cannot be {value!r}")
    classes = content.get("classes")
    if isinstance(classes, str) and (path.parent / classes).is_file():
        content["classes"] = str(path.parent / classes)  # relative to the file that names it
    return content


def entries(classifier: Classifier) -> dict[str, Any]:
    """The entries that describe `classifier`, as plain JSON values.

    Raises:
        ModelLoadError: its preprocessing is a function.
    """
    preprocess = classifier.preprocess
    if preprocess.function is not None:
        raise ModelLoadError(
            "preprocessing by a function cannot be kept in a file; load the model with mean and "
            'std, or with a name such as "imagenet"'
        )
    kept: dict[str, Any] = {
        "size": list(preprocess.size),
        "preprocess": preprocess.mapping(),
        "activation": classifier.activation,
    }
    if classifier.arch is not None:
        kept["arch"] = classifier.arch
    if classifier.attributes:
        kept["attributes"] = dict(classifier.attributes)
    if classifier.class_names is not None:
        kept["classes"] = list(classifier.class_names)
    return kept


def save(classifier: Classifier, model: Path) -> Path:
    """Write the side file of the model file `model`; returns its path."""
    if classifier.framework == "torch" and classifier.arch is None:
        raise ModelLoadError(
            "a side file names its architecture by a registered source, such as "
            '"torchvision:resnet50"; this model was built by a function'
        )
    path = model.with_name(model.name + SUFFIX)
    write_json(path, entries(classifier))
    return path


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that the file is whole or not there."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    os.replace(partial, path)
