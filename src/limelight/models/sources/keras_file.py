"""Files of Keras models."""

from __future__ import annotations

from limelight.models.sources import FileKind

SOURCE = FileKind(
    summary="a Keras model file; its name or its first layers may say how images are prepared",
    example="model.keras",
    needs="keras",
    extra="keras",
    suffixes=(".keras", ".h5", ".hdf5"),
)
