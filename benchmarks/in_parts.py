"""The command line of a benchmark that is measured in parts, and its section of a page.

--part P     only the parts that begin so; the others stay as they were measured
--render     measure nothing: the section from the results
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from measuring import FOLDER, Claim, keep, report
from sections import write_section

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
Parts = dict[str, Any]


def in_parts(
    script: str,
    description: str | None,
    parts: Collection[str],
    packages: tuple[str, ...],
    measure: Callable[[str], Any],
    render: Callable[[Parts], str],
    claims: Callable[[Parts], list[Claim]] | None = None,
    pages: Collection[Path] = (PAGE,),
) -> int:
    """Measure what is asked for, keep it, and write the section; 1 where a claim is missed.

    Args:
        script: its name, which its results have too.
        description: of the script.
        parts: what can be measured alone.
        packages: whose versions are kept with each part.
        measure: the figures of a part.
        render: the section, of all parts that are kept.
        claims: what is claimed of them.
        pages: that have the section.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--part", default="", help=f"of {', '.join(parts)}; all that begin so")
    parser.add_argument("--render", action="store_true", help="render only")
    asked = parser.parse_args()
    results = FOLDER / f"{script}.json"
    for part in [] if asked.render else parts:
        if part.startswith(asked.part):
            keep(results, part, lambda part=part: measure(part), packages)
    kept = json.loads(results.read_text("utf-8"))["parts"]
    if set(kept) >= set(parts):
        for page in pages:
            write_section(page, f"benchmarks/{script}.py", render(kept))
    return 0 if asked.render or claims is None else report(claims(kept))
