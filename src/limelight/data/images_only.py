"""A folder of images and nothing else: no classes, no boxes."""

from __future__ import annotations

from pathlib import Path

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import holds_images, image_files
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.errors import DatasetError


def _recognizes(path: Path) -> bool:
    return path.is_dir() and holds_images(path)


@reader(
    "images",
    title="a folder of images without labels",
    expects="a folder with images in it, also in folders of it",
    recognizes=_recognizes,
    general=2,
)
def images(path: Path, split: str | None, problems: Problems) -> Dataset:
    """Read all images in a folder and in the folders of it; none has a label or a box.

    Args:
        path: the folder.
        split: None: there are none.
        problems: stays empty; what cannot be read is said where it is read.

    Raises:
        DatasetError: no images, or a split was asked for.
    """
    if not path.is_dir():
        raise DatasetError(f"{path} is not a folder")
    choose_splits(split, [], path)
    rows = Rows(path, problems)
    for name in image_files(path):
        rows.image(name, source=path)
    found = rows.dataset(path.name)
    if not len(found):
        raise DatasetError(f"{path} holds no images")
    return found
