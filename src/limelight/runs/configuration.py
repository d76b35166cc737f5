"""What a run was asked for, resolved to plain values: two runs with the same are the same run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight._version import __version__
from limelight.errors import LimelightError
from limelight.runs.folder import digest

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.models import Classifier
    from limelight.runs.evaluating import Evaluator

_SAMPLE = 64  # entries of the data set that are looked at
_LIBRARIES = ("numpy", "torch", "keras", "tensorflow", "jax", "pyarrow")


def configuration_of(
    evaluator: Evaluator,
    classifier: Classifier | None,
    dataset: Dataset,
    methods: Sequence[str],
    options: Mapping[str, Any] | None,
    layer: Any,
) -> dict[str, Any]:
    """The resolved configuration.

    Args:
        evaluator: of the run.
        classifier, dataset, methods, options, layer: as for `evaluate_methods`.
    """
    explaining = evaluator.explaining
    index = explaining.labels.index
    return {
        "data": describe_data(dataset),
        "model": None if classifier is None else describe_model(classifier),
        "methods": list(methods),
        "options": dict(options or {}),
        "layer": layer if layer is None or isinstance(layer, str) else type(layer).__name__,
        "target": explaining.target,
        "labels": explaining.labels.origin,
        "class_map": None if index is None else {str(k): v for k, v in sorted(index.items())},
        "cuts": {name: cut.as_dict() for name, cut in evaluator.cuts.items()},
        "maps": {name: str(folder.resolve()) for name, folder in explaining.folders.items()},
        "metrics": list(evaluator.metrics),
    }


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """The data set: its name, size, and a digest of some of its entries."""
    count = len(dataset)
    entries = []
    for i in sorted({i * count // _SAMPLE for i in range(_SAMPLE)} if count else ()):
        try:
            example = dataset[i]
        except LimelightError as error:
            entries.append(str(error))
            continue
        entries.append(f"{example.id} {example.label} {example.boxes.round(3).tolist()}")
    return {
        "name": dataset.name,
        "split": dataset.split,
        "images": count,
        "sample": digest(entries),
    }


def describe_model(classifier: Classifier) -> dict[str, Any]:
    """The model: its file's name and contents, its preprocessing."""
    preprocess = classifier.preprocess
    prepared = (
        preprocess.mapping()
        if preprocess.function is None
        else getattr(preprocess.function, "__qualname__", "a function")
    )
    file = Path(classifier.source) if classifier.source else None
    return {
        "name": type(classifier.model).__name__ if file is None else file.name,
        "sha256": None if file is None or not file.is_file() else _sha256(file),
        "arch": classifier.arch,
        "attributes": dict(classifier.attributes),
        "size": list(preprocess.size),
        "preprocess": prepared,
        "activation": classifier.activation,
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """The versions of Limelight, Python, and of the libraries that are in use."""
    found = {"limelight": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        if name in sys.modules:
            found[name] = getattr(sys.modules[name], "__version__", None) or (
                importlib.metadata.version(name)
            )
    return found


def absolute(source: str | Path | None) -> str | None:
    """What a data set was opened from, so that it is found from any folder."""
    if source is None:
        return None
    text, mark, query = str(source).partition("?")
    reader, colon, path = text.partition(":")
    if len(reader) < 2 or Path(text).exists():  # one letter is a drive of Windows
        reader, colon, path = "", "", text
    if path and Path(path).expanduser().exists():
        path = str(Path(path).expanduser().resolve())
    return f"{reader}{colon}{path}{mark}{query}"
