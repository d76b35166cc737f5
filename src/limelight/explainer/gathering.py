"""What the methods of a call share: one run of the model, as evidence at each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from limelight.arrays import to_numpy
from limelight.errors import MethodError
from limelight.evidence import Evidence
from limelight.explainer.heads import find_head
from limelight.methods import Method
from limelight.probes import Capture, Probe, Request
from limelight.scores import Score, directions, values


class Gathering:
    """The evidence of one run, for each layer and score; made when a method first asks for it.

    Args:
        probe: what ran the model.
        batch: the model's input, as the probe prepared it.
        request: what the run was asked for.
        capture: what it brought back.
        methods: the methods that will ask.
    """

    def __init__(
        self,
        probe: Probe,
        batch: Any,
        request: Request,
        capture: Capture,
        methods: Sequence[Method],
    ) -> None:
        self._probe, self._batch = probe, batch
        self._request, self._capture = request, capture
        self._needs = set[str]().union(*(method.needs for method in methods))
        self._known: dict[tuple[str, Score], tuple[Evidence, list[Evidence]]] = {}

    def maps(self, method: Method, layer: str, score: Score, options: Mapping[str, Any]) -> Any:
        """The maps (N, K, *spatial) of `method` at `layer`."""
        together, by_class = self._at(layer, score)
        if method.rescores:
            return method(together, **options)
        return self._probe.xp.stack([method(each, **options) for each in by_class], axis=1)

    def _at(self, layer: str, score: Score) -> tuple[Evidence, list[Evidence]]:
        """The evidence of all K classes, and that of each."""
        if (layer, score) not in self._known:
            together = self._evidence(layer, score)
            index = self._capture.index
            classes = range(1 if index is None else index.shape[1])
            self._known[layer, score] = together, [together.of_class(k) for k in classes]
        return self._known[layer, score]

    def _evidence(self, layer: str, score: Score) -> Evidence:
        capture, needs = self._capture, self._needs
        gradients = None
        if self._request.gradients:
            gradients = capture.gradient(layer, self._request.scores.index(score))
        attention = {}
        if capture.attention is not None:
            number = self._request.scores.index(score)
            attention = capture.attention.of_score(lambda each: capture.of_score(each, number))
        return Evidence(
            self._probe.xp,
            capture.activations.get(layer),
            gradients,
            self._class_weights(layer) if needs & {"head", "head?"} else None,
            lambda: to_numpy(self._batch),
            self._images() if "images" in needs else None,
            self._scores(score) if "scores" in needs else None,
            **attention,
        )

    def _images(self) -> Any:
        if not self._probe.channels_last:
            return self._batch
        return self._probe.xp.permute_dims(self._batch, (0, 3, 1, 2))

    def _scores(self, score: Score) -> Any:
        capture = self._capture
        return values(self._probe.xp, capture.scores, capture.index, score)

    def _class_weights(self, layer: str) -> Any:
        """The weights (N, K, C) that the head gives to the layer's channels for each class.

        None where the model has no such head there and every method does without.
        """
        xp, capture = self._probe.xp, self._capture
        activations, scores = capture.activations[layer], capture.scores
        if scores is None:  # a callable target has no class, and no row of a head
            return None
        candidates = self._probe.heads(int(scores.shape[-1]), int(activations.shape[1]))
        try:
            head = find_head(xp, candidates, activations, scores, layer)
        except MethodError:
            if "head" in self._needs:
                raise
            return None
        classes = directions(xp, scores, capture.index, Score())
        # Where the channels are the classes, the class's channel is the map.
        return classes if head is None else xp.matmul(classes, head.weight)
