"""The page on layers, targets and blank maps is what its generator writes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from architectures import KERAS, TORCH
from limelight.maps.diagnosis import FINDINGS
from targets.table import FORMS

ROOT = Path(__file__).parents[1]


def test_the_page_is_generated_from_the_tables() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    text = generator["PAGE"].read_text("utf-8")
    assert text == generator["page"](), "PYTHONPATH=tests python docs/generate.py"
    for architecture in (*TORCH, *KERAS):
        assert f"| `{architecture.source}` |" in text and f"| `{architecture.layer}` |" in text
    for form in FORMS:
        assert f"`{form.written}`" in text
    for finding in FINDINGS:
        assert f"| {finding.name} | {finding.why} | {finding.remedy} |" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count("|") - line.count(r"\|") in (5, 6) for line in rows)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / "docs" / link).is_file(), link
