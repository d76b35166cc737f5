"""`make bench`: its list names scripts, and all of those that write docs/benchmarks.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from limelight import list_methods

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "benchmarks" / "bench.py"


def listed() -> list[str]:
    """The scripts, from the answer to a name that there is not."""
    done = subprocess.run(
        [sys.executable, BENCH, "no-such"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout.startswith("no benchmark no-such; there are ")
    return done.stdout.strip().partition("there are ")[2].split(", ")


def test_every_method_of_the_pointing_game_has_its_picture_and_its_score() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "pointing.json").read_text("utf-8"))
    shown = {method.name for method in list_methods() if not method.of_attention}
    pictures = {file.stem for file in (ROOT / "docs" / "images" / "methods").glob("*.jpg")}
    assert set(results["methods"]) == shown
    assert pictures == shown | {"photograph"}


def test_every_script_of_the_list_is_there() -> None:
    assert [name for name in listed() if not (ROOT / "benchmarks" / f"{name}.py").is_file()] == []


def test_the_list_has_every_script_that_writes_the_page_but_one_study() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    writing = set(re.findall(r"<!-- begin: benchmarks/(\w+)\.py -->", page))
    assert writing
    assert writing - set(listed()) == {"similarity"}
