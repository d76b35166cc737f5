"""Results as one HTML file that opens anywhere, with no network: `write(Report(…), path)`.

The page is text, inline SVG, pictures and raw maps inside the file itself, and one script that
colours the maps. It asks for nothing from elsewhere, and its tables and charts need no script.
"""

from __future__ import annotations

from limelight.report.comparison import compare
from limelight.report.contents import Curves, Item, Report, Score
from limelight.report.curves import curves_of_tuning
from limelight.report.evaluation import evaluate, report_of
from limelight.report.page import write

__all__ = [
    "Curves",
    "Item",
    "Report",
    "Score",
    "compare",
    "curves_of_tuning",
    "evaluate",
    "report_of",
    "write",
]
