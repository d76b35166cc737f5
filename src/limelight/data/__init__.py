"""Data sets of images with classes, boxes and masks: one front door, one file a reader.

`open` takes ``"reader:/path"``, a plain path that is recognized by its layout, ``"digits"`` for the
embedded data set, or arrays in memory, and returns a lazy `Dataset` of `Example`.
"""

from __future__ import annotations

from limelight.data.arrays import from_arrays
from limelight.data.dataset import Dataset, Example, Problem
from limelight.data.opening import open
from limelight.data.registry import list_readers

__all__ = ["Dataset", "Example", "Problem", "from_arrays", "list_readers", "open"]
