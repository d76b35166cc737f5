"""Which file of a path is the model's."""

from __future__ import annotations

import os
from pathlib import Path

from limelight.errors import ModelLoadError, did_you_mean
from limelight.models import keras_files, side_file, sources, torch_files


def model_file(path: str | os.PathLike[str]) -> Path:
    """The file that holds the model, `path` itself or in it.

    Raises:
        ModelLoadError: there is none, or not one that can be loaded; it says why.
    """
    file = Path(path)
    if file.is_dir():
        for name in ("model.safetensors", "model.keras"):
            if (file / name).is_file() and (file / side_file.CONFIG).is_file():
                return file / name
        if (file / "saved_model.pb").is_file():
            raise ModelLoadError(
                f"{file} is a TensorFlow SavedModel, which Keras 3 cannot load as a model: save "
                "it with model.save('model.keras')"
            )
        raise ModelLoadError(
            f"{file} is a folder, but not one that Limelight's training made (config.json and "
            "model.safetensors or model.keras): give the model's file"
        )
    if not file.is_file():
        prefix, colon, _ = os.fspath(path).partition(":")
        known = sources.sources()
        hint = did_you_mean(prefix, known) if colon and prefix.isidentifier() else ""
        if hint:
            hint = f", and no source of models {prefix!r}{hint}"
        elif not file.suffix and os.fspath(path) == file.name:
            hint = (
                f"; a published model is named with its source, such as 'torchvision:{file}' "
                "('limelight models' lists them)"
            )
        raise ModelLoadError(f"there is no file {file}{hint}")
    if file.name.endswith(".weights.h5"):
        raise ModelLoadError(
            f"{file} holds weights alone, not a model: save it whole by model.save('model.keras')"
        )
    suffixes = (*keras_files.SUFFIXES, *torch_files.SUFFIXES)
    if file.suffix not in suffixes:
        raise ModelLoadError(
            f"{file} is no model file that is known here; expected {', '.join(suffixes)}, or a "
            "folder that Limelight's training made"
        )
    return file
