"""The methods that explain a layer of any model; those of attention need a vision transformer."""

from __future__ import annotations

from limelight.methods import Method, list_methods


def methods_of_layers() -> list[Method]:
    return [method for method in list_methods() if not method.of_attention]
