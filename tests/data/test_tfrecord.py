"""TFRecord files and their messages, against what TensorFlow writes."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.data.dataset import Problems
from limelight.data.tfrecord import RecordFile, masked_crc32c
from limelight.errors import DatasetError


def test_the_checksum_of_the_standard() -> None:
    """RFC 3720, B.4: CRC-32C of 32 zeros is 8a9136aa; TFRecord rotates it by 15 and adds."""
    crc = 0x8A9136AA
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    assert masked_crc32c(bytes(32)) == (rotated + 0xA282EAD8) & 0xFFFFFFFF


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A file of 30 messages of every kind of value, written by TensorFlow."""
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("records") / "x.tfrecord"
    contents = []
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i in range(30):
            content = {
                "image": [rng.bytes(int(rng.integers(0, 3000)))],
                "names": [b"", b"one", "zwölf".encode()][: i % 4],
                "box": rng.random(4 * (i % 3), np.float32).tolist(),
                "numbers": [-1, 0, 1, 127, 128, -(2**63), 2**63 - 1][: i % 8],
            }
            features = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=content["image"])),
                "names": tf.train.Feature(bytes_list=tf.train.BytesList(value=content["names"])),
                "box": tf.train.Feature(float_list=tf.train.FloatList(value=content["box"])),
                "numbers": tf.train.Feature(
                    int64_list=tf.train.Int64List(value=content["numbers"])
                ),
            }
            message = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(message.SerializeToString())
            contents.append(content)
    return path, contents


def test_every_value_comes_back(written: tuple[Path, list[dict[str, Any]]]) -> None:
    path, contents = written
    file = pickle.loads(pickle.dumps(RecordFile(path)))  # as another process gets it
    places = file.index(Problems(strict=True))
    assert len(places) == len(contents)
    for place, content in zip(places, contents, strict=True):
        values = file.example(*place)
        for name, expected in content.items():
            found = values.get(name, [])
            assert [bytes(v) if isinstance(v, memoryview) else v for v in found] == expected


@pytest.mark.parametrize("cut", [1, 5, 20, 3000])
def test_a_truncated_file(
    cut: int, written: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    data = written[0].read_bytes()
    short = tmp_path / "short.tfrecord"
    short.write_bytes(data[:-cut])
    whole = RecordFile(written[0]).index(Problems(strict=True))
    with pytest.raises(DatasetError, match=r"short\.tfrecord: record \d+ is truncated"):
        RecordFile(short).index(Problems(strict=True))
    problems = Problems(strict=False)
    found = RecordFile(short).index(problems)
    assert found == [place for place in whole if place[1] + 4 <= len(data) - cut]
    assert len(problems.found) == 1


def test_a_damaged_file(written: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    data = bytearray(written[0].read_bytes())
    start = RecordFile(written[0]).index(Problems(strict=True))[3][0]
    data[start - 12] ^= 1
    (tmp_path / "x.tfrecord").write_bytes(data)
    with pytest.raises(DatasetError, match="record 4 has a wrong checksum"):
        RecordFile(tmp_path / "x.tfrecord").index(Problems(strict=True))
    (tmp_path / "x.tfrecord").write_bytes(b"hello, this is no such file at all")
    with pytest.raises(DatasetError, match="record 1 has a wrong checksum"):
        RecordFile(tmp_path / "x.tfrecord").index(Problems(strict=True))
    (tmp_path / "x.tfrecord").write_bytes(b"")
    assert RecordFile(tmp_path / "x.tfrecord").index(Problems(strict=True)) == []
    with pytest.raises(DatasetError, match="cannot be read"):
        RecordFile(tmp_path / "gone.tfrecord").index(Problems(strict=True))


@pytest.mark.parametrize(
    "message", [b"\x0a\x7f\x01", b"\xff\xff\xff", b"\x0b", b"\x0a\x03\x0a\x05\x0a"]
)
def test_a_record_that_is_no_example(message: bytes, tmp_path: Path) -> None:
    length = struct.pack("<Q", len(message))
    record = length + struct.pack("<I", masked_crc32c(length)) + message + bytes(4)
    (tmp_path / "x.tfrecord").write_bytes(record)
    file = RecordFile(tmp_path / "x.tfrecord")
    (place,) = file.index(Problems(strict=True))
    with pytest.raises(DatasetError, match=r"the record at byte 12 is no tf\.train\.Example"):
        file.example(*place)
