"""The models of timm, the PyTorch image models."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from limelight.errors import ModelLoadError
from limelight.models.metadata import Metadata
from limelight.models.sources import Source, importing

_HUB, _FOLDER = "hf-hub:", "local-dir:"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")


def _timm() -> Any:
    return importing("timm", "timm", "timm models")


def _names() -> Iterable[str]:
    timm = _timm()
    return {*timm.list_models(), *timm.list_pretrained()}


def _elsewhere(name: str) -> bool:
    return name.startswith((_HUB, _FOLDER))


def _create(name: str, classes: int | None, **options: Any) -> Any:
    if classes is not None:
        options["num_classes"] = classes
    if _elsewhere(name):
        name = _FOLDER + str(_folder(name, weights=options.get("pretrained", False)))
    try:
        return _timm().create_model(name, **options)
    except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ModelLoadError(f"timm cannot build {name!r}: {first}") from error


def _build(name: str, classes: int | None) -> Any:
    return _create(name, classes, pretrained=False)


def _folder(name: str, weights: bool) -> Path:
    """The folder with a model's config.json that a name with a place in it stands for."""
    from limelight.models.hub import huggingface_folder

    if name.startswith(_HUB):
        return huggingface_folder(name.removeprefix(_HUB), weights, f"timm:{name}")
    folder = Path(name.removeprefix(_FOLDER)).expanduser()
    if not (folder / "config.json").is_file():
        raise ModelLoadError(
            f"{folder} is no folder of a timm model: there is no config.json, as "
            "timm.models.save_for_hf writes it"
        )
    return folder


def _pretrained(name: str) -> Any:
    """Timm's own loading (which renames, resizes and checks), on weights that were read here."""
    from limelight.models.torch_files import read_weights

    config = _build(name, None).pretrained_cfg
    file, custom = _file(name, config)
    # A state dict or a file goes before every other place that the configuration names.
    given: dict[str, Any] = {"source": "", "custom_load": custom}
    if custom:
        given["file"] = str(file)  # of NumPy, which timm reads without pickles
    else:
        given["state_dict"] = read_weights(file)
    model = _create(name, None, pretrained=True, pretrained_cfg_overlay=given)
    model.pretrained_cfg = config
    return model.eval()


def _file(name: str, config: dict[str, Any]) -> tuple[Path, bool]:
    """The published weights, and whether they are in a format that timm alone reads."""
    from limelight.models.hub import huggingface_file, torch_file

    arch = f"timm:{name}"
    if _elsewhere(name):
        folder = _folder(name, weights=True)
        for candidate in _WEIGHTS:
            if (folder / candidate).is_file():
                return folder / candidate, False
        raise ModelLoadError(f"{folder} holds no weights; expected one of {', '.join(_WEIGHTS)}")
    if repository := config.get("hf_hub_id"):
        repository, _, revision = repository.partition("@")
        named = config.get("hf_hub_filename")
        for candidate in (named,) if named else _WEIGHTS[:2]:
            file = huggingface_file(repository, candidate, arch, revision or None)
            if file is not None:
                return file, config.get("custom_load") == "hf"
    elif url := config.get("url"):
        return torch_file(url, arch), bool(config.get("custom_load"))
    raise ModelLoadError(
        f"timm publishes no weights for {name!r}: give a weights file with arch={arch!r}, or "
        "pretrained=False for random weights"
    )


def _metadata(name: str, model: Any) -> Metadata:
    return from_config(model.pretrained_cfg, f"timm's configuration of {name}")


def from_config(config: dict[str, Any], why: str) -> Metadata:
    """What a `pretrained_cfg`, which every timm model carries, says."""
    _, height, width = config["input_size"]
    settings = {
        "mean": config["mean"],
        "std": config["std"],
        "interpolation": config["interpolation"],
    }
    if config.get("crop_mode", "center") == "squash":
        settings["mode"] = "squash"
    else:
        settings["mode"] = "crop"
        settings["resize"] = int(min(height, width) / config["crop_pct"])
    return Metadata(why=why, preprocess=settings, size=(height, width), classes=_classes(config))


def _classes(config: dict[str, Any]) -> str | tuple[str, ...] | None:
    names = config.get("label_names")
    if names:
        words = config.get("label_descriptions") or {}
        return tuple(str(words.get(name, name)) for name in names)
    if config.get("num_classes") == 1000:
        return "imagenet"
    from timm.data import ImageNetInfo, infer_imagenet_subset

    # It reads the dictionary's entries as attributes do: number of classes, tag, architecture.
    subset = infer_imagenet_subset(config)
    if not subset:
        return None
    info = ImageNetInfo(subset)
    return tuple(info.index_to_description(i) for i in range(info.num_classes()))


SOURCE = Source(
    prefix="timm",
    framework="torch",
    summary="timm, PyTorch image models; also hf-hub:user/model and local-dir:folder after timm:",
    example="timm:resnet50",
    needs="timm",
    extra="timm",
    names=_names,
    accepts=_elsewhere,
    build=_build,
    pretrained=_pretrained,
    metadata=_metadata,
)
