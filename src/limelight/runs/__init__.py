"""Evaluations of whole data sets: explain every image, score every map, keep what was found."""

from __future__ import annotations

from limelight.runs.cuts import Cut
from limelight.runs.evaluation import COLUMNS, Evaluation, Line
from limelight.runs.front import evaluate_methods, tune_methods
from limelight.runs.rows import Found, Row

__all__ = [
    "COLUMNS",
    "Cut",
    "Evaluation",
    "Found",
    "Line",
    "Row",
    "evaluate_methods",
    "tune_methods",
]
