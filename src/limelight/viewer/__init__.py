"""What a browser needs to show raw maps: one script, the same for all pages that we make."""

from __future__ import annotations

from importlib.resources import files


def script() -> str:
    """The script `maps.js`: it sets ``limelight``, whose functions are described there."""
    return (files("limelight.viewer") / "maps.js").read_text(encoding="utf-8")
