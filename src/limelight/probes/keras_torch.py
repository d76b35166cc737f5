"""Keras on PyTorch: the target layer's output becomes a leaf, as in the probe for modules."""

from __future__ import annotations

from typing import Any

import torch

from limelight.probes.base import Capture, Request
from limelight.probes.keras import KerasProbe
from limelight.probes.outputs import scores_of
from limelight.probes.torch_graph import explained, input_gradients
from limelight.probes.torch_replay import TorchReruns
from limelight.probes.torch_tail import Tail, evaluating, outside_inference, without_graph
from limelight.scores import Score


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

    def _input_gradients(
        self, images: Any, request: Request, index: Any, score: Score, softened: Any
    ) -> Any:
        def run(batch: Any) -> Any:
            with evaluating(self.model), self._tapped((), lambda name, output: output, softened):
                output = self._run(batch)
                return output if request.function is not None else scores_of(output)

        def score_of(output: Any) -> list[Any]:
            return explained(output, request, index, score, self.xp)

        return torch.stack(input_gradients(run, images, score_of), dim=1)

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
