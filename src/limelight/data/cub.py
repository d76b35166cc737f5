"""Caltech-UCSD Birds 200-2011."""

from __future__ import annotations

from pathlib import Path

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import first_existing, lines, numbers
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.data.wsol import MaskFiles
from limelight.errors import DatasetError

_FILES = ("images.txt", "image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt")
_SPLITS = ("test", "train")  # in the order of the flag in train_test_split.txt


def _root(path: Path) -> Path | None:
    """The folder with the text files: `path`, or CUB_200_2011 in it."""
    places = (path, path / "CUB_200_2011")
    return next((p for p in places if all((p / f).is_file() for f in _FILES)), None)


@reader(
    "cub",
    title="Caltech-UCSD Birds 200-2011",
    expects=f"the folder CUB_200_2011 with {', '.join(_FILES)} and images/",
    recognizes=lambda path: _root(path) is not None,
)
def cub(path: Path, split: str | None, problems: Problems) -> Dataset:
    """Read CUB-200-2011.

    Boxes (x, y, width, height in the file) are taken as they are written. Masks come from the
    folder segmentations/ where it is there; what at least half of the annotators marked counts.

    Args:
        path: CUB_200_2011, or the folder that holds it.
        split: "train" (5,994 images) or "test" (5,794), from train_test_split.txt.
        problems: takes lines that cannot be read or name unknown images.

    Raises:
        DatasetError: a file is missing, no such split, or (strict) a broken line.
    """
    root = _root(path)
    if root is None:
        missing = ", ".join(name for name in _FILES if not (path / name).is_file())
        raise DatasetError(f"{path} is no CUB-200-2011: there is no {missing}")
    chosen = choose_splits(split, ("train", "test"), root)
    names = {key: (line, values[0]) for line, key, values in _table(root, _FILES[0], 1, problems)}
    labels = _integers(root, _FILES[1], names, problems)
    in_train = _integers(root, _FILES[2], names, problems)
    segmentations = first_existing([root / "segmentations", root.parent / "segmentations"])
    rows = Rows(root / "images", problems)
    found: dict[str, int] = {}
    for key, (line, name) in names.items():
        if labels.get(key, 0) < 1 or in_train.get(key) not in (0, 1):
            message = f"image {key} has no class from 1 on, or no split 0 or 1"
            problems.add(root / _FILES[0], line, message)
        elif _SPLITS[in_train[key]] in chosen:
            row = rows.image(name, labels[key] - 1, source=root / _FILES[0], line=line)
            found[key] = row
            if segmentations is not None:
                file = (segmentations / name).with_suffix(".png")
                rows.masks[row] = MaskFiles((file,))
    for line, key, values in _table(root, _FILES[3], 4, problems):
        box = numbers(values)
        if key not in names or box is None:
            problems.add(root / _FILES[3], line, "expected the id of an image and four numbers")
        elif key in found:
            x, y, width, height = box
            rows.box(found[key], (x, y, x + width, y + height), source=root / _FILES[3], line=line)
    classes = root / "classes.txt"
    class_names = None
    if classes.is_file():
        class_names = [values[0] for _, _, values in _table(root, classes.name, 1, problems)]
    return rows.dataset(
        "cub", class_names=class_names, split=split, splits=("train", "test")
    )  # fmt: skip


def _table(
    root: Path, name: str, count: int, problems: Problems
) -> list[tuple[int, str, list[str]]]:
    """The lines "id value …" of a file: (number, id, values)."""
    found = []
    for line, text in lines(root / name, problems):
        key, *values = text.split()
        if len(values) == count:
            found.append((line, key, values))
        else:
            problems.add(root / name, line, f"expected an id and {count} values; got {text!r}")
    return found


def _integers(
    root: Path, name: str, names: dict[str, tuple[int, str]], problems: Problems
) -> dict[str, int]:
    """The whole number that a file gives to each image."""
    found = {}
    for line, key, (text,) in _table(root, name, 1, problems):
        if key in names and text.isdecimal():
            found[key] = int(text)
        else:
            problems.add(root / name, line, f"expected the id of an image and a number; got {text}")
    return found
