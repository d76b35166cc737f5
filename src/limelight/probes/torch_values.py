"""What PyTorch tensors become on their way out of a run: cut off from its graph, or left in it.

A *live* run is one whose results stand in the model's own graph, for a training loss.
"""

from __future__ import annotations

import torch
from torch import Tensor


def as_values(tensor: Tensor, live: bool) -> Tensor:
    """`tensor` cut off from its graph, in float32; of a live run as `wide` has it."""
    return wide(tensor if live else tensor.detach(), live)


def wide(tensor: Tensor, live: bool) -> Tensor:
    """`tensor` in float32, still in its graph; of a live run float64 is left as it is."""
    return tensor if live and tensor.dtype == torch.float64 else tensor.float()
