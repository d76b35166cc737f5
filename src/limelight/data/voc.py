"""Pascal VOC: one XML file an image."""

from __future__ import annotations

from pathlib import Path

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import child, image_files, image_root, lines, split_folders
from limelight.data.registry import choose_splits, reader
from limelight.data.table import Rows
from limelight.data.voc_xml import Annotation, read_annotation
from limelight.errors import DatasetError

_ANNOTATIONS = ("Annotations", "annotation", "annots", "xml", "xmls", "labels")
_IMAGES = ("JPEGImages", "images", "image", "imgs", "img")


def _places(path: Path) -> tuple[Path, Path] | None:
    """The folders of the XML files and of the images; they may be one folder."""
    folder = child(path, _ANNOTATIONS) or path
    if next(folder.glob("*.xml"), None) is None:
        return None
    return folder, child(path, _IMAGES) or path


def _parts(path: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of each split that has its own; "" where one pair of folders holds all."""
    if not path.is_dir():
        return {}
    whole = _places(path)
    if whole is not None:
        return {"": whole}
    parts = {name: _places(path / name) for name in split_folders(path)}
    return {name: places for name, places in parts.items() if places is not None}


@reader(
    "voc",
    title="Pascal VOC xml",
    expects="a folder with Annotations/ (or annots/) of .xml files and JPEGImages/ (or images/), "
    "optional ImageSets/Main/<split>.txt, or <split>/ folders with images and .xml files",
    recognizes=lambda path: bool(_parts(path)),
)
def voc(
    path: Path,
    split: str | None,
    problems: Problems,
    *,
    images: str | None = None,
    origin: int = 1,
    difficult: bool = True,
    per: str = "image",
) -> Dataset:
    """Read Pascal VOC annotations.

    VOC counts pixels from 1 and its boxes include both ends, so that xmin 1, xmax 10 are the first
    ten columns: x0 = 0, x1 = 10. Where an image has another size than its file declares, boxes are
    scaled to it. Classes are numbered in the alphabet's order, over all splits.

    Args:
        path: the folder.
        split: the name of a list in ImageSets/Main, or of a folder.
        problems: takes files and objects that cannot be read.
        images: the folder of the images, where it is called otherwise.
        origin: 0 for tools that count pixels from 0 and leave out the end.
        difficult: whether to keep the objects that are marked as difficult.
        per: "class" gives one example for each image and class.

    Raises:
        DatasetError: no annotations, no such split, or (strict) a broken file or object.
    """
    parts = _parts(path)
    if not parts:
        raise DatasetError(f"{path} holds no folder of .xml files, nor <split>/ folders of them")
    if origin not in (0, 1):
        raise DatasetError(f"voc: origin is 1 (as VOC counts pixels) or 0; got {origin!r}")
    lists = _lists(path) if "" in parts else {}
    splits = tuple(lists) or tuple(name for name in parts if name)
    chosen = choose_splits(split, splits, path)
    root = image_root(path, images) if images else parts[""][1] if "" in parts else path
    rows = Rows(root, problems)
    listed = None
    if lists and split is not None:
        listed = {text.split()[0] for _, text in lines(lists[split], problems)}
    names: dict[str, int] = {}
    for part, (folder, pictures) in parts.items():
        pictures = root if images else pictures
        known = _Pictures(pictures, pictures.relative_to(root).as_posix())
        for file in sorted(folder.glob("*.xml")):
            annotation = read_annotation(file)
            for each in annotation.objects:
                names.setdefault(each.name, len(names))
            if (not part or part in chosen) and (listed is None or file.stem in listed):
                _add(rows, file, annotation, known, names, origin, difficult)
    order = sorted(names)
    place = {name: i for i, name in enumerate(order)}
    rows.relabel([place[name] for name in names])
    return rows.dataset(path.name, class_names=order, split=split, splits=splits, per=per)


def _lists(path: Path) -> dict[str, Path]:
    """ImageSets/Main/<split>.txt; the lists of one class (aeroplane_train) are no splits."""
    folder = path / "ImageSets" / "Main"
    return {file.stem: file for file in sorted(folder.glob("*.txt")) if "_" not in file.stem}


class _Pictures:
    """Finds the image of an annotation: by the name it gives, otherwise by the file's own."""

    def __init__(self, folder: Path, start: str) -> None:
        self._start = "" if start in ("", ".") else f"{start}/"
        self._names = set(image_files(folder))
        self._stems: dict[str, str] = {}
        for name in self._names:
            self._stems.setdefault(Path(name).stem, name)

    def find(self, written: str, stem: str) -> str:
        """The image's name from the root; the name that is written where there is none."""
        base = written.replace("\\", "/").rpartition("/")[2]
        name = base if base in self._names else self._stems.get(stem) or self._stems.get(base)
        return self._start + (name or base or f"{stem}.jpg")


def _add(
    rows: Rows,
    file: Path,
    annotation: Annotation,
    pictures: _Pictures,
    names: dict[str, int],
    origin: int,
    difficult: bool,
) -> None:
    for line, message in annotation.broken:
        rows.problems.add(file, line or None, message)
    if annotation.broken and not annotation.objects:
        return
    name = pictures.find(annotation.filename, file.stem)
    row = rows.image(name, size=annotation.size, source=file)
    for each in annotation.objects:
        if each.difficult and not difficult:
            continue
        x0, y0, x1, y1 = each.corners
        corners = (x0 - origin, y0 - origin, x1, y1)
        rows.box(row, corners, names[each.name], file, each.line)
