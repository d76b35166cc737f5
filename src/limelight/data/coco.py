"""COCO: one JSON file a split, boxes as x, y, width, height."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import image_root, load_json, split_folders
from limelight.data.polygons import Outlines
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.errors import DatasetError

_ANNOTATIONS = "_annotations.coco.json"  # the name in each split's folder, as exporters write it


def _looks_like_coco(path: Path) -> bool:
    """Whether a JSON file begins as COCO's do; only its beginning is read."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        start = file.read(1 << 16)
    # Images or annotations may come first, and either may fill megabytes.
    pairs = (("images", "file_name"), ("annotations", "image_id"))
    return any(f'"{outer}"' in start and f'"{inner}"' in start for outer, inner in pairs)


def _files(path: Path) -> dict[str, Path]:
    """The annotation file of each split."""
    if path.is_file():
        return {_split_name(path): path}
    inside = {name: path / name / _ANNOTATIONS for name in split_folders(path)}
    inside = {name: file for name, file in inside.items() if file.is_file()}
    if inside:
        return inside
    folders = [path / "annotations", path]
    found = [f for folder in folders for f in sorted(folder.glob("*.json")) if _looks_like_coco(f)]
    instances = [f for f in found if f.name.startswith("instances_")]
    return {_split_name(file): file for file in instances or found}


def _split_name(file: Path) -> str:
    return file.parent.name if file.name == _ANNOTATIONS else file.stem.removeprefix("instances_")


@reader(
    "coco",
    title="COCO json",
    expects="a .json file, or a folder with annotations/instances_<split>.json and the images in "
    "<split>/, or with <split>/_annotations.coco.json",
    recognizes=lambda path: _looks_like_coco(path) if path.is_file() else bool(_files(path)),
)
def coco(
    path: Path,
    split: str | None,
    problems: Problems,
    *,
    images: str | None = None,
    per: str = "image",
    crowd: bool = False,
) -> Dataset:
    """Read COCO annotations.

    Boxes are pixels of the size that the file declares for the image; where the image has another
    size, boxes are scaled to it. Classes are numbered in the order of the categories' ids.

    Args:
        path: a .json file, or a folder.
        split: the name of the annotation file without "instances_" ("val2017").
        problems: takes annotations that cannot be read.
        images: the folder that file names start from; otherwise the split's folder.
        per: "class" gives one example for each image and class.
        crowd: whether to keep boxes around crowds ("iscrowd").

    Raises:
        DatasetError: no annotation file, no such split, or (strict) a broken annotation.
    """
    files = _files(path)
    if not files:
        raise DatasetError(f"{path} holds no COCO json with images and annotations")
    chosen = choose_splits(split, tuple(files), path)
    parts = [_Part(files[name], name, images) for name in chosen]
    names: dict[int, str] = {}
    for part in parts:
        names |= part.categories
    label_of = {identity: label for label, identity in enumerate(sorted(names))}
    single = len(parts) == 1
    rows = Rows(parts[0].root if single else path, problems)
    for part in parts:
        part.fill(rows, label_of, crowd, part.root if single else path)
    return rows.dataset(
        path.stem, class_names=[names[i] for i in sorted(names)], split=split,
        splits=tuple(files), per=per,
    )  # fmt: skip


class _Part:
    """One annotation file and its images."""

    def __init__(self, file: Path, name: str, images: str | None) -> None:
        self.file = file
        content = load_json(file)
        if not isinstance(content, dict) or not isinstance(content.get("images"), list):
            raise DatasetError(f'{file} is no COCO json: expected a dictionary with "images"')
        self.images: list[Any] = content["images"]
        self.annotations: list[Any] = content.get("annotations") or []
        try:
            self.categories = {int(c["id"]): str(c["name"]) for c in content.get("categories", [])}
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{file}: a category without id or name: {error!r}") from error
        self.root = self._find_root(name, images)

    def _find_root(self, name: str, images: str | None) -> Path:
        parent = self.file.parent
        if images is not None:
            return image_root(parent, images)
        first = next((str(i["file_name"]) for i in self.images if "file_name" in dict(i)), "")
        bases = [parent, parent.parent]
        folders = [b / inner for b in bases for inner in (name, f"images/{name}", "images", "")]
        return next((f for f in folders if first and (f / first).is_file()), parent)

    def fill(self, rows: Rows, label_of: dict[int, int], crowd: bool, root: Path) -> None:
        """Add the images and boxes; names start from `root`."""
        known: dict[Any, int] = {}
        sizes: dict[int, tuple[int, int] | None] = {}
        outlines: dict[int, list[Any]] = {}
        for i, image in enumerate(self.images):
            entry = f"images[{i}]"
            try:
                size = (int(image.get("height") or 0), int(image.get("width") or 0))
                name = str(image["file_name"])
                identity = image["id"]
            except (KeyError, TypeError, ValueError, AttributeError):
                rows.problems.add(self.file, None, f"{entry}: no id, file_name, height or width")
                continue
            if root != self.root:
                name = (self.root / name).relative_to(root).as_posix()
            row = rows.image(name, size=size if all(size) else None, source=f"{self.file}, {entry}")
            known[identity], sizes[row] = row, size if all(size) else None
        for i, row, annotation, label in self._sound(rows, known, label_of):
            if annotation.get("iscrowd") and not crowd:
                continue
            x, y, width, height = (float(value) for value in annotation["bbox"])
            entry = f"annotations[{i}] (id {annotation.get('id')})"
            corners = (x, y, x + width, y + height)
            if rows.box(row, corners, label, f"{self.file}, {entry}"):
                parts = annotation.get("segmentation") or []
                outlines.setdefault(row, []).extend([parts] if isinstance(parts, dict) else parts)
        for row, drawn in outlines.items():
            if drawn:
                rows.masks[row] = Outlines(tuple(drawn), sizes[row])

    def _sound(
        self, rows: Rows, known: dict[Any, int], label_of: dict[int, int]
    ) -> Iterator[tuple[int, int, dict[str, Any], int]]:
        """The annotations that name an image, a category and four numbers."""
        for i, annotation in enumerate(self.annotations):
            try:
                row = known[annotation["image_id"]]
                label = label_of[int(annotation["category_id"])]
                if len([float(value) for value in annotation["bbox"]]) != 4:
                    raise ValueError(f"bbox {annotation['bbox']}")
            except (KeyError, TypeError, ValueError) as error:
                message = (
                    f"annotations[{i}]: expected the id of an image and of a category and a bbox "
                    f"of four numbers ({error!r})"
                )
                rows.problems.add(self.file, None, message)
                continue
            yield i, row, annotation, label
