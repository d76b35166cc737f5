"""The folder of a training: what is kept, so that a kill loses one epoch at most.

::

    config.json                    what was asked for; also what `load` needs
    model.safetensors|model.keras  the best epoch so far
    metrics.csv                    a row an epoch
    metrics.png                    the same as a picture, where matplotlib is installed
    state.safetensors|state.keras  the last finished epoch, optimizer included; gone at the end
    result.json                    written last: the training is complete

Every file appears whole, by renaming; nothing in it is a pickle.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from limelight.errors import RunError
from limelight.models.side_file import CONFIG, FORMAT, write_json

METRICS = "metrics.csv"
RESULT = "result.json"


@dataclass(frozen=True)
class Epoch:
    """A finished epoch.

    Attributes:
        epoch: counted from 1.
        loss: mean cross-entropy over the training batches.
        accuracy: over the training batches, as they were when they were trained on.
        validation_accuracy: over the held-out images.
        seconds: wall-clock time.
        localization: mean IoU on the held-out images, where epochs are selected by it.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_accuracy: float
    seconds: float
    localization: float | None = None

    @property
    def goodness(self) -> float:
        """What the best epoch has most of."""
        return self.validation_accuracy if self.localization is None else self.localization


@dataclass(frozen=True)
class Folder:
    """The files of one training; `suffix` is ".safetensors" or ".keras"."""

    path: Path
    suffix: str

    @property
    def model(self) -> Path:
        """The best model."""
        return self.path / f"model{self.suffix}"

    @property
    def state(self) -> Path:
        """What to go on from."""
        return self.path / f"state{self.suffix}"

    def begin(self, config: Mapping[str, Any], restart: bool) -> bool:
        """Make the folder ready for `config`; whether the training is already complete.

        Raises:
            RunError: the folder belongs to something else, or was trained with other settings.
        """
        path = self.path
        config = json.loads(json.dumps({"format": FORMAT, **config}))  # tuples are lists in a file
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file; expected a folder to write to")
        kept = self._kept_config()
        if kept is None and path.is_dir() and any(path.iterdir()):
            raise RunError(
                f"{path} holds other files and no {CONFIG}: give an empty folder, or a new one"
            )
        if kept is not None and kept.get("format") != FORMAT:
            raise RunError(f"{path} holds something else than a training: give another folder")
        if kept is not None and restart:
            self._clear()
        elif kept is not None and (words := _differences(kept, config)):
            raise RunError(
                f"{path} was trained with other settings ({words}): give another folder, "
                "or restart=True (--retrain)"
            )
        path.mkdir(parents=True, exist_ok=True)
        if kept is None or restart:
            write_json(path / CONFIG, config)
        return (path / RESULT).is_file() and self.model.is_file()

    def _kept_config(self) -> dict[str, Any] | None:
        file = self.path / CONFIG
        if not file.is_file():
            return None
        try:
            kept = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{file} cannot be read: {error}") from error
        return kept if isinstance(kept, dict) else {}

    def _clear(self) -> None:
        for name in (RESULT, CONFIG):
            (self.path / name).unlink(missing_ok=True)
        for pattern in ("model.*", "state.*", "metrics.*"):
            for file in self.path.glob(pattern):
                file.unlink()

    def write(self, file: Path, save: Callable[[Path], None]) -> None:
        """Let `save` write to a path beside `file`, then rename it."""
        partial = file.with_name(f"{file.stem}.partial{file.suffix}")
        save(partial)
        os.replace(partial, file)

    def write_metrics(self, history: Sequence[Epoch]) -> None:
        """The table of epochs as CSV."""

        def save(path: Path) -> None:
            with path.open("w", newline="", encoding="utf-8") as stream:
                table = csv.DictWriter(stream, list(Epoch.__dataclass_fields__))
                table.writeheader()
                for row in history:
                    table.writerow({k: _short(v) for k, v in asdict(row).items()})

        self.write(self.path / METRICS, save)

    def finish(self, history: Sequence[Epoch]) -> None:
        """Say that the training is complete; what only a continuation needs is removed."""
        best = max(history, key=lambda row: (row.goodness, row.epoch))
        result = {
            "best_epoch": best.epoch,
            "validation_accuracy": best.validation_accuracy,
            "localization": best.localization,
            "epochs": len(history),
            "seconds": round(sum(row.seconds for row in history), 2),
        }
        write_json(self.path / RESULT, result)
        self.state.unlink(missing_ok=True)


def _short(value: float | None) -> float | None:
    return round(value, 6) if isinstance(value, float) else value


def _differences(kept: Mapping[str, Any], asked: Mapping[str, Any], prefix: str = "") -> str:
    words = []
    for key in sorted({*kept, *asked}):
        old, new = kept.get(key), asked.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            words.append(_differences(old, new, f"{prefix}{key}."))
        elif old != new:
            words.append(f"{prefix}{key} was {_clipped(old)}, is {_clipped(new)}")
    return "; ".join(word for word in words if word)


def _clipped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"
