"""The files of the page, read once: a fixed table, and no path of a request is ever opened."""

from __future__ import annotations

from importlib.resources import files

from limelight import viewer

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """By path on the server, each file's content and type."""
    found = {"/maps.js": (viewer.script().encode(), _TYPES[".js"])}
    for file in (files("limelight.web") / "static").iterdir():
        kind = _TYPES.get("." + file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found[path] = file.read_bytes(), kind
    return found
