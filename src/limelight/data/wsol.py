"""The metadata of the weakly supervised localization benchmark (Choe 2020): four text files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import image_root, lines, numbers, subfolders
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.errors import DatasetError, ImageError

if TYPE_CHECKING:
    import numpy as np

_IDS, _LABELS = "image_ids.txt", "class_labels.txt"
_SIZES, _LOCATIONS = "image_sizes.txt", "localization.txt"


def _holds_metadata(path: Path) -> bool:
    return (path / _IDS).is_file() and (path / _LABELS).is_file()


def _splits(path: Path) -> list[str]:
    return [name for name in subfolders(path) if _holds_metadata(path / name)]


@reader(
    "wsol",
    title="WSOL metadata (CUB, ILSVRC, OpenImages of the localization benchmark)",
    expects=f"a folder with {_IDS}, {_LABELS}, {_SIZES} and {_LOCATIONS}, or one such folder a "
    "split (train, val, test)",
    recognizes=lambda path: path.is_dir() and (_holds_metadata(path) or bool(_splits(path))),
)
def wsol(
    path: Path,
    split: str | None,
    problems: Problems,
    *,
    images: str | None = None,
    masks: str | None = None,
) -> Dataset:
    """Read WSOL metadata.

    Boxes are as they are written, x0, y0, x1, y1, in pixels of the size in image_sizes.txt (the
    benchmark itself counts x1 and y1 as pixels of the box: convention "wsol2020"). They are scaled
    where an image has another size.

    Args:
        path: the folder of a split, or the one above.
        split: the name of a folder.
        problems: takes lines that cannot be read or name unknown images.
        images: the folder that the ids start from. Without it the folder itself, if the images
            are there, and otherwise only the annotations are handed out.
        masks: the folder that the masks' names start from; `images` as default.

    Raises:
        DatasetError: files are missing, no such split, or (strict) a broken line.
    """
    splits = [] if _holds_metadata(path) else _splits(path)
    if not splits and not _holds_metadata(path):
        raise DatasetError(f"{path} holds no {_IDS} and {_LABELS}, nor folders with them")
    chosen = choose_splits(split, splits, path)
    folders = [path / name for name in chosen] or [path]
    root = image_root(path, images) if images else _own_images(path, folders, problems)
    mask_root = image_root(path, masks) if masks else root
    rows = Rows(root, problems)
    for folder in folders:
        known = _add_images(rows, folder, problems)
        _add_locations(rows, known, folder / _LOCATIONS, mask_root, problems)
    return rows.dataset(path.name, split=split, splits=splits)


def _own_images(path: Path, folders: list[Path], problems: Problems) -> Path | None:
    """The folder itself where the first image is there; None otherwise."""
    first = next((text for _, text in lines(folders[0] / _IDS, problems)), None)
    return path if first is not None and (path / first).is_file() else None


def _fields(file: Path, counts: tuple[int, ...], problems: Problems) -> dict[int, list[str]]:
    """The comma-separated fields of each line, by its number; lines of other counts are broken."""
    found = {}
    for number, text in lines(file, problems):
        fields = [field.strip() for field in text.split(",")]
        if len(fields) in counts:
            found[number] = fields
        else:
            expected = " or ".join(str(count) for count in counts)
            problems.add(file, number, f"{len(fields)} fields; expected {expected}")
    return found


def _add_images(rows: Rows, folder: Path, problems: Problems) -> dict[str, int]:
    """Add the images of a split; their rows by id."""
    ids = {text: line for line, text in lines(folder / _IDS, problems)}
    labels: dict[str, int] = {}
    for line, (name, text) in _fields(folder / _LABELS, (2,), problems).items():
        if not text.isdecimal():
            problems.add(folder / _LABELS, line, f"the class {text!r} is not a number from 0 on")
        elif name not in ids:
            problems.add(folder / _LABELS, line, f"{name} is not in {_IDS}")
        else:
            labels[name] = int(text)
    sizes: dict[str, tuple[int, int]] = {}
    if (folder / _SIZES).is_file():  # training splits have none, nor boxes
        for line, (name, *texts) in _fields(folder / _SIZES, (3,), problems).items():
            if not all(text.isdecimal() and int(text) for text in texts):
                problems.add(folder / _SIZES, line, f"the size {texts} is not a width and a height")
            elif name not in ids:
                problems.add(folder / _SIZES, line, f"{name} is not in {_IDS}")
            else:
                sizes[name] = (int(texts[1]), int(texts[0]))
    known = {}
    for name, line in ids.items():
        if name not in labels:
            problems.add(folder / _IDS, line, f"{name} has no class in {_LABELS}")
            continue
        known[name] = rows.image(name, labels[name], sizes.get(name), folder / _IDS, line)
    return known


def _add_locations(
    rows: Rows, known: dict[str, int], file: Path, mask_root: Path | None, problems: Problems
) -> None:
    """Add boxes (id, x0, y0, x1, y1) or masks (id, mask, ignore mask)."""
    if not file.is_file():
        return
    masks: dict[int, list[Path]] = {}
    ignores: dict[int, list[Path]] = {}
    for line, (name, *texts) in _fields(file, (5, 3), problems).items():
        row = known.get(name)
        values = numbers(texts) if len(texts) == 4 else None
        if row is None:
            problems.add(file, line, f"{name} is not in {_IDS}")
        elif values is not None:
            rows.box(row, values, source=file, line=line)
        elif len(texts) == 4:
            problems.add(file, line, f"the box {' '.join(texts)} is not four numbers")
        elif mask_root is not None:
            masks.setdefault(row, []).append(mask_root / texts[0])
            if texts[1]:
                ignores.setdefault(row, []).append(mask_root / texts[1])
    rows.masks |= {row: MaskFiles(tuple(files)) for row, files in masks.items()}
    for row, files in ignores.items():
        rows.ignores[row] = MaskFiles(tuple(dict.fromkeys(files)), outside=tuple(masks[row]))


@dataclass(frozen=True)
class MaskFiles:
    """Reads the union of mask images, (H, W) bool, when it is called.

    Attributes:
        files: the mask images; what is brighter than half counts.
        outside: mask images whose pixels are taken away again.
    """

    files: tuple[Path, ...]
    outside: tuple[Path, ...] = ()

    def __call__(self) -> np.ndarray:
        """The union of `files` without `outside`."""
        union = _union(self.files)
        return union & ~_union(self.outside) if self.outside else union


def _union(files: tuple[Path, ...]) -> np.ndarray:
    import numpy as np
    from PIL import Image

    masks = []
    for file in files:
        try:
            with Image.open(file) as image:
                masks.append(np.asarray(image.convert("L")) > 127)
        except (OSError, SyntaxError, ValueError) as error:
            raise ImageError(f"the mask {file} cannot be read: {error}") from error
    shapes = {mask.shape for mask in masks}
    if len(shapes) > 1:
        raise ImageError(f"the masks beside {files[0]} have different sizes: {sorted(shapes)}")
    return np.logical_or.reduce(masks)
