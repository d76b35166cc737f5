"""Evaluations of whole data sets: explain every image, score every map, keep what was found."""

from __future__ import annotations

from limelight.runs.cuts import Cut
from limelight.runs.evaluation import Evaluation
from limelight.runs.front import evaluate_methods, tune_methods
from limelight.runs.keeping import Status, evaluate_in_folder, open_run, status
from limelight.runs.rows import Found, Row
from limelight.runs.table import COLUMNS, Line
from limelight.runs.threshold_file import read_thresholds, write_thresholds

__all__ = [
    "COLUMNS",
    "Cut",
    "Evaluation",
    "Found",
    "Line",
    "Row",
    "Status",
    "evaluate_in_folder",
    "evaluate_methods",
    "open_run",
    "read_thresholds",
    "status",
    "tune_methods",
    "write_thresholds",
]
