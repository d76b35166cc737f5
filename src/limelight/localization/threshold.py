"""A threshold with where it comes from, kept in a small file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from limelight._version import __version__
from limelight.errors import RunError
from limelight.localization.foreground import RULES
from limelight.localization.normalization import NORMALIZERS


@dataclass(frozen=True)
class Threshold:
    """A threshold tuned on a validation split.

    Attributes:
        value: the threshold.
        rule: what it means; a name from `RULES`.
        normalizer: of the maps before; a name from `NORMALIZERS`.
        goal: what was tuned for; a name from `GOALS`.
        score: the goal at `value`, in 0..1, on the data it was tuned on.
        images: how many images that were.
        data: their name.
        thresholds: (t,) all thresholds tried.
        curves: the goal at each of them (t,), by normalizer.
        refine: how the image refines the maps before, as `find_refinement` reads it; None: not.
    """

    value: float
    rule: str
    normalizer: str
    goal: str
    score: float
    images: int
    data: str
    thresholds: tuple[float, ...]
    curves: dict[str, tuple[float, ...]] = field(default_factory=dict)
    refine: str | None = None

    def options(self) -> dict[str, Any]:
        """What `Maps.boxes` takes: threshold, rule and normalizer, and refine where it is one."""
        said = {"threshold": self.value, "rule": self.rule, "normalizer": self.normalizer}
        return said if self.refine is None else {**said, "refine": self.refine}

    def write(self, path: str | Path) -> None:
        """Keep it as JSON at `path`.

        Raises:
            RunError: the file cannot be written.
        """
        kept = {"limelight": __version__, **asdict(self)}
        try:
            Path(path).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise RunError(f"the threshold cannot be written to {path}: {error}") from error

    @classmethod
    def read(cls, path: str | Path) -> Threshold:
        """The threshold that `write` kept at `path`.

        Raises:
            RunError: the file cannot be read, or is not one of those.
        """
        try:
            kept = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"no threshold can be read from {path}: {error}") from error
        try:
            del kept["limelight"]
            kept["thresholds"] = tuple(kept["thresholds"])
            kept["curves"] = {name: tuple(curve) for name, curve in kept["curves"].items()}
            found = cls(**kept)
            known = found.rule in RULES and found.normalizer in NORMALIZERS
        except (KeyError, TypeError, AttributeError):
            known = False
        if not known:
            raise RunError(f"{path} is not a threshold that `limelight tune` wrote")
        return found
