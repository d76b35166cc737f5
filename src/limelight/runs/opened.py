"""A run that is read where it lies: rows and maps by an image's id, tables, boxes for others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import MissingExtra, RunError, did_you_mean
from limelight.runs.folder import RunFolder
from limelight.runs.parts import Parts, StoredMaps
from limelight.runs.state import Status, status
from limelight.runs.store import make_row

if TYPE_CHECKING:
    import numpy as np

    from limelight.maps import Maps
    from limelight.runs.rows import Row


class Run:
    """The rows and maps that a run has kept so far.

    Nothing is read before it is asked for, and then a row group (256 images) at a time. An image is
    named by its id in the data set, or by its position there.

    Args:
        path: the folder of the run.

    Raises:
        RunError: there is no run.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        folder = RunFolder(path)
        #: How far the run was when it was opened.
        self.status: Status = status(path)
        configuration = self.status.content["configuration"]
        #: The names of what has maps: methods, and folders of maps.
        self.methods: tuple[str, ...] = (*configuration["methods"], *configuration["maps"])
        #: The names of the model's classes; None where they are not known.
        self.class_names: list[str] | None = self.status.content["about"]["class_names"]
        self._rows = Parts(folder, "rows", self.status.parts)
        self._maps = StoredMaps(folder, self.status.parts)

    def __repr__(self) -> str:
        return f"<Run {self.path}: {len(self)} images, {', '.join(self.methods)}>"

    def __len__(self) -> int:
        """How many images are done, those with an error among them."""
        return self._rows.count

    def __iter__(self) -> Iterator[Row]:
        """The row of each image, in the order of the data set."""
        for table in self._rows.groups():
            columns = table.to_pydict()
            for i in range(table.num_rows):
                yield make_row({name: each[i] for name, each in columns.items()}, self.methods)

    @property
    def errors(self) -> list[Row]:
        """The images that could not be read or explained."""
        return [row for row in self if row.error is not None] if self.status.errors else []

    def row(self, image: str | int) -> Row:
        """What is known of an image, without its maps.

        Raises:
            RunError: no such image is done, or several have that id.
        """
        line = self._rows.line(self._index(image))
        if line is None:
            raise RunError(f"{self.path}: the image at position {image} is not done")
        return make_row(line, self.methods)

    def maps(self, images: str | int | Sequence[str | int], method: str | None = None) -> Maps:
        """The maps of one image or several, as `limelight.explain` returns them.

        Args:
            images: ids or positions; the maps of several must be of one size.
            method: whose maps; None where the run has only one.

        Raises:
            RunError: no such method or image, or an image without a map.
        """
        import numpy as np

        from limelight.maps import Maps

        name = self._method(method)
        several = [images] if isinstance(images, str | int) else list(images)
        rows = [self.row(image) for image in several]
        found = [self._map(row, name) for row in rows]
        sure = all(row.predicted == row.target and row.target is not None for row in rows)
        known = all(row.target is not None for row in rows)
        if len({each.shape for each in found}) != 1:
            raise RunError(f"maps of {len({e.shape for e in found})} sizes: ask for each by itself")
        return Maps(
            np.stack(found),
            None,
            np.array([row.target for row in rows]) if known else None,
            np.array([row.probability for row in rows], np.float32) if sure else None,
            method=name,
            layer=self.status.layers.get(name, ""),
            frames=tuple(row.frame for row in rows if row.frame is not None),
            class_names=None if self.class_names is None else tuple(self.class_names),
        )

    def to_pandas(self) -> Any:
        """All rows as a pandas table, a line for each image; maps are left out.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtra(
                "tables of pandas need pandas, which is not installed: pip install pandas"
            ) from None
        parts = [table.select(_readable(table)).to_pandas() for table in self._rows.groups()]
        return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame()

    def to_coco(self, path: str | os.PathLike[str], method: str | None = None) -> Path:
        """Write the boxes of a method as a COCO file: images, annotations, categories.

        An annotation's category is the class explained; its score is the probability that the model
        gives it, where that is the predicted class. Images without a box have no annotation.

        Args:
            path: of the JSON file, which is returned.
            method: whose boxes; None where the run has only one.

        Raises:
            RunError: no such method, or the file cannot be written.
        """
        from limelight.runs.coco import write_coco

        return write_coco(self, self._method(method), Path(path))

    # -- one of many --------------------------------------------------------------------------

    def _method(self, method: str | None) -> str:
        if method is None and len(self.methods) == 1:
            return self.methods[0]
        if method not in self.methods:
            near = "" if method is None else did_you_mean(method, self.methods)
            raise RunError(f"which method's? {self.path} has {', '.join(self.methods)}{near}")
        return method

    def _map(self, row: Row, method: str) -> np.ndarray:
        values = self._maps(row, method)
        if values is None:
            raise RunError(f"{row.id} has no map: {row.error or 'it was not kept'}")
        return values

    def _index(self, image: str | int) -> int:
        if not isinstance(image, str):
            return image
        hashes, order = self._by_hash
        wanted = hash(image)
        hits = []
        for at in range(int(hashes.searchsorted(wanted)), len(hashes)):
            if hashes[at] != wanted:
                break
            index = int(order[at])
            line = self._rows.line(index, ["id"])
            if line is not None and line["id"] == image:
                hits.append(index)
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise RunError(f"{len(hits)} images have the id {image!r}: give a position of {hits}")
        raise RunError(f"{self.path}: no image {image!r} is done")

    @cached_property
    def _by_hash(self) -> tuple[np.ndarray, np.ndarray]:
        """The hash of each id, ascending, and the image's position: 16 bytes an image."""
        import numpy as np

        hashes, positions = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for table in self._rows.groups(["index", "id"]):
            hashes.append(np.array([hash(id) for id in table["id"].to_pylist()], np.int64))
            positions.append(table["index"].to_numpy())
        all_hashes, all_positions = np.concatenate(hashes), np.concatenate(positions)
        order = np.argsort(all_hashes, kind="stable")
        return all_hashes[order], all_positions[order]


def open(path: str | os.PathLike[str]) -> Run:
    """The run in a folder, finished or not; nothing of it is read before it is asked for.

    Raises:
        RunError: there is no run.
    """
    return Run(path)


def _readable(table: Any) -> list[str]:
    """The columns that mean something outside of Limelight: all but packed bits."""
    return [field.name for field in table.schema if str(field.type) != "binary"]
