"""The methods that explain one layer of any model; those of attention need a vision transformer."""

from __future__ import annotations

from limelight.methods import Method, list_methods


def methods_of_layers() -> list[Method]:
    return [m for m in list_methods() if not m.of_attention and m.across is None]
