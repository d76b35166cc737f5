"""Thresholds by method, written and read; and a single one as `localization` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from limelight.errors import RunError
from limelight.localization import Threshold
from limelight.runs import read_thresholds, write_thresholds

ONE = Threshold(0.3, "max", "ivr", "iou", 0.5, 7, "digits", (0.1, 0.3), {"ivr": (0.4, 0.5)})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    kept = {"gradcam++": ONE, "centre-box": ONE}
    path = write_thresholds(tmp_path / "new" / "thresholds.json", kept)
    assert read_thresholds(path) == kept
    ONE.write(tmp_path / "one.json")
    assert read_thresholds(tmp_path / "one.json") == ONE


@pytest.mark.parametrize(
    "change", [{"rule": "maximum"}, {"normalizer": 3}, {"value": "high"}, {"curves": None}]
)
def test_a_damaged_entry_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write_thresholds(tmp_path / "t.json", {"cam": ONE})
    content = json.loads(path.read_text())
    content["thresholds"]["cam"] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match="'cam' is no threshold"):
        read_thresholds(path)


@pytest.mark.parametrize("text", ["", "[]", '{"thresholds": 3}', "{}"])
def test_what_is_no_file_of_thresholds(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(RunError):
        read_thresholds(tmp_path / "t.json")
    with pytest.raises(RunError, match="no thresholds can be read"):
        read_thresholds(tmp_path / "none.json")
    with pytest.raises(RunError, match="cannot be written"):
        write_thresholds(tmp_path, {"cam": ONE})
