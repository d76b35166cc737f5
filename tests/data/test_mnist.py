"""MNIST: the real idx files read again by plain struct, .npz, and damaged files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import limelight.data
from limelight.errors import DatasetError


def test_the_real_files(data: Path) -> None:
    dataset = limelight.data.open(data / "mnist")
    assert "read as mnist" in str(dataset.recognized)
    assert dataset.splits == ("test",)
    with gzip.open(data / "mnist" / "t10k-labels-idx1-ubyte.gz") as file:
        _, count = struct.unpack(">II", file.read(8))
        labels = list(file.read())
    with gzip.open(data / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        _, _, rows, columns = struct.unpack(">IIII", file.read(16))
        first = file.read(rows * columns * 2)
    assert len(dataset) == count == 10000
    assert [e.label for e in dataset] == labels
    assert b"".join(e.image.tobytes() for e in dataset[:2]) == first
    assert dataset[0].read().size == (28, 28)
    assert dataset.class_names == tuple("0123456789")
    assert dataset[0].boxes.shape == (0, 4)
    with pytest.raises(DatasetError, match="no split 'train'"):
        limelight.data.open(data / "mnist", split="train")


def write_idx(path: Path, array: np.ndarray, compress: bool) -> None:
    content = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content += array.tobytes()
    path.write_bytes(gzip.compress(content) if compress else content)


@pytest.mark.parametrize("kind", ["idx", "idx.gz", "npz", "npz in a folder"])
def test_both_splits_in_every_form(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    parts = {
        name: (rng.integers(0, 256, (n, 5, 4), np.uint8), rng.integers(0, 3, n).astype(np.uint8))
        for name, n in (("train", 6), ("test", 4))
    }
    source = tmp_path
    if kind.startswith("npz"):
        arrays = {f"{k}_{name}": parts[name][i] for name in parts for i, k in enumerate("xy")}
        np.savez(tmp_path / "mnist.npz", **arrays)
        source = tmp_path / "mnist.npz" if kind == "npz" else tmp_path
    else:
        for name, (images, labels) in parts.items():
            start, end = ("t10k" if name == "test" else name), ".gz" * kind.endswith("gz")
            write_idx(tmp_path / f"{start}-images-idx3-ubyte{end}", images, bool(end))
            write_idx(tmp_path / f"{start}-labels-idx1-ubyte{end}", labels, bool(end))
    for name, (images, labels) in parts.items():
        dataset = limelight.data.open(f"mnist:{source}", split=name)
        np.testing.assert_array_equal([e.image for e in dataset], images)
        assert [e.label for e in dataset] == labels.tolist()
    both = limelight.data.open(f"mnist:{source}")
    assert both.splits == ("train", "test")
    assert [both[5].id, both[6].id] == ["train/00005", "test/00000"]


def test_damaged_files(tmp_path: Path) -> None:
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    write_idx(images, np.zeros((3, 4, 4), np.uint8), False)
    write_idx(labels, np.zeros(2, np.uint8), False)
    with pytest.raises(DatasetError, match="3 images and 2 labels"):
        limelight.data.open(tmp_path)
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(DatasetError, match="63 bytes; its header says 64"):
        limelight.data.open(tmp_path)
    images.write_bytes(b"\x00\x00\x0d\x03" + bytes(60))
    with pytest.raises(DatasetError, match="no idx file of bytes with 3 axes"):
        limelight.data.open(tmp_path)
    images.write_bytes(gzip.compress(bytes(100))[:-9])
    with pytest.raises(DatasetError, match="cannot be read"):
        limelight.data.open(tmp_path)
