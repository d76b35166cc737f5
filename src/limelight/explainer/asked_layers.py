"""The layers that were asked for, found in the model at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limelight.errors import MethodError, NoSpatialLayer
from limelight.explainer.choice import Choice
from limelight.methods import Method
from limelight.probes import Probe
from limelight.probes.choosing import choose, resolve
from limelight.probes.stages import last_of_stages


class AskedLayers:
    """What `layer=` means for the model that `probe` runs.

    Args:
        probe: what runs the model.
        methods: those that will be made.
        layer: a path, a module or a Keras layer; a list of them; None: chosen by the model.

    Attributes:
        many: whether a list was given, and maps are handed out by layer.
        explained: whether any method explains a layer, and not the attention of all blocks.

    Raises:
        MethodError: the list is empty.
    """

    def __init__(self, probe: Probe, methods: Sequence[Method], layer: Any) -> None:
        self._probe = probe
        self.many = isinstance(layer, list | tuple)
        self._layers = list(layer) if self.many else [layer]
        if not self._layers:
            raise MethodError("an empty list of layers leaves nothing to explain")
        self.explained = not all(method.of_attention for method in methods)

    @property
    def one(self) -> bool:
        """Whether one layer was named, so that there is nothing to sum over."""
        return not self._chosen and len(self._layers) < 2

    def paths(self, batch: Any) -> tuple[str, ...]:
        """The paths of the layers; `batch` as the probe prepared it."""
        if self._chosen and not self.explained:
            return ("attention",)
        return tuple(self._path(layer, batch) for layer in self._layers)

    def across(self, choice: Choice, batch: Any) -> tuple[str, ...]:
        """The layers of the methods that make one map of several; () where there are none."""
        methods = [method for method in choice.methods if method.across]
        if not methods:
            return ()
        if not self._chosen:
            return self.paths(batch)
        try:
            return tuple(last_of_stages(self._probe.trace(batch)))
        except NoSpatialLayer as error:
            if any(choice.named(method) for method in methods):
                raise
            for method in methods:
                choice.leave_out(method, str(error))
            return ()

    @property
    def _chosen(self) -> bool:
        """Whether the layer is left to the model."""
        return self._layers == [None]

    def _path(self, layer: Any, batch: Any) -> str:
        if layer is None:
            return choose(self._probe.trace(batch))
        if isinstance(layer, str):
            return resolve(layer, self._probe.layer_names(), self._probe.separator)
        return self._probe.path_of(layer)
