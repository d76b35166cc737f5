"""TFRecord files and the tf.train.Example messages in them, without TensorFlow.

A record is its length (8 bytes, little-endian), a checksum of the length, the data, and a checksum
of the data. A message is a map from names to lists of bytes, floats or integers, in the wire
format of protocol buffers.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from struct import unpack_from
from typing import Any

from limelight.data.dataset import Problems
from limelight.errors import DatasetError

_FRAME = 12  # bytes before a record's data
_END = 4  # bytes after it
_POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected
_MASK = 0xA282EAD8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class RecordFile:
    """A TFRecord file, mapped into memory: what is not asked for is not read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._view: memoryview | None = None

    def _data(self) -> memoryview:
        if self._view is None:
            with self.path.open("rb") as file:
                self._view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return self._view

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_view": None}  # a map does not travel to another process

    def index(self, problems: Problems) -> list[tuple[int, int]]:
        """Where the records' data begin and end, from their lengths alone.

        A file that is truncated or damaged is a problem; its records up to there are found.

        Raises:
            DatasetError: the file cannot be read.
        """
        found: list[tuple[int, int]] = []
        try:
            if self.path.stat().st_size == 0:
                return []
            data = self._data()
        except OSError as error:
            raise DatasetError(f"{self.path} cannot be read: {error}") from error
        at, size = 0, len(data)
        while at < size:
            name = f"record {len(found) + 1}"
            start = at + _FRAME
            length, check = unpack_from("<QI", data, at) if start <= size else (size, 0)
            at = start + length + _END
            if at > size and (start > size or _checked(data, start) == check):
                problems.add(self.path, None, f"{name} is truncated")
                break
            if _checked(data, start) != check:
                message = f"{name} has a wrong checksum: the file is damaged, or no TFRecord file"
                problems.add(self.path, None, message)
                break
            found.append((start, start + length))
        return found

    def example(self, start: int, end: int) -> dict[str, list[Any]]:
        """The features of the record at `start`; bytes come as views that are not yet read.

        Raises:
            DatasetError: it is no tf.train.Example.
        """
        try:
            return dict(_features(self._data()[start:end]))
        except (IndexError, ValueError) as error:
            raise DatasetError(
                f"{self.path}: the record at byte {start} is no tf.train.Example ({error})"
            ) from error


def _checked(data: memoryview, start: int) -> int:
    """The checksum that the length before a record's data should have."""
    return masked_crc32c(bytes(data[start - _FRAME : start - _FRAME + 8]))


def masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecord files: CRC-32C, rotated and shifted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: (number, wire type, value)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value: Any
            value, at = _varint(data, at)
        else:
            if kind == _BYTES:
                length, at = _varint(data, at)
            else:
                length = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
            if length < 0 or at + length > len(data):
                raise ValueError(f"wire type {kind}, {length} bytes at {at} of {len(data)}")
            value, at = data[at : at + length], at + length
        yield key >> 3, kind, value


def _features(data: memoryview) -> Iterator[tuple[str, list[Any]]]:
    """The names and values: Example.features = 1, Features.feature = 1 (a map), Feature = 2."""
    for _, _, features in _fields(data):
        for _, _, entry in _fields(features):
            name, values = "", list[Any]()
            for number, _, value in _fields(entry):
                if number == 1:
                    name = bytes(value).decode()
                else:
                    values = _values(value)
            yield name, values


def _values(feature: memoryview) -> list[Any]:
    """A Feature's values: bytes_list = 1, float_list = 2, int64_list = 3."""
    found: list[Any] = []
    for kind, _, content in _fields(feature):
        for _, wire, value in _fields(content):
            if kind == 1:
                found.append(value)
            elif kind == 2:
                found += unpack_from(f"<{len(value) // 4}f", value)  # packed, or one alone
            elif wire == _VARINT:
                found.append(_signed(value))
            else:
                at = 0
                while at < len(value):
                    number, at = _varint(value, at)
                    found.append(_signed(number))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
