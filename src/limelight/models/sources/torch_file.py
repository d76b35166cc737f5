"""Weights files of PyTorch."""

from __future__ import annotations

from limelight.models.sources import FileKind

SOURCE = FileKind(
    summary="PyTorch weights, with arch= (--arch) an id of the sources or a function",
    example="weights.safetensors",
    needs="torch",
    extra="torch",
    suffixes=(".safetensors", ".pt", ".pth", ".th", ".bin", ".ckpt"),
)
