"""Stanford Dogs: 120 breeds, one or more boxes an image."""

from __future__ import annotations

from pathlib import Path

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import child, first_existing, image_files, load_mat, subfolders
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.data.tfds import prepared, read_prepared
from limelight.data.voc_xml import read_annotation
from limelight.errors import DatasetError


def _places(path: Path) -> tuple[Path, Path] | None:
    """The folders of the images and of the annotations, where both hold folders of breeds."""
    if not path.is_dir():
        return None
    images, annotations = child(path, ["Images"]), child(path, ["Annotation", "Annotations"])
    if images is None or annotations is None:
        return None
    breeds = [name for name in subfolders(annotations) if name.startswith("n0")]
    return (images, annotations) if breeds else None


def _lists(path: Path) -> dict[str, Path]:
    """The list of each split."""
    names = {split: f"{split}_list.mat" for split in ("train", "test")}
    found = {s: first_existing([path / n, path / "lists" / n]) for s, n in names.items()}
    return {split: file for split, file in found.items() if file is not None}


@reader(
    "stanford_dogs",
    title="Stanford Dogs",
    expects="a folder with Images/, Annotation/, train_list.mat and test_list.mat, or TFDS's "
    "prepared stanford_dogs (…/tensorflow_datasets/stanford_dogs)",
    recognizes=lambda path: _places(path) is not None,
)
def stanford_dogs(path: Path, split: str | None, problems: Problems) -> Dataset:
    """Read Stanford Dogs, from its folder or as TFDS prepared it.

    Boxes are taken as the xml files write them (they count from 0, as ImageNet's do), in pixels of
    the size that they declare. Classes are named and numbered by their folders
    ("n02085620-Chihuahua").

    Args:
        path: the folder.
        split: "train" (12,000 images) or "test" (8,580), from the .mat lists; without these
            there are no splits.
        problems: takes annotations that cannot be read.

    Raises:
        DatasetError: neither folders nor a prepared data set is there, no such split, or (strict)
            a broken annotation.
    """
    if prepared(path, "stanford_dogs") is not None:
        return read_prepared(path, "stanford_dogs", split, problems)
    places = _places(path)
    if places is None:
        raise DatasetError(
            f"{path} is no Stanford Dogs: expected Images/ and Annotation/ with a folder for each "
            "breed, or TFDS's prepared stanford_dogs"
        )
    images, annotations = places
    lists = _lists(path)
    chosen = choose_splits(split, tuple(lists), path)
    breeds = subfolders(annotations)
    label_of = {name: label for label, name in enumerate(breeds)}
    names = [(lists[part], str(n)) for part in chosen for n in load_mat(lists[part], "file_list")]
    if not lists:
        names = [(images, name) for name in image_files(images)]
    rows = Rows(images, problems)
    for source, name in names:
        breed, _, base = name.partition("/")
        file = annotations / breed / Path(base).stem
        if breed not in label_of:
            problems.add(source, None, f"{name} is of no breed in {path}")
            continue
        annotation = read_annotation(file)
        for line, message in annotation.broken:
            problems.add(file, line or None, message)
        row = rows.image(name, label_of[breed], annotation.size, file)
        for each in annotation.objects:
            rows.box(row, each.corners, source=file, line=each.line)
    return rows.dataset("stanford_dogs", class_names=breeds, split=split, splits=tuple(lists))
