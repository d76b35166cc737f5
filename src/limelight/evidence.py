"""What a method may ask for.

An `Evidence` speaks of ONE class per image at ONE layer. It is filled from a single run of the
model; several methods, classes and layers share that run, each with an Evidence of its own. A
method that rescores gets all K classes in one Evidence, for its runs are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from limelight.smoothing import Smooth


class Rescoring(Protocol):
    """The scores of the classes explained, for inputs or activations that a method has edited.

    Work is cut into chunks that fit into memory: `edit(start, stop)` makes the edited arrays of
    that part of the jobs when their turn has come. Scores come on the host.
    """

    def inputs(self, edit: Callable[[int, int], Any], images: np.ndarray) -> np.ndarray:
        """Scores (J, K) of J edited inputs, each (C, H, W).

        `images`: (J,) of which image each job is, for the classes that are scored.
        """

    def activations(
        self,
        edit: Callable[[int, int], Any],
        images: np.ndarray,
        pooled: Callable[[int, int], Any] | None = None,
    ) -> np.ndarray:
        """Scores (J, K) of J edited activations of the layer, each (C, *spatial).

        `pooled(start, stop)`: the means over all positions (n, C) of the same edits, where they
        are easier to get than the edits. Global average pooling and a linear head ask for no more.
        """


@dataclass(frozen=True)
class Tokens:
    """What the tokens of a vision transformer are.

    Attributes:
        grid: (h, w) of the patches, which are h · w tokens, row by row.
        start: the number of the first patch; class, register and distillation tokens come before
            it, or after the last.
        read: the numbers of the tokens beside the patches that the head reads; () where it reads
            patches only.
    """

    grid: tuple[int, int]
    start: int
    read: tuple[int, ...]

    @property
    def stop(self) -> int:
        """The number behind the last patch."""
        return self.start + self.grid[0] * self.grid[1]


@dataclass(frozen=True)
class Evidence:
    """Activations, gradients and the little else that formulas use.

    What a method has not asked for is None. Where K is written, that axis is there for methods
    that rescore, and is not there for all others.

    Attributes:
        xp: the array namespace of everything here (`limelight.arrays`).
        activations: A, (N, C, *spatial), float32.
        gradients: G = ∂y/∂A, (N, [K,] C, *spatial).
        class_weights: (N, [K,] C), the row of the linear head for the class explained; of a method
            that asks for "head?" None where the model has no such head at this layer.
        inputs: the model's input as a host array (N, …); a callable, because a copy to the host is
            made only for the methods that ask.
        images: the model's input on its device, (N, channels, H, W) whatever the model's layout.
        scores: y, (N, [K]), the score explained.
        rescoring: scores of edited inputs or activations.
        attention: of each block the softmaxed attention, (N, heads, T, T) of T tokens: the third
            axis is who attends, the last is who is attended to.
        attention_gradients: ∂y/∂attention of each block, (N, heads, T, T).
        block_gradients: ∂y_l/∂attention of each block l, (N, heads, T, T), where y_l is what the
            model's head makes of the output of block l in place of the last one's.
        tokens: what the T tokens are.
        again: the evidence of each variant of the inputs, for the same classes.
        eigen_smooth: whether the sum over channels shall be their first component instead.
        curvature: H A, the derivative of G along A, (N, [K,] C, *spatial).
        guided: the gradient at the input with guided ReLUs, (N, [K,] channels, H, W).
        input_gradients: ∂y/∂X, (N, [K,] channels, H, W).
        tell: ``tell(name, (N, K))`` keeps a fact beside the map, for the diagnosis.
        full_gradients: X ⊙ ∂y/∂X, then b ⊙ ∂y/∂z of each bias, each (N, [K,] C, …).
    """

    xp: Any
    activations: Any
    gradients: Any = None
    class_weights: Any = None
    inputs: Callable[[], np.ndarray] | None = None
    images: Any = None
    scores: Any = None
    rescoring: Rescoring | None = None
    attention: Sequence[Any] | None = None
    attention_gradients: Sequence[Any] | None = None
    block_gradients: Sequence[Any] | None = None
    tokens: Tokens | None = None
    again: Callable[[Smooth], Sequence[Evidence]] | None = None
    eigen_smooth: bool = False
    curvature: Any = None
    guided: Any = None
    input_gradients: Any = None
    full_gradients: Sequence[Any] | None = None
    tell: Callable[[str, Any], None] | None = None

    def of_class(self, k: int) -> Evidence:
        """What speaks of the k-th of K classes."""
        by_class = (
            "gradients", "class_weights", "scores", "curvature", "guided", "input_gradients"
        )  # fmt: skip
        found = {name: getattr(self, name) for name in by_class}
        cut: dict[str, Any] = {
            name: None if each is None else self._cut(each, k) for name, each in found.items()
        }
        for name in ("attention_gradients", "block_gradients", "full_gradients"):
            each = getattr(self, name)
            cut[name] = None if each is None else [self._cut(one, k) for one in each]
        return replace(self, **cut, rescoring=None)

    def _cut(self, values: Any, k: int) -> Any:
        """`values` (N, K, …) of the k-th class; the only one's without a copy."""
        return self.xp.squeeze(values, axis=1) if values.shape[1] == 1 else values[:, k]
