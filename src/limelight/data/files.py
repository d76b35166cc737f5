"""Finding and reading the files of a data set."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.data.dataset import Problems
from limelight.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np

IMAGES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
)
_SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing")


def is_image(name: str) -> bool:
    """Whether a file's name ends as an image's does."""
    return os.path.splitext(name)[1].lower() in IMAGES and not name.startswith(".")


def image_files(folder: Path) -> list[str]:
    """The images anywhere under `folder`, as sorted names relative to it, with forward slashes."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        relative = Path(parent).relative_to(folder).as_posix()
        start = "" if relative == "." else f"{relative}/"
        found += [start + name for name in names if is_image(name)]
    return sorted(found)


def holds_images(folder: Path) -> bool:
    """Whether an image lies in the folder itself."""
    with os.scandir(folder) as entries:
        return any(is_image(entry.name) for entry in entries)


def subfolders(folder: Path) -> list[str]:
    """The names of the folders in `folder`, sorted, hidden ones left out."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if _is_folder(e) and not e.name.startswith("."))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself is none; whoever opens it is told
        return False


def split_folders(folder: Path) -> list[str]:
    """The folders in `folder` that are named like splits, training first."""
    names = {name.lower(): name for name in subfolders(folder)}
    return [names[split] for split in _SPLITS if split in names]


def first_existing(candidates: Iterable[Path]) -> Path | None:
    """The first of the paths that exists."""
    return next((path for path in candidates if path.exists()), None)


def child(folder: Path, names: Sequence[str]) -> Path | None:
    """The folder in `folder` that is called like one of `names`, whatever its capitals."""
    present = {name.lower(): name for name in subfolders(folder)}
    return next((folder / present[n.lower()] for n in names if n.lower() in present), None)


def image_root(folder: Path, images: str | Path | None) -> Path:
    """The folder of the images: `images` where given (relative ones start at `folder`).

    Raises:
        DatasetError: there is no such folder.
    """
    if images is None:
        return folder
    root = folder / Path(images).expanduser()
    if not root.is_dir():
        raise DatasetError(f"there is no folder of images {root}")
    return root


def lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """The lines of a text file that hold something, with their numbers from 1.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, text in enumerate(file, 1):
                stripped = text.strip()
                if "\N{REPLACEMENT CHARACTER}" in stripped:
                    problems.add(path, number, "the line is not UTF-8 text")
                elif stripped:
                    yield number, stripped
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error


def load_json(path: Path) -> Any:
    """The contents of a JSON file.

    Raises:
        DatasetError: the file cannot be read, or is no JSON; the line is named.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            return json.load(file)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error


def load_mat(path: Path, variable: str) -> np.ndarray:
    """A variable of a MATLAB file, with at least one axis and no axes of length one.

    Raises:
        DatasetError: it is no MATLAB file, or has no such variable.
    """
    import numpy as np
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(str(path), squeeze_me=True, variable_names=[variable])
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError) as error:
        raise DatasetError(f"{path} cannot be read as a MATLAB file: {error}") from error
    if variable not in content:
        raise DatasetError(f"{path} has no variable {variable!r}")
    return np.atleast_1d(content[variable])


def numbers(texts: Iterable[str]) -> list[float] | None:
    """The texts as numbers; None where one of them is none."""
    try:
        return [float(text) for text in texts]
    except ValueError:
        return None
