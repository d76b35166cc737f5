"""Limelight's own small network, for the demo and for tests."""

from __future__ import annotations

from typing import Any

from limelight.models.metadata import Metadata
from limelight.models.small_network import small_cnn
from limelight.models.sources import Source


def _build(name: str, classes: int | None) -> Any:
    return small_cnn(10 if classes is None else classes)


SOURCE = Source(
    prefix="limelight",
    framework="torch",
    summary="Limelight's own small network",
    example="limelight:small_cnn",
    needs="torch",
    extra="torch",
    names=lambda: ["small_cnn"],
    build=_build,
    metadata=lambda name, model: Metadata(
        why="Limelight's own network", preprocess="-1-1", size=(112, 112)
    ),
)
