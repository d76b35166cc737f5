"""What the methods of a call share: one run of the model, as evidence at each layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from limelight.arrays import on_host, to_numpy
from limelight.errors import MethodError
from limelight.evidence import Evidence
from limelight.explainer.heads import find_head
from limelight.explainer.rescoring import Rescorer
from limelight.methods import OF_GRAPH, Method
from limelight.probes import Capture, Probe, Request
from limelight.progress import tell
from limelight.scores import Score, directions, values
from limelight.smoothing import Smooth

if TYPE_CHECKING:
    from limelight.probes.base import GraphProbe

# So many keep it busy; a pass of more takes longer than several of few, for their arrays leave the
# caches before the next layer reads them.
_IMAGES_OF_A_CORE = 2

#: What a run on variants of the inputs gathers, and what brings the maps of each variant back.
Run: TypeAlias = "tuple[Gathering, list[Callable[[Any], Any]]]"


def parts(stacked: Any, count: int) -> list[Any]:
    """The `count` batches that were stacked into one along the first axis."""
    size = stacked.shape[0] // count
    return [stacked[number * size : (number + 1) * size] for number in range(count)]


class Gathering:
    """The evidence of one run, for each layer and score; made when a method first asks for it.

    Args:
        probe: what ran the model.
        batch: the model's input, as the probe prepared it.
        request: what the run was asked for.
        capture: what it brought back.
        methods: the methods that will ask.
        batch_size: how many images pass through the model at a time.
        eigen_smooth: see `Evidence`.
    """

    def __init__(
        self,
        probe: Probe,
        batch: Any,
        request: Request,
        capture: Capture,
        methods: Sequence[Method],
        batch_size: int = 32,
        eigen_smooth: bool = False,
    ) -> None:
        self._eigen_smooth = eigen_smooth
        self._probe, self._batch = probe, batch
        self._request, self._capture = request, capture
        self._methods, self._batch_size = methods, batch_size
        self._needs = set[str]().union(*(method.needs for method in methods))
        self._no_head: dict[str, MethodError] = {}
        self._runs: dict[Smooth, list[Run]] = {}
        self._told: dict[tuple[str, str], dict[str, Any]] = {}
        self._known: dict[tuple[str, Score], Evidence] = {}
        self._cut: dict[tuple[str, Score], list[Evidence]] = {}

    @property
    def xp(self) -> Any:
        """The namespace of the arrays."""
        return self._probe.xp

    @property
    def activations(self) -> Mapping[str, Any]:
        """The activations (N, C, *spatial) by layer."""
        return self._capture.activations

    def maps(self, method: Method, layer: str, score: Score, options: Mapping[str, Any]) -> Any:
        """The maps (N, K, *spatial) of `method` at `layer`."""
        together = self._at(layer, score)
        if "head" in method.needs and layer in self._no_head:
            raise self._no_head[layer]
        if method.rescores:
            told = self._told.setdefault((method.name, layer), {})
            return method(replace(together, tell=told.__setitem__), **options)
        if method.of_gradients:
            return method.of_classes(together, **options)
        each = [method(one, **options) for one in self._by_class(layer, score)]
        return self._probe.xp.stack(each, axis=1)

    def told(self, method: str, layer: str) -> dict[str, Any]:
        """What the method has told of its map: facts (N, K) by name; of fused layers the most."""
        if (method, layer) in self._told:
            return self._told[method, layer]
        found: dict[str, Any] = {}
        for (name, _), facts in self._told.items():
            for fact, value in facts.items() if name == method else ():
                known = found.get(fact)
                found[fact] = value if known is None else self._probe.xp.maximum(known, value)
        return found

    def _at(self, layer: str, score: Score) -> Evidence:
        """The evidence of all K classes."""
        if (layer, score) not in self._known:
            self._known[layer, score] = self._evidence(layer, score)
        return self._known[layer, score]

    def _by_class(self, layer: str, score: Score) -> list[Evidence]:
        """The evidence of each of the K classes."""
        if (layer, score) not in self._cut:
            together, index = self._at(layer, score), self._capture.index
            self._cut[layer, score] = [
                replace(together.of_class(k), again=partial(self._again, layer, score, k))
                for k in range(1 if index is None else index.shape[1])
            ]
        return self._cut[layer, score]

    def _again(self, layer: str, score: Score, k: int, smooth: Smooth) -> list[Evidence]:
        """The activations and gradients of each variant, for the k-th class."""
        found = []
        for run, backs in self.again(smooth):
            each = run._by_class(layer, score)[k]
            activations, gradients = (
                parts(array, len(backs)) for array in (each.activations, each.gradients)
            )
            found += [
                Evidence(each.xp, a, g, eigen_smooth=self._eigen_smooth)
                for a, g in zip(activations, gradients, strict=True)
            ]
        return found

    def again(self, smooth: Smooth) -> list[Run]:
        """The runs on the variants of the inputs, as many stacked into one as make it quicker.

        The classes explained are those of the inputs as they are.
        """
        if smooth not in self._runs:
            variants = list(smooth.variants(self._probe.xp, self._images()))
            fit = max(self._batch_size // len(self._batch), 1)
            if on_host(variants[0][0]):
                enough = _IMAGES_OF_A_CORE * (os.cpu_count() or 1)
                fit = min(fit, max(enough // len(self._batch), 1))
            if self._request.function is not None:
                fit = 1  # a callable may know of the very images of the batch
            runs = []
            for first in range(0, len(variants), fit):
                runs.append(self._run(variants[first : first + fit]))
                tell(min(first + fit, len(variants)), len(variants))
            self._runs[smooth] = runs
        return self._runs[smooth]

    def _run(self, variants: Sequence[tuple[Any, Callable[[Any], Any]]]) -> Run:
        xp, index = self._probe.xp, self._capture.index
        batch = xp.concat([images for images, _ in variants], axis=0)
        if self._probe.channels_last:
            batch = xp.permute_dims(batch, (0, 2, 3, 1))
        if index is not None:
            import numpy as np

            index = np.concatenate([to_numpy(index)] * len(variants))
        request = replace(self._request, top=0)
        capture = self._probe.capture(batch, request, index)
        run = Gathering(
            self._probe,
            batch,
            request,
            capture,
            self._methods,
            self._batch_size,
            self._eigen_smooth,
        )
        return run, [back for _, back in variants]

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
            self._class_weights(layer, score) if needs & {"head", "head?"} else None,
            lambda: to_numpy(self._batch),
            self._images() if "images" in needs else None,
            self._scores(score) if "scores" in needs else None,
            self._rescorer(layer, score) if "rescoring" in needs else None,
            eigen_smooth=self._eigen_smooth,
            **attention,
            **self._of_graph(layer, score),
        )

    def _of_graph(self, layer: str, score: Score) -> dict[str, Any]:
        probe = cast("GraphProbe", self._probe)  # no other runs a method that needs it
        return {
            need: probe.of_graph(
                need, self._batch, self._request, self._capture.index, layer, score
            )
            for need in OF_GRAPH & self._needs
        }

    def _rescorer(self, layer: str, score: Score) -> Rescorer:
        request = self._request
        return Rescorer(self._probe, self._batch, request, self._capture, layer, score)

    def _images(self) -> Any:
        if not self._probe.channels_last:
            return self._batch
        return self._probe.xp.permute_dims(self._batch, (0, 3, 1, 2))

    def _scores(self, score: Score) -> Any:
        capture = self._capture
        return values(self._probe.xp, capture.scores, capture.index, score)

    def _class_weights(self, layer: str, score: Score) -> Any:
        """The weights (N, K, C) that the head gives to the layer's channels for each class.

        None where the model has no such head there.
        """
        xp, capture = self._probe.xp, self._capture
        activations, scores = capture.activations[layer], capture.scores
        if scores is None:  # a callable target has no class, and no row of a head
            return None
        candidates = self._probe.heads(
            int(scores.shape[-1]), int(activations.shape[1]), self._request.differentiable
        )
        try:
            head = find_head(xp, candidates, activations, scores, layer)
        except MethodError as error:
            self._no_head[layer] = error
            return None
        logit = Score(negative=score.negative)  # whatever is explained, the row is of the logit
        classes = directions(xp, scores, capture.index, logit)
        # Where the channels are the classes, the class's channel is the map.
        return classes if head is None else xp.matmul(classes, head.weight)
