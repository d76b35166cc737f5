"""Where a model runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limelight.models import Classifier


@contextmanager
def on_best_device(classifier: Classifier | None) -> Iterator[None]:
    """Have a PyTorch model on the GPU, where there is one, and back where it was afterwards.

    A model that its owner has put on a GPU stays there. Keras chooses by itself.
    """
    if classifier is None or classifier.framework != "torch":
        yield
        return
    import torch

    parameter = next(classifier.model.parameters(), None)
    if parameter is None or parameter.device.type != "cpu" or not torch.cuda.is_available():
        yield
        return
    classifier.model.to("cuda")
    try:
        yield
    finally:
        classifier.model.to("cpu")
