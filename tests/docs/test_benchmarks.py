"""`make bench`: its list names scripts, and all of those that write docs/benchmarks.md."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


#: Measured before their scripts kept the machine and the versions; whoever measures one again takes it off.
WITHOUT_CONDITIONS = {
    "cam_or_gradcam", "localization", "page", "pointing", "recipes", "refinement", "report", "runs",
    "transfer", "trials",
}  # fmt: skip


def keys(value: Any) -> Iterator[str]:
    """All keys in what a results file holds, at any depth."""
    if isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from keys(each)


def test_results_say_on_what_machine_and_with_which_versions_they_were_measured() -> None:
    without = {
        file.stem
        for file in (ROOT / "benchmarks" / "results").glob("*.json")
        if not {"machine", "versions"} <= set(keys(json.loads(file.read_text("utf-8"))))
    }
    assert without == WITHOUT_CONDITIONS
