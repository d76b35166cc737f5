"""Image classification models of the Hugging Face hub, or of a folder in its layout.

The files are fetched by `limelight.models.hub`; transformers reads them from the folder, never
runs code that lies beside them, and takes tensors alone.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limelight.errors import ModelLoadError
from limelight.models.metadata import Metadata
from limelight.models.sources import Source, importing

_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_FAILURES = (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, ImportError)


def _transformers() -> Any:
    return importing("transformers", "hf", "models of the Hugging Face hub")


def _folder(name: str, weights: bool) -> Path:
    """The folder that a name stands for: itself, or the hub's cache of that repository."""
    from limelight.models.hub import huggingface_folder

    folder = Path(name).expanduser()
    if not folder.is_dir():
        return huggingface_folder(name, weights, f"hf:{name}", _PROCESSORS)
    if not (folder / "config.json").is_file():
        raise ModelLoadError(
            f"{folder} is no folder of a Hugging Face model: there is no config.json, as "
            "save_pretrained writes it"
        )
    return folder


def _config(folder: Path, name: str) -> Any:
    content = json.loads((folder / "config.json").read_text("utf-8"))
    if "auto_map" in content:
        raise ModelLoadError(
            f"hf:{name} is defined by Python code beside its weights, and that is not run: load it "
            "yourself where you trust it, and give the model object"
        )
    if "architecture" in content and "model_type" not in content:
        place = "local-dir" if Path(name).expanduser().is_dir() else "hf-hub"
        raise ModelLoadError(f"hf:{name} is a model of timm: give 'timm:{place}:{name}'")
    try:
        return _transformers().AutoConfig.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except _FAILURES as error:
        raise ModelLoadError(f"transformers does not know hf:{name}: {_brief(error)}") from error


def _build(name: str, classes: int | None) -> Any:
    config = _config(_folder(name, weights=False), name)
    if classes is not None:
        config.num_labels = classes
    return _random(name, config)


def _random(name: str, config: Any) -> Any:
    automatic = _transformers().AutoModelForImageClassification
    try:
        return automatic.from_config(config, trust_remote_code=False).float().eval()
    except _FAILURES as error:
        raise _no_classifier(name, config, error) from error


def _pretrained(name: str) -> Any:
    from limelight.models.torch_files import read_weights

    folder = _folder(name, weights=True)
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        raise ModelLoadError(f"{folder} holds no weights: neither *.safetensors nor *.bin")
    return _fill(name, {key: t for file in files for key, t in read_weights(file).items()})


def _fill(name: str, weights: dict[str, Any]) -> Any:
    """The model with `weights`, whose names in files transformers turns into those of its own."""
    import torch

    config = _config(_folder(name, weights=False), name)
    kind = type(_random(name, config))
    try:
        with _quiet():
            model, report = kind.from_pretrained(
                None,
                config=config,
                state_dict=weights,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except _FAILURES as error:
        raise ModelLoadError(f"the weights do not fit hf:{name}: {_brief(error)}") from error
    if lacking := sorted(report["missing_keys"]):
        raise ModelLoadError(
            f"hf:{name} is no trained image classifier: there are no weights for "
            f"{', '.join(lacking[:3])}{' …' if len(lacking) > 3 else ''}"
        )
    return model.eval()


def _no_classifier(name: str, config: Any, error: Exception) -> ModelLoadError:
    return ModelLoadError(
        f"hf:{name} is a {config.model_type}, which transformers has no image classifier for: "
        f"{_brief(error)}"
    )


def _brief(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0] or type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own report, which `_fill` turns into an error."""
    logging = _transformers().utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def _metadata(name: str, model: Any) -> Metadata:
    from limelight.models.processors import read_processor

    said = from_config(model.config)
    folder = _folder(name, weights=False)
    if not any((folder / file).is_file() for file in _PROCESSORS):
        return said
    try:
        with _quiet():
            processor = _transformers().AutoImageProcessor.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
        found = read_processor(processor)
    except _FAILURES as error:
        raise ModelLoadError(
            f"the image processor of hf:{name} cannot be used: {_brief(error)}"
        ) from error
    if found is None:
        return said
    preprocess, size = found
    why = f"the {type(processor).__name__} of hf:{name}"
    return Metadata(why, preprocess, size, said.classes, said.activation)


def from_config(config: Any) -> Metadata:
    """What the configuration of a transformers model says: class names, and what they exclude."""
    names = [str(config.id2label[i]) for i in sorted(config.id2label)]
    named = any(name != f"LABEL_{i}" for i, name in enumerate(names))
    several = getattr(config, "problem_type", None) == "multi_label_classification"
    return Metadata(
        classes=tuple(names) if named else None, activation="sigmoid" if several else None
    )


SOURCE = Source(
    prefix="hf",
    framework="torch",
    summary="image classifiers of the Hugging Face hub (huggingface.co/models), or a folder of one",
    example="hf:microsoft/resnet-50",
    needs="transformers",
    extra="hf",
    names=lambda: (),
    accepts=bool,
    build=_build,
    pretrained=_pretrained,
    fill=_fill,
    metadata=_metadata,
)
