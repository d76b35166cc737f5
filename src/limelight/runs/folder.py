"""The folder of a run: what lies where, and how it is written so that nothing is ever half there.

::

    RUN/
      config.json             what was asked for, resolved; versions; the hash of what was asked for
      rows/part-00000.parquet a row for each image of a shard; there when the shard is done
      maps/part-00000.parquet its maps, float16 at feature size
      metrics.json            all figures, once every shard is done
      errors.csv              the images that could not be evaluated, and why
      report.html
      leaderboard.png         of a benchmark
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from limelight.errors import RunError

CONFIG, METRICS, ERRORS, REPORT = "config.json", "metrics.json", "errors.csv", "report.html"
PLOT = "leaderboard.png"
_DRAFT = ".draft"
_CARRIERS = ("python", "pyarrow")


@dataclass(frozen=True)
class Division:
    """How the images of a run are divided into shards.

    Attributes:
        first, others: how many images are in the first shard, and in each other.
        batch: how many of them pass through the model at a time.
    """

    first: int
    others: int
    batch: int


class RunFolder:
    """The files of a run.

    Args:
        path: exactly the folder that ``--out`` names.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def part(self, kind: str, number: int) -> Path:
        """The file of a shard's "rows" or "maps"."""
        return self.path / kind / f"part-{number:05}.parquet"

    def has(self, number: int) -> bool:
        """Whether a shard is done."""
        return self.part("rows", number).is_file()

    # -- the configuration --------------------------------------------------------------------

    def config(self) -> dict[str, Any] | None:
        """What `config.json` holds; None where there is no run.

        Raises:
            RunError: it cannot be read.
        """
        file = self.path / CONFIG
        if not file.is_file():
            return None
        try:
            content = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(
                f"{file} cannot be read as the configuration of a run: {error}"
            ) from error
        if not isinstance(content, dict) or not isinstance(content.get("configuration"), dict):
            raise RunError(
                f"{self.path} is not the folder of a run: its {CONFIG} is something else's; of a "
                f"model, `limelight evaluate DATASET --model {self.path} --out RUN` makes one"
            )
        return content

    def begin(
        self,
        configuration: Mapping[str, Any],
        versions: Mapping[str, str],
        about: Mapping[str, Any],
    ) -> None:
        """Start a run here, or go on with the one that is here.

        Args:
            configuration: what was asked for; a run of another one is not gone on with.
            versions: of the libraries.
            about: what else is needed to open the run again: where the data set is, class names.

        Raises:
            RunError: the folder holds a run of another configuration or of other versions, or
                something else, or cannot be written.
        """
        known, plain = self.config(), _plain(configuration)
        if known is not None:
            differences = list(_differences(known["configuration"], plain))
            if differences:
                raise RunError(
                    f"{self.path} holds a run of another configuration: {'; '.join(differences)}. "
                    "Give another folder, or the same configuration"
                )
            changed = _changed_versions(known["versions"], versions)
            if changed:
                raise RunError(
                    f"{self.path} holds a run of other versions, whose numbers may differ: "
                    f"{'; '.join(changed)}. Give another folder, or install those versions"
                )
            return
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file; a run is kept in a folder")
        if self.path.is_dir() and any(each.suffix != _DRAFT for each in self.path.iterdir()):
            raise RunError(f"{self.path} holds something else than a run; give another folder")
        content = {
            "configuration": plain,
            "hash": digest(plain),
            "versions": dict(versions),
            "shards": None,
            "about": dict(about),
        }
        self._write_config(content)

    def division(self) -> Division | None:
        """How the images are divided; None: not known yet."""
        shards = (self.config() or {}).get("shards")
        return None if shards is None else Division(**shards)

    def keep_division(self, division: Division) -> None:
        """Keep how the images are divided, for whoever goes on."""
        content = self.config() or {}
        self._write_config({**content, "shards": asdict(division)})

    def _write_config(self, content: Mapping[str, Any]) -> None:
        self.write_text(CONFIG, json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    def numbers(self) -> list[int]:
        """The shards that are done."""
        files = (self.path / "rows").glob("part-*.parquet")
        return sorted(int(file.stem.partition("-")[2]) for file in files)

    # -- files --------------------------------------------------------------------------------

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file of the run, whole or not at all."""
        with self.writing(self.path / name) as stream:
            # a byte of a path that is no UTF-8 becomes \udcXX, which JSON reads back
            stream.write(text.encode("utf-8", "backslashreplace"))
        return self.path / name

    def write_errors(self, errors: list[tuple[int | None, str, str]]) -> None:
        """Write `errors.csv`: position in the data set, id and reason."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["index", "id", "error"])
        writer.writerows(errors)
        self.write_text(ERRORS, text.getvalue())

    @contextmanager
    def writing(self, file: Path) -> Iterator[IO[bytes]]:
        """A stream whose file appears by renaming, when it is whole.

        Raises:
            RunError: the folder cannot be written.
        """
        draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}{_DRAFT}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("wb") as stream:
                    yield stream
                    stream.flush()
                    os.fsync(stream.fileno())
                draft.replace(file)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"{file} cannot be written: {error}") from error

    def tidy(self) -> None:
        """Remove what processes that were killed left behind."""
        for draft in self.path.rglob(f".*{_DRAFT}"):
            draft.unlink(missing_ok=True)


def digest(content: Any) -> str:
    """The SHA-256 of plain values, whatever the order of their keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(content: Any) -> Any:
    """The values as JSON brings them back."""
    return json.loads(json.dumps(content))


def _differences(old: Any, new: Any, key: str = "") -> Iterator[str]:
    """Each key whose value differs, with both."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            path = f"{key}.{name}" if key else name
            if name not in old or name not in new:
                yield f"{path} {'is new' if name in new else 'is missing'}"
            else:
                yield from _differences(old[name], new[name], path)
    elif old != new:
        yield f"{key} was {_short(old)}, and is now {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + " …"


def _changed_versions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What has another version now than before, in words, where that can change a number.

    Python and pyarrow carry numbers and make none. What was not in use both times did not make
    them either.
    """
    return [
        f"{name} was {before[name]}, and is now {now[name]}"
        for name in before
        if name in now and before[name] != now[name] and name not in _CARRIERS
    ]
