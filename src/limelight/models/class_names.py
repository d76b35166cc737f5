"""The names of a model's classes: bundled, in a file, or given."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from limelight.errors import ModelLoadError

IMAGENET = "imagenet"


def read(classes: str | Path | Iterable[str]) -> tuple[str, ...]:
    """The names that `classes` stands for: "imagenet", a text file with one a line, or a list.

    Raises:
        ModelLoadError: there is no such file, it is not text, empty, or the list holds no strings.
    """
    if classes == IMAGENET:
        text = (
            resources.files("limelight.models").joinpath("imagenet_classes.txt").read_text("utf-8")
        )
        return tuple(text.splitlines())
    if isinstance(classes, str | Path):
        try:
            lines = Path(classes).read_text("utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelLoadError(
                f"classes={str(classes)!r} is not a text file with one class name a line: {error}"
            ) from error
        names = [line.strip() for line in lines]
        while names and not names[-1]:
            names.pop()
    else:
        names = list(classes)
    if not names:
        raise ModelLoadError("classes are empty: one name for each output of the model is needed")
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise ModelLoadError(f"class {index} has no name: {name!r}")
    return tuple(names)
