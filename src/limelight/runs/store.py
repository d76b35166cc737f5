"""Rows and maps as Parquet tables, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError, require
from limelight.frames import Frame
from limelight.runs.folder import RunFolder
from limelight.runs.rows import Found, Row

if TYPE_CHECKING:
    import numpy as np

_PLAIN = (
    "index", "id", "error", "label", "truth", "target", "target_score", "predicted", "probability",
)  # fmt: skip
_INFO = b"limelight"
GROUP = 256
"""Images in a row group, the least that is read at a time."""


def pyarrow() -> Any:
    """The library that reads and writes Parquet.

    Raises:
        MissingExtra: it is not installed.
    """
    require("pyarrow.parquet", "runs", "runs that are kept in a folder")
    return require("pyarrow", "runs", "runs that are kept in a folder")


def write_part(
    folder: RunFolder, number: int, rows: Sequence[Row], names: Sequence[str], info: Mapping
) -> None:
    """Write a shard: its maps, then its rows, with which it is done.

    Args:
        folder: of the run.
        number: of the shard.
        rows: of its images.
        names: of methods, folders of maps and baselines, the columns.
        info: what is kept beside the rows, plain values.

    Raises:
        RunError: the folder cannot be written.
    """
    pa = pyarrow()
    kept = [name for name in names if any(_values(row, name) is not None for row in rows)]
    tables = {"maps": _map_table(pa, rows, kept), "rows": _row_table(pa, rows, names)}
    for kind, table in tables.items():
        table = table.replace_schema_metadata({_INFO: json.dumps(dict(info))})
        with folder.writing(folder.part(kind, number)) as stream:
            pa.parquet.write_table(table, stream, compression="zstd", row_group_size=GROUP)


def _row_table(pa: Any, rows: Sequence[Row], names: Sequence[str]) -> Any:
    whole, real, text = pa.int64(), pa.float64(), pa.string()
    kinds = {"id": text, "error": text, "probability": real, "target_score": real}
    columns: dict[str, Any] = {
        name: pa.array([getattr(row, name) for row in rows], kinds.get(name, whole))
        for name in _PLAIN
    }
    columns["top"] = pa.array([list(row.top) for row in rows], pa.list_(whole))
    columns["top_scores"] = pa.array([list(row.top_scores) for row in rows], pa.list_(real))
    boxes = [None if row.frame is None else row.boxes.tolist() for row in rows]
    columns["boxes"] = pa.array(boxes, pa.list_(pa.list_(real)))
    frames = [row.frame for row in rows]
    columns["size"] = pa.array([f and list(f.original_size) for f in frames], pa.list_(whole))
    columns["input_size"] = pa.array([f and list(f.input_size) for f in frames], pa.list_(whole))
    matrices = [f and [*f.matrix[0], *f.matrix[1]] for f in frames]
    columns["matrix"] = pa.array(matrices, pa.list_(real))
    for name in names:
        found = [row.found.get(name) for row in rows]
        columns[f"{name}.box"] = pa.array([_box(each) for each in found], pa.list_(real))
        columns[f"{name}.iou"] = pa.array([each and each.iou for each in found], real)
        columns[f"{name}.diagnosis"] = pa.array([each and each.diagnosis for each in found], text)
        for metric in dict.fromkeys(m for each in found if each for m in each.scores):
            scores = [each.scores.get(metric) if each else None for each in found]
            columns[f"{name}.{metric}"] = _score_column(pa, scores)
    return pa.table(columns)


def _score_column(pa: Any, scores: Sequence[np.ndarray | None]) -> Any:
    """A metric's rows: numbers as such, curves as lists, packed bits as bytes."""
    packed = any(each is not None and each.dtype.kind == "u" for each in scores)
    if packed:
        return pa.array([None if s is None else s.tobytes() for s in scores], pa.binary())
    if any(each is not None and len(each) > 1 for each in scores):
        curves = [None if s is None else s.tolist() for s in scores]
        return pa.array(curves, pa.list_(pa.float64()))
    return pa.array([None if s is None else float(s[0]) for s in scores], pa.float64())


