"""The parts of a run as one long table, of which only what is asked for is read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from limelight.errors import RunError
from limelight.runs.folder import RunFolder
from limelight.runs.store import pyarrow

if TYPE_CHECKING:
    import numpy as np

    from limelight.runs.rows import Row


class Parts:
    """The rows, or the maps, of all shards that are done.

    Args:
        folder: of the run.
        kind: "rows" or "maps".
        spans: by number, each part's first position in the data set, and the one after its last.
    """

    def __init__(self, folder: RunFolder, kind: str, spans: Mapping[int, tuple[int, int]]) -> None:
        self._folder, self._kind = folder, kind
        self._spans = sorted((start, stop, number) for number, (start, stop) in spans.items())
        self._starts = [start for start, _, _ in self._spans]
        self._file: tuple[int, Any] | None = None
        self._group: tuple[tuple[int, int, tuple[str, ...] | None], dict[str, list[Any]]] | None
        self._group = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(stop - start for start, stop, _ in self._spans)

    def line(self, index: int, columns: Sequence[str] | None = None) -> dict[str, Any] | None:
        """The line of the image at `index` in the data set; None where its shard is not done.

        One row group is read, and kept until another one is asked for.

        Raises:
            RunError: the part is damaged.
        """
        at = bisect_right(self._starts, index) - 1
        if at < 0 or not self._spans[at][0] <= index < self._spans[at][1]:
            return None
        start, _, number = self._spans[at]
        size = self._opened(number).metadata.row_group(0).num_rows
        group, place = divmod(index - start, size)
        found = self._columns(number, group, columns)
        return {name: values[place] for name, values in found.items()}

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """All row groups as tables, in the order of the data set; missing columns are left out.

        Raises:
            RunError: a part is damaged.
        """
        for _, _, number in self._spans:
            file = self._opened(number)
            for group in range(file.num_row_groups):
                yield self._table(number, group, columns)

    def _columns(
        self, number: int, group: int, columns: Sequence[str] | None
    ) -> dict[str, list[Any]]:
        key = number, group, None if columns is None else tuple(columns)
        if self._group is None or self._group[0] != key:
            self._group = key, self._table(number, group, columns).to_pydict()
        return self._group[1]

    def _table(self, number: int, group: int, columns: Sequence[str] | None) -> Any:
        file = self._opened(number)
        known = None
        if columns is not None:
            known = [name for name in file.schema_arrow.names if name in columns]
        try:
            return file.read_row_group(group, columns=known)
        except (OSError, pyarrow().ArrowException) as error:
            raise self._damaged(number, error) from error

    def _opened(self, number: int) -> Any:
        if self._file is None or self._file[0] != number:
            pa = pyarrow()
            try:
                file = pa.parquet.ParquetFile(self._folder.part(self._kind, number))
            except (OSError, pa.ArrowException) as error:
                raise self._damaged(number, error) from error
            if self._file is not None:
                self._file[1].close(force=True)
            self._file = number, file
        return self._file[1]

    def _damaged(self, number: int, error: Exception) -> RunError:
        file = self._folder.part(self._kind, number)
        return RunError(f"{file} cannot be read as a part of a run: {error}")


class StoredMaps:
    """The maps of a run, read when one is asked for.

    Args:
        folder, spans: as for `Parts`.
    """

    def __init__(self, folder: RunFolder, spans: Mapping[int, tuple[int, int]]) -> None:
        self._parts = Parts(folder, "maps", spans)

    def __call__(self, row: Row, method: str) -> np.ndarray | None:
        """The map (h, w) of an image, raw, float32; None where it was not kept.

        Raises:
            RunError: the part is damaged.
        """
        import numpy as np

        names = [f"{method}.{each}" for each in ("values", "shape", "scale")]
        line = self._parts.line(row.index, names)
        if not line or line[names[0]] is None:
            return None
        values, shape, scale = (line[name] for name in names)
        return np.array(values, np.float32).reshape(shape) * np.float32(scale)
