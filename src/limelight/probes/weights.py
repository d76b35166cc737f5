"""The weights of a model by layer, drawn anew for a while and put back."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limelight.arrays import to_numpy
from limelight.probes.base import Probe

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """The trainable weights of a layer that belong to no layer inside of it.

    Attributes:
        name: the layer's path; "" for those of the model itself.
        variables: parameters of PyTorch, or Keras variables.
    """

    name: str
    variables: tuple[Any, ...]

    def randomize(self, seed: int) -> None:
        """Draw each weight anew, from the normal distribution of its own mean and deviation.

        The draw depends on `seed` and on the layer's name, so that a layer is the same in
        whatever order layers are randomized. Statistics of batch normalization stay.
        """
        import numpy as np

        random = np.random.default_rng((seed, zlib.crc32(self.name.encode())))
        for variable in self.variables:
            old = to_numpy(variable if hasattr(variable, "detach") else variable.value)
            old = old.astype(np.float32)
            _write(variable, random.normal(old.mean(), old.std(), old.shape).astype(np.float32))


def weights_by_layer(probe: Probe, images: Any) -> tuple[LayerWeights, ...]:
    """The layers with trainable weights, in the order in which they end when the model runs.

    Weights that belong to no layer that runs, such as the tokens that a transformer starts with,
    come first.
    """
    owners = probe.layers
    seen: set[int] = set()
    found = []
    for name in dict.fromkeys(call.name for call in probe.trace(images).calls):
        own = _unseen(owners.get(name), seen)
        if own:
            found.append(LayerWeights(name, own))
    rest = _unseen(probe.model, seen)
    return ((LayerWeights("", rest),) if rest else ()) + tuple(found)


@contextmanager
def put_back(layers: Sequence[LayerWeights]) -> Iterator[None]:
    """Have the weights as they were at the end, also after an exception, bit for bit."""
    kept = [(variable, _copy(variable)) for each in layers for variable in each.variables]
    try:
        yield
    finally:
        for variable, value in kept:
            _write(variable, value)


def _unseen(owner: Any, seen: set[int]) -> tuple[Any, ...]:
    if owner is None:
        return ()
    if hasattr(owner, "trainable_variables"):  # Keras first: on its torch backend it is a module
        variables = list(owner.trainable_variables)
    else:
        variables = list(owner.parameters())
    new = tuple(each for each in variables if id(each) not in seen)
    seen.update(map(id, new))
    return new


def _copy(variable: Any) -> Any:
    if hasattr(variable, "assign"):
        return to_numpy(variable.value).copy()
    return variable.detach().clone()


def _write(variable: Any, value: np.ndarray | Any) -> None:
    if hasattr(variable, "assign"):
        variable.assign(value)
        return
    import torch

    with torch.no_grad():
        variable.copy_(torch.as_tensor(value))
