"""Weights files of PyTorch: read without ever running what a pickle holds."""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from limelight.errors import ModelLoadError, require
from limelight.models.sources.torch_file import SOURCE

SUFFIXES = SOURCE.suffixes
# What torch.load raises on bytes that are no checkpoint.
_BROKEN = (
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    OverflowError,
    struct.error,
)
_NESTED = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
# As torchvision's DenseNets were published: "denselayer1.norm.1" is "denselayer1.norm1" by now.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def read_weights(path: Path) -> dict[str, Any]:
    """The tensors of a weights file by name, without the wrappings that training scripts add.

    Raises:
        ModelLoadError: the file is damaged, holds other objects than tensors (which only running
            its pickle would give, and that is not done), or no tensors.
    """
    torch = require("torch", "torch", "PyTorch models")
    if path.suffix == ".safetensors":
        safetensors = require("safetensors.torch", "torch", "safetensors files")
        from safetensors import SafetensorError

        try:
            content = safetensors.load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise ModelLoadError(f"{path} is not a whole safetensors file: {error}") from error
    else:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            found = re.search(r"GLOBAL ([\w.]+)", str(error))
            raise ModelLoadError(
                f"{path} holds more than weights ({found[1] if found else 'pickled objects'}), and "
                "reading that would run the code in it, which is not done: save "
                "model.state_dict() where you trust the file, and give that with arch="
            ) from error
        except _BROKEN as error:
            if "TorchScript" in str(error):
                raise ModelLoadError(
                    f"{path} is a TorchScript archive, which is a program and not weights: save "
                    "model.state_dict(), and give that with arch="
                ) from error
            raise ModelLoadError(
                f"{path} is damaged, or no file of PyTorch weights: {_first_sentence(error)}"
            ) from error
    return _state_dict(content, path)


def _first_sentence(error: Exception) -> str:
    """How an error begins; torch's explanations are pages long."""
    text = str(error).strip().partition("\n")[0].partition(". ")[0]
    return text if isinstance(error, RuntimeError) and text else type(error).__name__


def _state_dict(content: Any, path: Path) -> dict[str, Any]:
    import torch

    for key in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if isinstance(content, Mapping):
        tensors = {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
        if tensors and len(tensors) == len(content):
            return tensors
        if content:
            first = next(k for k, v in content.items() if not isinstance(v, torch.Tensor))
            raise ModelLoadError(
                f"{path} is not a plain state dict: its entry {first!r} is a "
                f"{type(content[first]).__name__}, not a tensor; expected tensors by name, at the "
                f"top or under {', '.join(map(repr, _NESTED))}"
            )
    raise ModelLoadError(f"{path} holds a {type(content).__name__}, not tensors by name")


def fill(
    model: Any,
    weights: dict[str, Any],
    what: str,
    rebuild: Callable[[int], Any] | None = None,
) -> Any:
    """`model` filled with `weights`, in eval mode.

    Where only the number of outputs differs from the file's, `rebuild` gives the model with the
    file's number of classes. `what` names the model in errors.

    Raises:
        ModelLoadError: names or shapes differ.
    """
    weights = _named_as(model, weights)
    differing = _differing(model, weights)
    if differing and rebuild is not None:
        own = model.state_dict()
        classes = {int(weights[n].shape[0]) for n in differing if weights[n].ndim}
        same_inputs = all(weights[n].shape[1:] == own[n].shape[1:] for n in differing)
        if len(classes) == 1 and same_inputs:
            model = rebuild(classes.pop())
            differing = _differing(model, weights)
    if differing:
        own = model.state_dict()
        shapes = [
            f"{n} is {tuple(weights[n].shape)} in the file and {tuple(own[n].shape)} in the model"
            for n in differing
        ]
        raise ModelLoadError(f"the weights do not fit {what}: {_few(shapes, '; ')}")
    result = model.load_state_dict(weights, strict=False)
    problems = []
    if result.missing_keys:
        problems.append(f"the file lacks {_few(result.missing_keys)}")
    if result.unexpected_keys:
        problems.append(f"the model has no {_few(result.unexpected_keys)}")
    if problems:
        raise ModelLoadError(f"the weights do not fit {what}: {'; '.join(problems)}")
    return model.eval()


def _named_as(model: Any, weights: dict[str, Any]) -> dict[str, Any]:
    """The weights by the model's own names, where only a prefix or an old name differs."""
    own = set(model.state_dict())
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in weights) and not own & weights.keys():
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    renamed = {name: _OLD_DENSENET.sub(r"\1\2.", name) for name in weights.keys() - own}
    return {
        new if (new := renamed.get(name, name)) in own else name: value
        for name, value in weights.items()
    }


def _differing(model: Any, weights: dict[str, Any]) -> list[str]:
    own = model.state_dict()
    return [n for n, value in weights.items() if n in own and own[n].shape != value.shape]


def _few(words: list[str], separator: str = ", ", count: int = 3) -> str:
    more = f" and {len(words) - count} more" if len(words) > count else ""
    return separator.join(words[:count]) + more


def set_attributes(model: Any, attributes: Mapping[str, Any]) -> None:
    """Set plain attributes of a model's modules: ``{"classifier.1.padding": (1, 1)}``.

    Only an attribute that is there already and holds a number, a truth value, or several, can be
    set, and only to the like: this comes from side files, which are data.

    Raises:
        ModelLoadError: no such module or attribute, or a value of another kind.
    """
    for path, value in attributes.items():
        owner, _, name = path.rpartition(".")
        try:
            module = model.get_submodule(owner)
        except AttributeError as error:
            raise ModelLoadError(f"attributes: the model has no module {owner!r}") from error
        if name.startswith("_") or name == "training" or name not in vars(module):
            raise ModelLoadError(f"attributes: {owner or 'the model'} has no attribute {name!r}")
        old = getattr(module, name)
        new = tuple(value) if isinstance(value, list) else value
        if not (_plain_numbers(old) and _plain_numbers(new)):
            raise ModelLoadError(
                f"attributes: {path} is {old!r} and cannot become {value!r}; only numbers, and "
                "tuples of numbers, can be set"
            )
        setattr(module, name, new)


def _plain_numbers(value: Any) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return all(isinstance(v, int | float) for v in values)


def outputs(model: Any, shape: tuple[int, ...]) -> int | None:
    """How many classes the model scores: one image of zeros of `shape` (C, H, W) is run.

    None where the output is not (N, classes).

    Raises:
        ModelLoadError: the model does not take such an image.
    """
    import torch

    parameter = next(model.parameters(), None)
    kind = {} if parameter is None else {"device": parameter.device, "dtype": parameter.dtype}
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            output = model(torch.zeros(1, *shape, **kind))
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        raise ModelLoadError(
            f"the model does not take images as (N, {', '.join(map(str, shape))}): "
            f"{_first_sentence(error)}"
        ) from error
    finally:
        for module, training in modes.items():
            module.training = training
    output = getattr(output, "logits", output)
    if isinstance(output, torch.Tensor) and output.ndim == 2 and len(output) == 1:
        return int(output.shape[1])
    return None


def input_channels(model: Any) -> int | None:
    """The channels of the image that the model's first convolution takes; None without one."""
    return next((m.in_channels for m in model.modules() if hasattr(m, "in_channels")), None)