def _map_table(pa: Any, rows: Sequence[Row], names: Sequence[str]) -> Any:
    columns = {"index": pa.array([row.index for row in rows], pa.int64())}
    for name in names:
        values = [_values(row, name) for row in rows]
        flat = [None if v is None else v.ravel() for v in values]
        shapes = [None if v is None else list(v.shape) for v in values]
        scales = [row.found[name].scale if name in row.found else None for row in rows]
        columns[f"{name}.values"] = pa.array(flat, pa.list_(pa.float16()))
        columns[f"{name}.shape"] = pa.array(shapes, pa.list_(pa.int32()))
        columns[f"{name}.scale"] = pa.array(scales, pa.float64())
    return pa.table(columns)


def _values(row: Row, name: str) -> np.ndarray | None:
    return row.found[name].values if name in row.found else None


def _box(found: Found | None) -> list[float] | None:
    import numpy as np

    return None if found is None or np.isnan(found.box).any() else found.box.tolist()


# -- back -----------------------------------------------------------------------------------------


def read_info(file: Path) -> tuple[int, dict[str, Any]]:
    """How many rows a part has, and what was kept beside them, without reading them.

    Raises:
        RunError: the file is no part of a run.
    """
    pa = pyarrow()
    try:
        found = pa.parquet.read_metadata(file)
        return found.num_rows, json.loads(found.metadata[_INFO])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise RunError(f"{file} cannot be read as a part of a run: {error}") from error


def read_rows(file: Path, names: Sequence[str]) -> Iterator[Row]:
    """The rows of a part, without their maps.

    Raises:
        RunError: the file is no part of a run, or a column is missing.
    """
    columns = _read(file)
    try:
        count = len(columns["index"])
        for i in range(count):
            yield make_row({name: values[i] for name, values in columns.items()}, names)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{file} is not a part of this run: {error}") from error


def read_errors(file: Path) -> list[tuple[int, str, str]]:
    """Position, id and reason of each image of a part that could not be evaluated.

    Raises:
        RunError: the file is no part of a run.
    """
    if not read_info(file)[1]["errors"]:
        return []
    columns = _read(file, ["index", "id", "error"])
    rows = zip(columns["index"], columns["id"], columns["error"], strict=True)
    return [row for row in rows if row[2] is not None]


def _read(file: Path, names: Sequence[str] | None = None) -> dict[str, list[Any]]:
    pa = pyarrow()
    try:
        return pa.parquet.read_table(file, columns=names).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{file} cannot be read as a part of a run: {error}") from error


def make_row(values: Mapping[str, Any], names: Sequence[str]) -> Row:
    """The row of one line of a part, without its maps."""
    import numpy as np

    plain = {name: values[name] for name in _PLAIN}
    if values["matrix"] is None:
        return Row(**plain)
    matrix, size, input_size = values["matrix"], values["size"], values["input_size"]
    frame = Frame((tuple(matrix[:3]), tuple(matrix[3:])), tuple(input_size), tuple(size))
    boxes = np.array(values["boxes"], float).reshape(-1, 4)
    found = {name: _found(values, name) for name in names}
    return Row(
        **plain,
        top=tuple(values["top"]),
        top_scores=tuple(values["top_scores"]),
        boxes=boxes,
        frame=frame,
        found=found,
    )


def _found(values: Mapping[str, Any], name: str) -> Found:
    import numpy as np

    box = values[f"{name}.box"]
    own = {"box", "iou", "diagnosis"}
    scores = {}
    for column, value in values.items():
        start, _, metric = column.rpartition(".")
        if start != name or metric in own or value is None:
            continue
        packed = isinstance(value, bytes)
        scores[metric] = np.frombuffer(value, np.uint8) if packed else np.array(value).reshape(-1)
    return Found(
        np.full(4, np.nan) if box is None else np.array(box, float),
        values[f"{name}.iou"],
        scores,
        values[f"{name}.diagnosis"],
    )
