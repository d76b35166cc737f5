"""The small classifier and data set of `examples.py`."""

from __future__ import annotations

import pytest

from limelight.data import Dataset
from limelight.models import Classifier
from runs import examples


@pytest.fixture
def dataset() -> Dataset:
    return examples.dataset()


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    pytest.importorskip("torch")
    return examples.classifier()
