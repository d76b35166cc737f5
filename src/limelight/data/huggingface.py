"""Hugging Face data sets: loaded already, saved to disk, or by name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limelight.boxes import convert
from limelight.data.csv_lines import check_format
from limelight.data.dataset import Dataset, Example, Problems
from limelight.data.header import upright_size
from limelight.data.registry import choose_splits, reader
from limelight.errors import DatasetError, require

_IMAGES = ("image", "img", "pixel_values", "picture")
_LABELS = ("label", "labels", "fine_label", "class", "target")
_BOXES = ("bbox", "boxes", "bboxes", "box")
_OBJECTS = ("objects", "annotations", "faces")
_CLASSES = ("category", "categories", "label", "labels", "category_id", "class")


def _takes(source: Any) -> bool:
    """Whether it is a `datasets.Dataset` or `DatasetDict`, asked without importing datasets."""
    module = sys.modules.get("datasets")
    return module is not None and isinstance(source, (module.Dataset, module.DatasetDict))


def _recognizes(path: Path) -> bool:
    names = ("state.json", "dataset_dict.json")
    return path.is_dir() and any((path / name).is_file() for name in names)


@reader(
    "huggingface",
    title="a Hugging Face data set",
    expects="a datasets.Dataset, a folder that save_to_disk wrote, or a name for load_dataset",
    recognizes=_recognizes,
    takes=_takes,
    needs_path=False,
    short="hf",
)
def huggingface(
    source: Any,
    split: str | None,
    problems: Problems,
    *,
    image: str | None = None,
    label: str | None = None,
    boxes: str | None = None,
    format: str = "xywh",
) -> Dataset:
    """Read a Hugging Face data set.

    Columns are found by their kind and name; boxes may lie in a column of their own or inside
    "objects", beside the class of each.

    Args:
        source: the data set, or its folder or name. A name may download.
        split: one of its splits.
        problems: not needed: the library has checked the files.
        image: the column of the images.
        label: the column of the classes.
        boxes: the column of the boxes ("objects/bbox").
        format: how a box is written: a name of `limelight.boxes.FORMATS`; COCO's as default.

    Raises:
        DatasetError: no such data set, split or column.
        MissingExtra: the library is not installed.
    """
    check_format(format)
    parts, name = _load(source)
    splits = tuple(key for key in parts if key)
    chosen = choose_splits(split, splits, name) or [""]
    loaded = [parts[key] for key in chosen]
    columns = Columns.of(loaded[0].features, image, label, boxes)
    ids = [
        f"{s}/{i:05d}" if s else f"{i:05d}"
        for s, p in zip(chosen, loaded, strict=True)
        for i in range(len(p))
    ]
    views = [_undecoded(part, columns.image) for part in loaded]
    rows = Examples(views, ids, columns, format)
    return Dataset(
        name, len(ids), rows.example, class_names=columns.class_names, split=split, splits=splits
    )


def _load(source: Any) -> tuple[dict[str, Any], str]:
    """The parts by split ("" for a data set without splits), and a name."""
    if source is None:
        raise DatasetError("huggingface needs a folder or a name: huggingface:/path")
    name = "huggingface"
    if isinstance(source, Path):
        datasets = require("datasets", "data", "Hugging Face data sets")
        name = source.name
        try:
            if source.is_dir() and _recognizes(source):
                source = datasets.load_from_disk(str(source))
            else:
                source = datasets.load_dataset(source.as_posix())
        except (OSError, ValueError, RuntimeError) as error:
            raise DatasetError(
                f"{source} is no folder that save_to_disk wrote, and load_dataset cannot load it: "
                f"{error}"
            ) from error
    if isinstance(source, dict):  # DatasetDict
        return dict(source), name
    return {"": source}, name


def _undecoded(part: Any, column: str) -> Any:
    """The part with its images as the files' bytes or paths, decoded when they are read."""
    datasets = sys.modules["datasets"]
    feature = part.features[column]
    if isinstance(feature, datasets.Image):
        return part.cast_column(column, datasets.Image(decode=False))
    return part


