"""Results as one HTML file that opens anywhere, with no network: `write(Report(…), path)`.

The page is text, inline SVG and pictures inside the file itself. It has no script, and asks for
nothing from elsewhere.
"""

from __future__ import annotations

from limelight.report.contents import Item, Report, Score
from limelight.report.evaluation import evaluate, report_of
from limelight.report.page import write

__all__ = ["Item", "Report", "Score", "evaluate", "report_of", "write"]
