"""What the package imports only where it is installed, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "limelight"


def required_modules() -> Iterator[tuple[str, str, str]]:
    """Module, extra and file of each `require(module, extra, purpose)` with plain arguments."""
    for file in sorted(SOURCE.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                given = [a.value for a in call.args[:2] if isinstance(a, ast.Constant)]
                if call.func.id in ("require", "importing") and len(given) == 2:
                    yield given[0], given[1], file.name
