"""Runs over whole data sets: explain every image, score every map, keep what was found."""

from __future__ import annotations

from limelight.runs.cuts import Cut
from limelight.runs.evaluation import Evaluation
from limelight.runs.front import evaluate_methods, tune_methods
from limelight.runs.keeping import evaluate_in_folder, open_run
from limelight.runs.leaderboard import Column, Leaderboard, Standing
from limelight.runs.opened import Run, open
from limelight.runs.rows import Found, Row
from limelight.runs.running import ENGINES, run
from limelight.runs.settings import Cluster
from limelight.runs.state import Status, status
from limelight.runs.table import COLUMNS, Line
from limelight.runs.threshold_file import read_thresholds, write_thresholds

__all__ = [
    "COLUMNS",
    "ENGINES",
    "Cluster",
    "Column",
    "Cut",
    "Evaluation",
    "Found",
    "Leaderboard",
    "Line",
    "Row",
    "Run",
    "Standing",
    "Status",
    "evaluate_in_folder",
    "evaluate_methods",
    "open",
    "open_run",
    "read_thresholds",
    "run",
    "status",
    "tune_methods",
    "write_thresholds",
]
