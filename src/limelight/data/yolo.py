"""YOLO: one text file an image, boxes as fractions of its size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import child, image_files, is_image, lines, numbers, split_folders
from limelight.data.polygons import Outlines
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.data.yolo_yaml import read_data_yaml
from limelight.errors import DatasetError

_YAML = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_NAMES = ("classes.txt", "obj.names", "_darknet.labels", "labels.txt")
_TOLERANCE = 1e-6  # what rounding may put a fraction beyond 1


@dataclass(frozen=True)
class _Part:
    """A folder of images, and the folder with their labels."""

    images: Path
    labels: Path


def _part(folder: Path) -> _Part:
    """The labels of a folder of images: the last "images" of its path becomes "labels"."""
    pieces = list(folder.parts)
    for i in range(len(pieces) - 1, -1, -1):
        if pieces[i] == "images":
            return _Part(folder, Path(*pieces[:i], "labels", *pieces[i + 1 :]))
    return _Part(folder, folder)


def _parts(path: Path) -> dict[str, _Part]:
    """The folders of each split; "" where one pair of folders holds all."""
    images, labels = child(path, ["images"]), child(path, ["labels"])
    if images is not None and labels is not None:
        splits = [name for name in split_folders(images) if (labels / name).is_dir()]
        if splits:
            return {name: _Part(images / name, labels / name) for name in splits}
        return {"": _Part(images, labels)}
    inside = {name: path / name for name in split_folders(path)}
    pairs = {n: _Part(f / "images", f / "labels") for n, f in inside.items()}
    pairs = {n: p for n, p in pairs.items() if p.images.is_dir() and p.labels.is_dir()}
    return pairs or ({"": _Part(path, path)} if _holds_labels(path) else {})


def _holds_labels(folder: Path) -> bool:
    """Whether a folder holds images with their label files beside them."""
    names = {file.stem for file in folder.glob("*.txt")}
    return any(is_image(file.name) and file.stem in names for file in folder.glob("*.*"))


def _yaml(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix in (".yaml", ".yml") else None
    return next((path / name for name in _YAML if (path / name).is_file()), None)


def _recognizes(path: Path) -> bool:
    if path.is_file():
        return _yaml(path) is not None
    if _yaml(path) is not None:
        return True
    parts = _parts(path)
    return any(next(part.labels.glob("**/*.txt"), None) is not None for part in parts.values())


@reader(
    "yolo",
    title="YOLO txt",
    expects="data.yaml, or a folder with images/ and labels/ (in each, <split>/ folders or the "
    "files), or with <split>/images/ and <split>/labels/; class names in data.yaml or classes.txt",
    recognizes=_recognizes,
)
def yolo(path: Path, split: str | None, problems: Problems, *, per: str = "image") -> Dataset:
    """Read YOLO labels: lines of class, centre x, centre y, width, height, or of a polygon.

    An image without a label file has no boxes. Each box's pixels follow from the size of its image
    as displayed upright, whose header is read when the example is asked for.

    Args:
        path: the folder, or its data.yaml.
        split: "train", "val" or "test", as the folders or data.yaml name them.
        problems: takes lines that cannot be read, and labels without an image.
        per: "class" gives one example for each image and class.

    Raises:
        DatasetError: no images or labels, no such split, or (strict) a broken line.
    """
    file = _yaml(path)
    folder = path if path.is_dir() else path.parent
    parts, names = _parts(folder), None
    if file is not None:
        written = read_data_yaml(file)
        names = written.names
        parts = {split: _part(at) for split, at in written.folders.items()} or parts
    names = names or _names(folder, problems)
    if not parts:
        raise DatasetError(f"{path} holds no images/ and labels/, nor a data.yaml that names them")
    splits = tuple(name for name in parts if name)
    chosen = choose_splits(split, splits, path) or [""]
    for name in chosen:
        if not parts[name].images.is_dir():
            raise DatasetError(f"{path}: there is no folder of images {parts[name].images}")
    root = _common([parts[name].images for name in chosen])
    rows = Rows(root, problems, fractions=True)
    for name in chosen:
        _fill(rows, parts[name], root, None if names is None else len(names), problems)
    return rows.dataset(folder.name, class_names=names, split=split, splits=splits, per=per)


def _common(folders: list[Path]) -> Path:
    """The deepest folder that holds all of them."""
    first = folders[0]
    return next(p for p in (first, *first.parents) if all(f.is_relative_to(p) for f in folders))


def _names(folder: Path, problems: Problems) -> list[str] | None:
    places = (folder, folder / "labels")
    files = [place / name for place in places for name in _NAMES if (place / name).is_file()]
    return [text for _, text in lines(files[0], problems)] if files else None


def _fill(rows: Rows, part: _Part, root: Path, classes: int | None, problems: Problems) -> None:
    pictures = image_files(part.images)
    stems = {str(Path(name).with_suffix("")) for name in pictures}
    beside = part.images == part.labels
    for file in sorted(part.labels.rglob("*.txt")):
        stem = str(file.relative_to(part.labels).with_suffix(""))
        if stem not in stems and not beside and file.name not in _NAMES:
            problems.add(file, None, f"there is no image of that name in {part.images}")
    for name in pictures:
        file = (part.labels / name).with_suffix(".txt")
        row = rows.image((part.images / name).relative_to(root).as_posix(), source=file)
        if not file.is_file():
            continue
        outlines = []
        for line, text in lines(file, problems):
            try:
                label, corners, outline = _parse(text, classes)
            except ValueError as error:
                problems.add(file, line, str(error))
                continue
            if rows.box(row, corners, label, file, line) and outline:
                outlines.append(outline)
        if outlines:
            rows.masks[row] = Outlines(tuple(outlines), None, part.images / name, fractions=True)


def _parse(
    text: str, classes: int | None
) -> tuple[int, tuple[float, float, float, float], list[float]]:
    """The class, the corners and the polygon (empty for a box) of a line.

    Raises:
        ValueError: what is wrong with it.
    """
    first, *rest = re.split(r"[\s,]+", text.strip())
    values = numbers(rest)
    if not first.isdecimal() or values is None:
        raise ValueError(f"expected a class index and numbers; got {text!r}")
    label = int(first)
    if classes is not None and label >= classes:
        raise ValueError(f"class {label} of {classes} classes (0 to {classes - 1})")
    if not all(-_TOLERANCE <= value <= 1 + _TOLERANCE for value in values):
        raise ValueError(f"the numbers are fractions from 0 to 1; got {text!r}")
    if len(values) in (4, 5):  # a fifth is a confidence
        x, y, width, height = values[:4]
        return label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), []
    if len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        return label, (min(xs), min(ys), max(xs), max(ys)), values
    raise ValueError(f"expected four numbers or a polygon after the class; got {len(values)}")
