"""Folders that Limelight's training makes."""

from __future__ import annotations

from limelight.models.sources import FileKind

SOURCE = FileKind(
    summary="a folder that limelight train made: config.json beside the weights",
    example="folder/",
    needs="limelight",
    extra="torch",
)
