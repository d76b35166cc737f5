"""Keras on PyTorch: the target layer's output becomes a leaf, as in the probe for modules."""

from __future__ import annotations

from typing import Any

from limelight.probes.base import Capture, Request
from limelight.probes.keras import KerasProbe
from limelight.probes.outputs import scores_of
from limelight.probes.torch_replay import TorchReruns
from limelight.probes.torch_tail import Tail, evaluating, outside_inference, without_graph


class KerasTorchProbe(KerasProbe):
    """The probe for Keras models on the torch backend."""

    def _trace_run(self, images: Any) -> None:
        with without_graph(), evaluating(self.model):
            self._run(images)

    def capture(self, images: Any, request: Request, index: Any) -> Capture:
        softened = self._softened(images) if request.function is None else None

        def run(tail: Tail) -> Any:
            with (
                evaluating(self.model),
                self._tapped(request.layers, tail.record, softened),
            ):
                output = self._run(outside_inference(images))
                return output if request.function is not None else scores_of(output)

        def channels_first(layer: str, output: Any) -> Any:
            return self._channels_first(output, request)

        return Tail.run(run, request, index, len(images), self.xp, channels_first)

    def reruns(self, images: Any, layer: str, request: Request) -> TorchReruns:
        softened = self._softened(images) if request.function is None else None

        def run(batch: Any) -> Any:
            with evaluating(self.model), self._tapped((), lambda name, output: output, softened):
                output = self._run(batch)
                return output if request.function is not None else scores_of(output)

        def channels_first(output: Any) -> Any:
            return self._channels_first(output, request)

        function = request.function
        return TorchReruns(
            self.model, self._layers, "call", run, images, layer, function, channels_first
        )
