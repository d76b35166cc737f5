"""The boxes of a run as a COCO file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from limelight.runs.folder import RunFolder

if TYPE_CHECKING:
    from limelight.runs.opened import Run
    from limelight.runs.rows import Row


def write_coco(run: Run, method: str, path: Path) -> Path:
    """Write the boxes of `method` as COCO's instances, image by image, and return `path`.

    Raises:
        RunError: the file cannot be written, or a part of the run is damaged.
    """
    classes = sorted({row.target for row in run if row.target is not None})
    names = run.class_names
    categories = [
        {"id": index, "name": str(index) if names is None else names[index]} for index in classes
    ]
    with RunFolder(path.parent).writing(path) as stream:
        stream.write(b'{"info": ' + _text({"description": f"boxes of {method}"}))
        for key, items in (
            ("images", _images(run)),
            ("annotations", _annotations(run, method)),
            ("categories", iter(categories)),
        ):
            stream.write(f',\n"{key}": [\n'.encode())
            _write(stream, items)
            stream.write(b"\n]")
        stream.write(b"}\n")
    return path


def _write(stream: IO[bytes], items: Iterable[dict[str, Any]]) -> None:
    separator = b""
    for item in items:
        stream.write(separator + _text(item))
        separator = b",\n"


def _text(item: dict[str, Any]) -> bytes:
    return json.dumps(item, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _images(run: Run) -> Iterator[dict[str, Any]]:
    for row in run:
        if row.frame is not None:
            height, width = row.frame.original_size
            yield {"id": row.index, "file_name": row.id, "height": height, "width": width}


def _annotations(run: Run, method: str) -> Iterator[dict[str, Any]]:
    number = 0
    for row in run:
        box = _box(row, method)
        if box is None:
            continue
        number += 1
        x0, y0, x1, y1 = box
        found: dict[str, Any] = {
            "id": number,
            "image_id": row.index,
            "category_id": row.target,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
        }
        if row.target == row.predicted and row.probability is not None:
            found["score"] = row.probability
        yield found


def _box(row: Row, method: str) -> list[float] | None:
    """The box of an image; None where there is none, or no class for it."""
    import numpy as np

    if row.target is None or method not in row.found or np.isnan(row.found[method].box).any():
        return None
    return row.found[method].box.tolist()
