"""How far a run is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limelight.errors import RunError
from limelight.runs.folder import METRICS, REPORT, RunFolder
from limelight.runs.store import read_info


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes:
        images: of the data set.
        done: images in shards that are done.
        errors: images among them that could not be evaluated.
        parts: by number, each shard that is done: its first image, and the one after its last.
        layers: by method, the layer explained.
        finished: whether the figures are there too.
        report: whether the report is.
        content: what `config.json` holds.
    """

    images: int
    done: int
    errors: int
    parts: Mapping[int, tuple[int, int]]
    layers: Mapping[str, str]
    finished: bool
    report: bool
    content: Mapping[str, Any]


def status(path: str | os.PathLike[str]) -> Status:
    """How far the run in a folder is; quick, no row is read.

    Raises:
        RunError: the folder holds no run, or a file of it is damaged.
    """
    folder = RunFolder(path)
    content = folder.config()
    if content is None:
        raise RunError(f"{path} holds no run: it has no config.json")
    parts: dict[int, tuple[int, int]] = {}
    layers: dict[str, str] = {}
    errors = 0
    for number in folder.numbers():
        _, info = read_info(folder.part("rows", number))
        parts[number] = (info["start"], info["stop"])
        layers |= info["layers"]
        errors += info["errors"]
    return Status(
        images=content["configuration"]["data"]["images"],
        done=sum(stop - start for start, stop in parts.values()),
        errors=errors,
        parts=parts,
        layers=layers,
        finished=(folder.path / METRICS).is_file(),
        report=(folder.path / REPORT).is_file(),
        content=content,
    )
