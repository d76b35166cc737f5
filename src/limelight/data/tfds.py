"""Data sets as TensorFlow Datasets prepares them on disk, read without TensorFlow.

A prepared data set is a folder <name>/<version> with dataset_info.json (the splits), features.json
(what a record holds), <feature>.labels.txt (the classes' names) and TFRecord files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.boxes import convert
from limelight.data.dataset import Dataset, Example, Problems
from limelight.data.files import load_json
from limelight.data.registry import choose_splits, reader
from limelight.data.tfrecord import RecordFile
from limelight.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np

_INFO, _FEATURES = "dataset_info.json", "features.json"
# How TFDS spells its box formats -> ours. REL is 0 to 1.
_FORMATS = {
    "REL_YXYX": "tfds",
    "REL_XYXY": "xyxy-normalized",
    "XYXY": "xyxy",
    "YXYX": "yxyx",
    "XYWH": "xywh",
    "REL_XYWH": "xywh-normalized",
    "CENTER_XYWH": "cxcywh",
    "REL_CENTER_XYWH": "cxcywh-normalized",
}
Adjust = Callable[["np.ndarray"], "np.ndarray"]


def from_one(boxes: np.ndarray) -> np.ndarray:
    """Boxes of pixels counted from 1, both ends included, as half-open boxes counted from 0."""
    return boxes - (1, 1, 0, 0)


# Data sets whose pixels TFDS took over as the annotations count them.
_ADJUST: dict[str, Adjust] = {"cars196": from_one}
# What TFDS cannot prepare any more, and where people have it.
_GONE = {
    "cars196": "the original download is gone, so that tfds.load('cars196') fails too; expected "
    "the folder that TFDS prepared while it was there, or cars_train/, cars_test/ and the devkit "
    "as cars196:/path (where copies are: github.com/pytorch/vision/issues/7545)"
}


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdecimal())


def _newest(folder: Path) -> Path | None:
    """The folder itself, or its newest version (in a configuration's folder where there is one)."""
    if not folder.is_dir():
        return None
    # Hugging Face's folders have a dataset_info.json too, and no features.json.
    found = [folder, *(file.parent for p in ("*", "*/*") for file in folder.glob(f"{p}/{_INFO}"))]
    whole = [p for p in found if (p / _INFO).is_file() and (p / _FEATURES).is_file()]
    return folder if folder in whole else max(whole, key=lambda p: _version(p.name), default=None)


def prepared(path: Path, name: str) -> Path | None:
    """The prepared data set `name` at `path` (its version, its folder or the one above)."""
    for folder in (path, path / name):
        newest = _newest(folder)
        if newest is not None and load_json(newest / _INFO).get("name") == name:
            return newest
    return None


def data_folder() -> Path:
    """Where TFDS keeps what it prepares: TFDS_DATA_DIR, otherwise ~/tensorflow_datasets."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets").expanduser()


def _recognizes(path: Path) -> bool:
    return path.is_dir() and _newest(path) is not None


@reader(
    "tfds",
    title="a data set as TensorFlow Datasets prepared it",
    expects="a folder <name>/<version> with dataset_info.json, features.json and .tfrecord files, "
    "the folder above it, or the name of a data set in TFDS_DATA_DIR or ~/tensorflow_datasets",
    recognizes=_recognizes,
    needs_path=False,
)
def tfds(
    path: Path | None,
    split: str | None,
    problems: Problems,
    *,
    image: str | None = None,
    label: str | None = None,
    boxes: str | None = None,
) -> Dataset:
    """Read a prepared data set; nothing is downloaded and TensorFlow is not needed.

    Args:
        path: the folder, or the data set's name.
        split: one of its splits.
        problems: takes records that cannot be read.
        image: the feature with the image; the first one of that kind as default.
        label: the feature with the class; the first one.
        boxes: the feature with the boxes; the first one.

    Raises:
        DatasetError: no such data set or split, files that are missing or damaged, or records in
            another form than TFRecord.
    """
    if path is None:
        raise DatasetError("tfds needs a folder or a name: tfds:/path, tfds:cars196")
    folder = _newest(path) or _newest(data_folder() / path)
    if folder is None:
        how = _GONE.get(
            path.name,
            f"expected a folder with {_INFO} and .tfrecord files; TFDS makes it with "
            f"tfds.load({path.name!r})",
        )
        raise DatasetError(
            f"there is no prepared data set {path}, here or in {data_folder()}: {how}"
        )
    return _read(folder, split, problems, Features.of(folder, image, label, boxes))


def read_prepared(path: Path, name: str, split: str | None, problems: Problems) -> Dataset:
    """The prepared data set `name` at `path`."""
    folder = prepared(path, name)
    assert folder is not None, "asked for before"
    return _read(folder, split, problems, Features.of(folder))


@dataclass(frozen=True)
class Features:
    """The names of the features that matter, and what is known of them."""

    image: str
    label: str | None
    boxes: str | None
    box_format: str
    class_names: tuple[str, ...] | None

    @classmethod
    def of(
        cls, folder: Path, image: str | None = None, label: str | None = None,
        boxes: str | None = None,
    ) -> Features:  # fmt: skip
        """Choose among the features that features.json describes.

        Raises:
            DatasetError: there is no image, or a name is not a feature of that kind.
        """
        kinds = dict(_described(load_json(folder / _FEATURES), ""))
        chosen: dict[str, str | None] = {}
        for kind, name in (("Image", image), ("ClassLabel", label), ("BBoxFeature", boxes)):
            # A class of the whole image goes before one of its objects.
            known = sorted((n for n, (k, _) in kinds.items() if k == kind), key=lambda n: "/" in n)
            if name is not None and name not in known:
                raise DatasetError(f"{folder} has no {kind} {name!r}; it has {', '.join(known)}")
            chosen[kind] = name or next(iter(known), None)
        if chosen["Image"] is None:
            raise DatasetError(f"{folder} has no images; its features are {', '.join(kinds)}")
        classes = chosen["ClassLabel"]
        box_format = str(kinds[chosen["BBoxFeature"]][1]) if chosen["BBoxFeature"] else "REL_YXYX"
        if box_format not in _FORMATS:
            raise DatasetError(f"{folder} has boxes in the unknown format {box_format}")
        names = None
        file = folder / f"{(classes or '').replace('/', '-')}.labels.txt"
        if classes is not None and file.is_file():
            names = tuple(file.read_text(encoding="utf-8").split("\n"))
            names = names[:-1] if names[-1] == "" else names
        return cls(chosen["Image"], classes, chosen["BBoxFeature"], _FORMATS[box_format], names)


def _described(node: dict[str, Any], name: str) -> list[tuple[str, tuple[str, str]]]:
    """The name, kind and box format of every feature below a node of features.json."""
    kind = str(node.get("pythonClassName") or node.get("type") or "").rpartition(".")[2]
    if "sequence" in node:
        return _described(node["sequence"]["feature"], name)
    inner = node.get("featuresDict", {}).get("features")
    if inner is None and isinstance(node.get("content"), dict):  # as versions before 4.5 wrote it
        content = node["content"]
        inner = {"": content["feature"]} if set(content) >= {"feature"} else content
    if isinstance(inner, dict) and kind in ("FeaturesDict", "Sequence"):
        found = []
        for key, value in inner.items():
            found += _described(value, f"{name}/{key}".strip("/") if name or key else key)
        return found
    box = node.get("boundingBox") or {}
    return [(name, (kind, str(box.get("bboxFormat") or "REL_YXYX")))]


def _shards(folder: Path, info: dict[str, Any], split: str) -> list[Path]:
    """The TFRecord files of a split, in their order."""
    entry = next(s for s in info["splits"] if s["name"] == split)
    form = str(info.get("fileFormat") or "tfrecord").lower()
    if form != "tfrecord":
        raise DatasetError(
            f"{folder} is prepared as {form}; expected tfrecord (prepare it again with "
            "tfds.builder(name, file_format='tfrecord'))"
        )
    pattern = re.compile(rf"^.*-{re.escape(split)}\.tfrecord-\d+-of-\d+$")
    files = sorted(file for file in folder.iterdir() if pattern.match(file.name))
    expected = len(entry.get("shardLengths") or files)
    if len(files) != expected or not files:
        raise DatasetError(f"{folder}: {len(files)} of {expected} files of {split} are there")
    return files


def _read(folder: Path, split: str | None, problems: Problems, features: Features) -> Dataset:
    info = load_json(folder / _INFO)
    name_of_set = str(info.get("name") or folder.parent.name)
    splits = tuple(entry["name"] for entry in info.get("splits", []))
    places: list[tuple[RecordFile, int, int]] = []
    ids: list[str] = []
    for name in choose_splits(split, splits, folder):
        before = len(places)
        for shard in _shards(folder, info, name):
            records = RecordFile(shard)
            places += [(records, start, end) for start, end in records.index(problems)]
        ids += [f"{name}/{i:05d}" for i in range(len(places) - before)]
    records_of = Records(places, ids, features, _ADJUST.get(name_of_set))
    return Dataset(
        name_of_set,
        len(places),
        records_of.example,
        class_names=features.class_names,
        split=split,
        splits=splits,
    )


@dataclass(frozen=True)
class Records:
    """The records of the chosen splits."""

    places: list[tuple[RecordFile, int, int]]
    ids: list[str]
    features: Features
    adjust: Adjust | None

    def example(self, index: int) -> Example:
        """The example of a record; its image is decoded when it is read.

        Raises:
            DatasetError: the record has no image, or boxes that are not four numbers each.
        """
        import numpy as np

        file, start, end = self.places[index]
        values = file.example(start, end)
        entry = f"{file.path}, record at byte {start}"
        encoded = values.get(self.features.image) or []
        if len(encoded) != 1:
            raise DatasetError(f"{entry}: expected one image; found {len(encoded)}")
        data = bytes(encoded[0])
        label = values.get(self.features.label or "") or []
        flat = values.get(self.features.boxes or "") or []
        if len(flat) % 4:
            raise DatasetError(f"{entry}: {len(flat)} numbers are no boxes of four")
        boxes, size = np.array(flat, np.float64).reshape(-1, 4), None
        if len(boxes):
            size = _size(data, entry)
            boxes = convert(boxes, self.features.box_format, "xyxy", size=size)
            boxes = self.adjust(boxes) if self.adjust else boxes
        per_box = len(label) == len(boxes) and "/" in (self.features.label or "")
        shared = label[0] if label and (not per_box or len(set(label)) == 1) else None
        return Example(
            id=self.ids[index],
            image=data,
            label=shared if shared is not None and shared >= 0 else None,
            boxes=boxes,
            box_labels=np.array(label, np.int64) if per_box else None,
            size=size,
            entry=entry,
        )


def _size(data: bytes, entry: str) -> tuple[int, int]:
    import io

    from limelight.data.header import upright_size
    from limelight.errors import ImageError

    try:
        return upright_size(io.BytesIO(data))
    except ImageError as error:
        raise ImageError(f"{error} ({entry})") from error
