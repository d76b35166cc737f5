"""What a browser needs to show raw maps: the same scripts for all pages that we make."""

from __future__ import annotations

from importlib.resources import files


def script() -> str:
    """The script `maps.js`: it sets ``limelight``, whose functions are described there."""
    return _text("maps.js")


def cards_script() -> str:
    """`script` and ``limelight.card``, which shows an image with its maps."""
    return script() + "\n" + _text("cards.js")


def cards_style() -> str:
    """The style of such cards. It uses colours that the page sets: ``--accent``, ``--ink`` …"""
    return _text("cards.css")


def notebook_script() -> str:
    """`cards_script` and what shows them in a notebook."""
    return cards_script() + "\n" + _text("notebook.js")


def _text(name: str) -> str:
    return (files("limelight.viewer") / name).read_text(encoding="utf-8")
