"""What a method may ask for.

An `Evidence` speaks of ONE class per image at ONE layer. It is filled from a single run of the
model; several methods, classes and layers share that run, each with an Evidence of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Evidence:
    """Activations, gradients and the little else that formulas use.

    Attributes:
        xp: the array namespace of everything here (`limelight.arrays`).
        activations: A, (N, C, *spatial), float32.
        gradients: G = ∂y/∂A, the same shape; None where the method did not ask for gradients.
        class_weights: (N, C), the row of the linear head for the class explained; None where the
            method did not ask for it.
        inputs: the model's input as a host array (N, …); a callable, because a copy to the host is
            made only for the methods that ask.
    """

    xp: Any
    activations: Any
    gradients: Any = None
    class_weights: Any = None
    inputs: Callable[[], np.ndarray] | None = None
