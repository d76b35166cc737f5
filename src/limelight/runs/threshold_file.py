"""Tuned thresholds of several methods, kept in one small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight._version import __version__
from limelight.errors import RunError

if TYPE_CHECKING:
    from limelight.localization import Threshold


def write_thresholds(path: str | Path, thresholds: Mapping[str, Threshold]) -> Path:
    """Keep thresholds by method as JSON at `path`, which is returned.

    Raises:
        RunError: the file cannot be written.
    """
    path = Path(path)
    kept = {
        "limelight": __version__,
        "thresholds": {name: asdict(threshold) for name, threshold in thresholds.items()},
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RunError(f"the thresholds cannot be written to {path}: {error}") from error
    return path


def read_thresholds(path: str | Path) -> Threshold | dict[str, Threshold]:
    """What `limelight tune` wrote, by method; or the one threshold that `Threshold.write` wrote.

    Raises:
        RunError: the file cannot be read, or is neither.
    """
    from limelight.localization import Threshold

    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"no thresholds can be read from {path}: {error}") from error
    if not isinstance(kept, dict) or not isinstance(kept.get("thresholds"), dict):
        return Threshold.read(path)
    return {name: _threshold(path, name, entry) for name, entry in kept["thresholds"].items()}


def _threshold(path: str | Path, name: str, entry: Any) -> Threshold:
    from limelight.localization import NORMALIZERS, RULES, Threshold

    try:
        curves = {key: tuple(curve) for key, curve in entry["curves"].items()}
        found = Threshold(**{**entry, "thresholds": tuple(entry["thresholds"]), "curves": curves})
        known = found.rule in RULES and found.normalizer in NORMALIZERS
        known = known and isinstance(found.value, int | float)
    except (KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise RunError(f"{path}: the entry {name!r} is no threshold that `limelight tune` wrote")
    return found
