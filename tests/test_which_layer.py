"""The pages on layers, targets and blank maps are what their generator writes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from architectures import KERAS, TORCH
from limelight.maps.diagnosis import FINDINGS
from targets.table import FORMS

ROOT = Path(__file__).parents[1]


def test_the_pages_are_generated_from_the_tables() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    for name, made in generator["pages"]().items():
        text = (ROOT / "docs" / name).read_text("utf-8")
        assert text == made, "PYTHONPATH=tests python docs/generate.py"
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (ROOT / "docs" / link).is_file(), link


def test_every_layer_and_target_has_its_row() -> None:
    text = (ROOT / "docs" / "which-layer.md").read_text("utf-8")
    for architecture in (*TORCH, *KERAS):
        assert f"| `{architecture.source}` |" in text and f"| `{architecture.layer}` |" in text
    for form in FORMS:
        assert f"`{form.written}`" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count("|") - line.count(r"\|") in (5, 6) for line in rows)
    *_, last = re.split(r"^## ", text, flags=re.MULTILINE)
    assert last.count("\n| `") == len(TORCH) + len(KERAS), "the long table is the last part"


def test_everything_that_a_diagnosis_can_say_has_its_heading() -> None:
    text = (ROOT / "docs" / "blank-map.md").read_text("utf-8")
    for finding in FINDINGS:
        part = text.partition(f"\n### {finding.name}\n")[2].partition("\n#")[0]
        assert finding.why in part and finding.remedy[1:] in part, finding.name
