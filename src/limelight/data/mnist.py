"""MNIST and data sets in its form: idx files, compressed or not, or mnist.npz."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from limelight.data.arrays import array_names, from_arrays, load_npz
from limelight.data.dataset import Dataset, Problems
from limelight.data.registry import choose_splits, reader
from limelight.errors import DatasetError

if TYPE_CHECKING:
    import numpy as np

_IMAGES = re.compile(r"^(?P<name>.+)-images[-.]idx3-ubyte(?:\.gz)?$")
_KEYS = ("x_train", "y_train", "x_test", "y_test")
_OFFICIAL = {"t10k": "test"}  # what MNIST calls its test files
_TYPE_UINT8 = 8  # of the idx format


def _idx_files(path: Path) -> dict[str, tuple[Path, Path]]:
    """The image and label file of each split."""
    found = {}
    for file in sorted(path.iterdir()) if path.is_dir() else []:
        match = _IMAGES.match(file.name)
        if match is None:
            continue
        name = match["name"]
        label_names = [
            f"{name}-labels{mark}idx1-ubyte{end}" for mark in "-." for end in ("", ".gz")
        ]
        labels = next((path / n for n in label_names if (path / n).is_file()), None)
        if labels is not None:
            found[_OFFICIAL.get(name, name.rpartition("-")[2])] = (file, labels)
    return found


def _is_npz(path: Path) -> bool:
    return path.suffix == ".npz" and set(_KEYS) <= array_names(path)


@reader(
    "mnist",
    title="MNIST as idx files or as mnist.npz (Fashion-MNIST and others in the same form too)",
    expects="a folder with train-images-idx3-ubyte and train-labels-idx1-ubyte, t10k-… for test, "
    "compressed (.gz) or not, or mnist.npz",
    recognizes=lambda path: _is_npz(path) or bool(_idx_files(path)),
)
def mnist(path: Path, split: str | None, problems: Problems) -> Dataset:
    """Read MNIST. It has labels and no boxes.

    Args:
        path: the folder of the idx files, mnist.npz, or the folder that holds it.
        split: "train" or "test".
        problems: not needed: a damaged file is an error.

    Raises:
        DatasetError: no such files or split, or a file is damaged.
    """
    import numpy as np

    npz = path / "mnist.npz" if path.is_dir() and (path / "mnist.npz").is_file() else path
    files = _idx_files(path)
    if files:
        splits = tuple(sorted(files, key=lambda name: (name != "train", name)))
        chosen = choose_splits(split, splits, path)
        parts = [(read_idx(files[s][0], 3), read_idx(files[s][1], 1)) for s in chosen]
    elif _is_npz(npz):
        splits = ("train", "test")
        chosen = choose_splits(split, splits, path)
        content = load_npz(npz)
        parts = [(content[f"x_{name}"], content[f"y_{name}"]) for name in chosen]
    else:
        raise DatasetError(
            f"{path} holds no pair of …-images-idx3-ubyte and …-labels-idx1-ubyte, and is no .npz "
            f"with {', '.join(_KEYS)}"
        )
    for name, (images, labels) in zip(chosen, parts, strict=True):
        if len(images) != len(labels):
            raise DatasetError(f"{path}, {name}: {len(images)} images and {len(labels)} labels")
    labels = np.concatenate([part[1] for part in parts]).astype(np.int64).ravel()
    ids = [
        f"{s}/{i:05d}" for s, part in zip(chosen, parts, strict=True) for i in range(len(part[1]))
    ]
    images = np.concatenate([part[0] for part in parts])
    dataset = from_arrays(images, labels, name=path.stem, ids=ids)
    dataset.class_names = tuple(str(i) for i in range(int(labels.max(initial=-1)) + 1))
    dataset.split, dataset.splits = split, splits
    return dataset


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The uint8 array of an idx file, gzipped or not.

    The format: two zero bytes, the type (8: unsigned byte), the number of axes, each axis's length
    as a big-endian 32-bit integer, the values.

    Raises:
        DatasetError: it is no such file, of another number of axes, or truncated.
    """
    import numpy as np

    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    start = 4 + 4 * axes
    if len(data) < start or data[:4] != bytes((0, 0, _TYPE_UINT8, axes)):
        raise DatasetError(f"{path} is no idx file of bytes with {axes} axes")
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    expected = start + int(np.prod(shape, dtype=object))
    if len(data) != expected:
        raise DatasetError(f"{path} has {len(data)} bytes; its header says {expected}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