@dataclass(frozen=True)
class Columns:
    """Which columns hold what; those inside another as "objects/bbox"."""

    image: str
    label: str | None
    boxes: str | None
    box_label: str | None
    class_names: tuple[str, ...] | None

    @classmethod
    def of(cls, features: Any, image: str | None, label: str | None, boxes: str | None) -> Columns:
        """Choose among the columns.

        Raises:
            DatasetError: there is no image column, or a name is no column.
        """
        flat = _flat(features)
        for given in (image, label, boxes):
            if given is not None and given not in flat:
                raise DatasetError(f"there is no column {given!r}; there are {', '.join(flat)}")
        kinds = {name: type(feature).__name__ for name, feature in flat.items()}
        inside = [f"{outer}/{inner}" for outer in _OBJECTS for inner in _BOXES]
        classes = [f"{outer}/{inner}" for outer in _OBJECTS for inner in _CLASSES]
        image = image or _first([n for n in flat if kinds[n] == "Image"], [*_IMAGES], flat)
        label = label or _first(
            [n for n in flat if kinds[n] == "ClassLabel" and "/" not in n], [*_LABELS], flat
        )
        boxes = boxes or _first([], [*_BOXES, *inside], flat)
        box_label = _first([], classes, flat) if boxes and "/" in boxes else None
        if image is None:
            raise DatasetError(f"there is no column of images among {', '.join(flat)}")
        named = flat.get(label or box_label or "")
        names = getattr(named, "names", None)
        return cls(image, label, boxes, box_label, tuple(names) if names else None)


def _first(preferred: list[str], names: list[str], known: dict[str, Any]) -> str | None:
    return next((name for name in [*preferred, *names] if name in known), None)


def _flat(features: Any) -> dict[str, Any]:
    """The columns with their features; those of a structure as "outer/inner"."""
    found: dict[str, Any] = {}
    for name, feature in features.items():
        inner = getattr(feature, "feature", feature)
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, dict):
            for key, value in inner.items():
                found[f"{name}/{key}"] = getattr(value, "feature", value)
        else:
            found[name] = feature
    return found


@dataclass(frozen=True)
class Examples:
    """The rows of the chosen splits, one after the other."""

    parts: list[Any]
    ids: list[str]
    columns: Columns
    format: str

    def example(self, index: int) -> Example:
        """The example of a row; its image is decoded when it is read."""
        import numpy as np

        place = index
        for part in self.parts:
            if place < len(part):
                break
            place -= len(part)
        row = part[place]
        columns = self.columns
        image = row[columns.image]
        if isinstance(image, dict):
            image = image["bytes"] if image.get("bytes") else Path(image["path"])
        label = None if columns.label is None else row[columns.label]
        written = [] if columns.boxes is None else _value(row, columns.boxes)
        boxes = np.array(written, np.float64).reshape(-1, 4)
        size = None
        if self.format != "xyxy" and len(boxes):
            size = _size(image)
            boxes = convert(boxes, self.format, "xyxy", size=size)
        box_labels = None
        if columns.box_label is not None:
            box_labels = np.array(_value(row, columns.box_label), np.int64)
            if label is None and len(set(box_labels.tolist())) == 1:
                label = int(box_labels[0])
        known = isinstance(label, int) and label >= 0
        return Example(
            id=self.ids[index], image=image, label=label if known else None, boxes=boxes,
            box_labels=box_labels, size=size, entry=f"row {self.ids[index]}",
        )  # fmt: skip


def _size(image: Any) -> tuple[int, int]:
    """(height, width) of an image's file, bytes or PIL image."""
    import io

    if isinstance(image, bytes):
        return upright_size(io.BytesIO(image))
    if isinstance(image, Path):
        return upright_size(image)
    return int(image.height), int(image.width)


def _value(row: Any, name: str) -> Any:
    """The value of a column, or of one inside a structure or a list of structures."""
    outer, _, inner = name.partition("/")
    value = row[outer]
    if not inner:
        return value
    return [item[inner] for item in value] if isinstance(value, list) else value[inner]
