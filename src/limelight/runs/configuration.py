"""What a run was asked for, resolved to plain values: two runs with the same are the same run."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight._version import __version__
from limelight.errors import LimelightError
from limelight.runs.folder import digest

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.models import Classifier
    from limelight.runs.evaluating import Evaluator
    from limelight.runs.settings import Settings

_SAMPLE = 64  # entries of the data set that are looked at
_LIBRARIES = ("numpy", "PIL", "torch", "keras", "tensorflow", "jax", "pyarrow")


def configuration_of(
    evaluator: Evaluator, classifier: Classifier | None, dataset: Dataset, settings: Settings
) -> dict[str, Any]:
    """The resolved configuration.

    Args:
        evaluator: of the run.
        classifier, dataset, settings: what it was made of.
    """
    explaining = evaluator.explaining
    index, layer = explaining.labels.index, settings.layer
    measured = {"asked_again": settings.asked_again, "spared": dict(settings.spared)}
    return {
        "data": describe_data(dataset),
        "model": None if classifier is None else describe_model(classifier),
        "methods": list(settings.methods),
        "options": dict(settings.options),
        "layer": layer if layer is None or isinstance(layer, str) else type(layer).__name__,
        "target": explaining.target,
        "labels": explaining.labels.origin,
        "class_map": None if index is None else {str(k): v for k, v in sorted(index.items())},
        "cuts": {name: cut.as_dict() for name, cut in evaluator.cuts.items()},
        "maps": {name: str(folder.resolve()) for name, folder in explaining.folders.items()},
        "metrics": list(evaluator.metrics),
        **{name: value for name, value in measured.items() if value},
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
    """The model: its file's name, a digest of its contents, its preprocessing."""
    preprocess = classifier.preprocess
    prepared = (
        preprocess.mapping()
        if preprocess.function is None
        else getattr(preprocess.function, "__qualname__", "a function")
    )
    file = Path(classifier.source) if classifier.source else None
    return {
        "name": type(classifier.model).__name__ if file is None else file.name,
        "sha256": _sha256_of(classifier),
        "arch": classifier.arch,
        "attributes": dict(classifier.attributes),
        "size": list(preprocess.size),
        "preprocess": prepared,
        "activation": classifier.activation,
    }


def _sha256_of(classifier: Classifier) -> str:
    """Of the model's file or all files of its folder; of its weights where it has neither."""
    source = Path(classifier.source) if classifier.source else None
    if source is not None and source.is_file():
        with source.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    found = hashlib.sha256()
    if source is not None and source.is_dir():
        for file in sorted(each for each in source.rglob("*") if each.is_file()):
            found.update(str(file.relative_to(source)).encode("utf-8", "surrogateescape"))
            found.update(file.read_bytes())
        return found.hexdigest()
    for name, values in _weights(classifier):
        found.update(name.encode("utf-8"))
        found.update(values)
    return found.hexdigest()


def _weights(classifier: Classifier) -> Iterator[tuple[str, bytes]]:
    """Each weight's name and bytes."""
    if classifier.framework == "keras":
        from limelight.arrays import to_numpy

        for weight in classifier.model.weights:
            yield weight.path, to_numpy(weight.value).tobytes()
        return
    import torch

    for name, tensor in classifier.model.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            # as bytes, since NumPy does not know every type of torch
            yield name, tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()


def versions() -> dict[str, str]:
    """The versions of Limelight, Python, and of the libraries that are in use."""
    found = {"limelight": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        if name in sys.modules:
            found[name] = getattr(sys.modules[name], "__version__", None) or (
                importlib.metadata.version(name)
            )
    if "keras" in found:
        found["keras backend"] = sys.modules["keras"].backend.backend()
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
