"""Parts of a page that a script writes, between two marks that name the script.

    <!-- begin: benchmarks/overhead.py -->
    <!-- end: benchmarks/overhead.py -->

`tests/docs/test_figures.py` empties each of them, runs its script with `--render`, and compares.
"""

from __future__ import annotations

from pathlib import Path


def marks(script: str) -> tuple[str, str]:
    """The lines before and after what `script` ("benchmarks/overhead.py") writes."""
    return f"<!-- begin: {script} -->", f"<!-- end: {script} -->"


def write_section(page: Path, script: str, text: str) -> None:
    """Replace what stands between the marks of `script` in `page`.

    Raises:
        ValueError: the page does not have them, in this order.
    """
    begin, end = marks(script)
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no section from {begin} to {end}")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", "utf-8")
