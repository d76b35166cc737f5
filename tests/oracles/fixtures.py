"""The models on which tests of several folders run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from oracles import subjects
from oracles.subjects import Subject

_small = cache(subjects.small)


@pytest.fixture(params=["torch", pytest.param("keras", marks=pytest.mark.keras)])
def framework(request: pytest.FixtureRequest) -> str:
    """ "torch", and "keras" once per backend, in a process of its own."""
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def small(framework: str) -> Subject:
    """The small network; shared, so leave it as you found it."""
    return _small(framework)


@pytest.fixture
def fresh(framework: str) -> Subject:
    """A small network of your own."""
    return subjects.small(framework)


@pytest.fixture(
    params=[
        "small torch",
        "squeezenet",
        pytest.param("small keras", marks=pytest.mark.keras),
        pytest.param("mobilenet", marks=pytest.mark.keras),
    ]
)
def subject(request: pytest.FixtureRequest) -> Subject:
    """The small network and real weights, of PyTorch and of Keras."""
    kind, _, framework = request.param.partition(" ")
    if kind == "small":
        pytest.importorskip(framework)
        return _small(framework)
    model = request.getfixturevalue(kind)
    data: Path = request.getfixturevalue("data")
    return getattr(subjects, f"real_{kind}")(model, data)
