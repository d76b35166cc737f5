"""Stanford Cars: 196 models of cars, one box an image."""

from __future__ import annotations

from pathlib import Path

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import first_existing, load_mat
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.data.tfds import prepared, read_prepared
from limelight.errors import DatasetError

_SPLITS = ("train", "test")
_CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
_DEVKITS = ("", "devkit", "car_devkit", "car_devkit/devkit", "annotations", "cars_annos")
_TEST = ("cars_test_annos_withlabels.mat", "cars_test_annos.mat")  # the better one first


def _find(path: Path, name: str) -> Path | None:
    return first_existing(path / folder / name for folder in _DEVKITS)


def _annotations(path: Path) -> dict[str, Path]:
    """The annotation file of each split."""
    files = {
        "train": [_find(path, "cars_train_annos.mat")],
        "test": [_find(path, n) for n in _TEST],
    }
    found = {split: next((f for f in files[split] if f), None) for split in _SPLITS}
    return {split: file for split, file in found.items() if file is not None}


@reader(
    "cars196",
    title="Stanford Cars (Cars196)",
    expects="a folder with cars_train/, cars_test/ and the devkit's cars_train_annos.mat and "
    "cars_test_annos_withlabels.mat, or TFDS's prepared cars196 (…/tensorflow_datasets/cars196); "
    "the original download is gone, so that it cannot be fetched (where copies are: "
    "github.com/pytorch/vision/issues/7545)",
    recognizes=lambda path: path.is_dir() and bool(_annotations(path)),
)
def cars196(path: Path, split: str | None, problems: Problems) -> Dataset:
    """Read Stanford Cars, from its folder or as TFDS prepared it.

    The devkit counts pixels from 1 and includes both ends of a box, so that bbox_x1 1, bbox_x2 10
    are the first ten columns: x0 = 0, x1 = 10. TFDS divides the same numbers by the image's size;
    they are read to the same boxes.

    Args:
        path: the folder.
        split: "train" (8,144 images) or "test" (8,041). Test images have labels only where
            cars_test_annos_withlabels.mat is there.
        problems: takes annotations that cannot be read.

    Raises:
        DatasetError: neither the annotations nor a prepared data set is there, no such split, or
            (strict) a broken annotation.
    """
    if prepared(path, "cars196") is not None:
        return read_prepared(path, "cars196", split, problems)
    files = _annotations(path)
    if not files:
        raise DatasetError(
            f"{path} is no Cars196: expected cars_train_annos.mat (in it or in devkit/) beside "
            "cars_train/ and cars_test/, or TFDS's prepared cars196; the original download is gone"
        )
    chosen = choose_splits(split, tuple(files), path)
    rows = Rows(path, problems)
    for name in chosen:
        nested = path / f"cars_{name}" / f"cars_{name}"  # as some archives unpack
        folder = f"cars_{name}/cars_{name}" if nested.is_dir() else f"cars_{name}"
        _add(rows, files[name], folder, problems)
    meta = _find(path, "cars_meta.mat")
    names = None if meta is None else [str(n) for n in load_mat(meta, "class_names")]
    return rows.dataset("cars196", class_names=names, split=split, splits=tuple(files))


def _add(rows: Rows, file: Path, folder: str, problems: Problems) -> None:
    annotations = load_mat(file, "annotations")
    fields = set(annotations.dtype.names or ())
    missing = {*_CORNERS, "fname"} - fields
    if missing:
        raise DatasetError(f"{file} has no annotations with {', '.join(sorted(missing))}")
    columns = [annotations[name].tolist() for name in (*_CORNERS, "fname")]
    labels = annotations["class"].tolist() if "class" in fields else [None] * len(annotations)
    for i, (x1, y1, x2, y2, name, label) in enumerate(zip(*columns, labels, strict=True), 1):
        entry = f"{file}, annotation {i}"
        try:
            corners = (float(x1) - 1, float(y1) - 1, float(x2), float(y2))
            index = None if label is None else int(label) - 1
        except (TypeError, ValueError):
            problems.add(entry, None, f"{name} has no class and four numbers")
            continue
        if index is not None and index < 0:
            problems.add(entry, None, f"the class of {name} is {label}; expected 1 to 196")
            continue
        row = rows.image(f"{folder}/{name}", index, source=entry)
        rows.box(row, corners, source=entry)
