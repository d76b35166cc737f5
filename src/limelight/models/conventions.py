"""The names under which preprocessing is known, and what each means in numbers.

Those of ``keras:<application>`` are not listed here: they are read off keras.applications itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from limelight.errors import ModelLoadError, did_you_mean
from limelight.models.keras_backend import import_keras
from limelight.models.preprocess import Preprocess

NAMED: dict[str, dict[str, Any]] = {
    "0-1": {"mean": 0.0, "std": 1.0},
    "-1-1": {"mean": 0.5, "std": 0.5},
    "0-255": {"mean": 0.0, "std": 1 / 255},
    "imagenet": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
}
_KEYS = ("mean", "std", "mode", "resize", "crop", "interpolation", "channels")


def choices() -> str:
    """The clause that an error ends with: every way in which preprocessing can be said."""
    named = ", ".join(f'"{name}"' for name in NAMED)
    return (
        f'preprocess= {named}, "keras:<application>" (such as "keras:resnet50"), '
        'a mapping {"mean": […], "std": […]} in units of [0, 1], or a function'
    )


def build(
    preprocess: str | Mapping[str, Any] | Callable[..., Any],
    size: tuple[int, int] | None,
    channels: str | None,
    channels_first: bool,
) -> Preprocess:
    """The `Preprocess` that a name, a mapping or a function stands for.

    `size` is the model's input (height, width) where known; `channels` "L" where the model takes
    a single channel. What was left open goes into `assumed`.

    Raises:
        ModelLoadError: an unknown name or key, sizes that contradict each other, or none.
    """
    if callable(preprocess):
        settings: dict[str, Any] = {"function": preprocess}
    elif isinstance(preprocess, Mapping):
        settings = dict(preprocess)
        for key in settings:
            if key not in _KEYS:
                raise ModelLoadError(
                    f"preprocess has no entry {key!r}{did_you_mean(key, _KEYS)} "
                    f"(known: {', '.join(_KEYS)})"
                )
        if ("mean" in settings) != ("std" in settings):
            raise ModelLoadError("preprocess needs mean and std together, in units of [0, 1]")
        if "mean" not in settings:
            raise ModelLoadError(f"preprocess names no mean and std; expected {choices()}")
    elif isinstance(preprocess, str) and preprocess in NAMED:
        settings = dict(NAMED[preprocess])
    elif isinstance(preprocess, str) and preprocess.startswith("keras:"):
        settings = keras_application(preprocess.removeprefix("keras:"))
    else:
        hint = did_you_mean(preprocess, NAMED) if isinstance(preprocess, str) else ""
        raise ModelLoadError(f"preprocess={preprocess!r} is not known{hint}; expected {choices()}")

    cut = settings.pop("crop", None)
    if cut is not None:
        cut = (cut, cut) if isinstance(cut, int) else tuple(cut)
        if size is not None and size != cut:
            raise ModelLoadError(f"the centre crop is {cut}, but the model's size is {size}")
        size = cut
    if size is None:
        raise ModelLoadError(
            "the model takes images of any size, so say which: size=224, or size=(height, width)"
        )
    said_mode = bool({"mode", "resize"} & settings.keys()) or cut is not None
    if (cut is not None or "resize" in settings) and "mode" not in settings:
        settings["mode"] = "crop"
    for key in ("mean", "std"):
        if key in settings:
            settings[key] = _numbers(key, settings[key])
    if channels is not None:
        settings.setdefault("channels", channels)
    try:
        made = Preprocess(size=size, channels_first=channels_first, **settings)
    except TypeError as error:
        raise ModelLoadError(f"preprocess is not understood: {error}") from error
    return made if said_mode else made.assuming(f"{made.describe()} (no mode was given)")


def _numbers(key: str, values: Any) -> tuple[float, ...]:
    values = [values] if isinstance(values, int | float) else list(values)
    if not all(isinstance(v, int | float) for v in values):
        raise ModelLoadError(f"{key} must be numbers, not {values!r}")
    return tuple(float(v) for v in values)


# --- keras.applications -----------------------------------------------------------------------


def keras_application(name: str) -> dict[str, Any]:
    """What ``keras.applications.<name>`` does to 0..255 RGB, read off its `preprocess_input`.

    It is affine in each channel, so black and the three pure colours tell all of it: offset,
    scale and order of the channels.

    Raises:
        ModelLoadError: keras.applications has no such model.
    """
    modules = _application_modules()
    module = modules.get(_plain(name))
    if module is None:
        hint = did_you_mean(_plain(name), modules)
        raise ModelLoadError(f'keras.applications has no "{name}"{hint}')
    import numpy as np

    colours = np.zeros((1, 1, 4, 3), np.float32)
    colours[0, 0, 1:] = 255 * np.eye(3)
    result = np.asarray(module.preprocess_input(colours, data_format="channels_last"), np.float64)
    black, pure = result[0, 0, 0], result[0, 0, 1:] - result[0, 0, 0]
    order = pure.argmax(axis=1)  # where red, green and blue end up
    gain = pure[np.arange(3), order]
    std = 1 / gain
    mean = -black[order] * std
    return {
        "mean": tuple(float(m) for m in mean.round(7)),
        "std": tuple(float(s) for s in std.round(9)),
        "channels": "RGB" if order.tolist() == [0, 1, 2] else "BGR",
    }


def application_of(model_name: str) -> str | None:
    """The keras.applications model that a Keras model's name belongs to.

    Only names that keras.applications itself gives count: "resnet50", "mobilenetv2_1.00_224".
    """
    family = re.sub(r"_\d\.\d\d_(\d+|None)$", "", model_name)  # MobileNet's width and size
    plain = _plain(family)
    functions = {_plain(n): n.lower() for n, f in _applications().items() if inspect.isfunction(f)}
    return functions.get(plain)


def _applications() -> dict[str, Any]:
    keras = import_keras()
    return {n: getattr(keras.applications, n) for n in dir(keras.applications) if n[0] != "_"}


@cache
def _application_modules() -> dict[str, ModuleType]:
    """Plain name of a model, or of its module -> the public module with its `preprocess_input`."""
    members = _applications()
    modules = {n: m for n, m in members.items() if inspect.ismodule(m) and n != "imagenet_utils"}
    named = {_plain(n): m for n, m in modules.items()}
    for name, function in members.items():
        if inspect.isfunction(function):
            named[_plain(name)] = modules[function.__module__.rpartition(".")[2]]
    return named


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
