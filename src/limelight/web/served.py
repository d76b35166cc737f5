"""A model on the page: what it is called, what it can be asked, and the thread that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from limelight.web.answering import number
from limelight.web.jobs import Job, Worker
from limelight.web.limits import Limits

if TYPE_CHECKING:
    import numpy as np

    from limelight.maps import Maps
    from limelight.models import Classifier

_SHOWN_CLASSES = 10


class Served:
    """A classifier with a worker of its own.

    Args:
        id: a short name without meaning, for requests.
        classifier: the model.
        said: how `limelight.load` was called, for code that calls it again: "path", and the
            options that were given.
        limits: how many explanations may wait.
    """

    def __init__(
        self, id: str, classifier: Classifier, said: Mapping[str, Any], limits: Limits
    ) -> None:
        self.id, self.classifier, self.said = id, classifier, dict(said)
        self.layers: list[dict[str, Any]] = []
        self.refused: dict[str, str] = {}
        self.worker = Worker(f"limelight-{id}", limits.queue)
        # So that the first image waits for nothing that could be ready before it comes.
        self.ready = Job(lambda job: self._warm_up())
        self.worker.put(self.ready)

    def describe(self) -> dict[str, Any]:
        """What the page shows of the model before any image."""
        names = self.classifier.class_names
        height, width = self.classifier.preprocess.size
        return {
            "id": self.id,
            "name": self.said["path"],
            "framework": self.classifier.framework,
            "size": [height, width],
            "preprocess": self.classifier.preprocess.describe(),
            "load": self.said,
            "classes": None if names is None else list(names),
        }

    def top_classes(self, maps: Maps) -> list[dict[str, Any]]:
        """The ten classes of the highest scores of the first image, the best first."""
        import numpy as np

        from limelight.arrays import to_numpy
        from limelight.scores import both_classes, probabilities

        scores = to_numpy(maps.scores)[:1].astype(np.float64)
        shares = probabilities(np, scores, self._activation)[0]
        both = both_classes(np, scores)[0]
        return [
            {
                "index": int(index),
                "name": self.class_name(int(index)),
                "probability": number(shares[index]),
                "score": number(both[index]),
            }
            for index in np.argsort(-both, kind="stable")[:_SHOWN_CLASSES]
        ]

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where names are not known."""
        names = self.classifier.class_names
        return str(index) if names is None else names[index]

    def explain(
        self,
        image: Any,
        methods: list[str],
        layer: str | None = None,
        target: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> dict[str, Maps]:
        """Maps of one image by method; to be called in the worker's thread only."""
        from limelight.explainer import explain

        return explain(
            self.classifier, [image], methods, layer=layer, target=target, options=options
        )

    @cached_property
    def _activation(self) -> str:
        from limelight.probes import probe_for

        probe = probe_for(self.classifier.model)
        batch, _ = self.classifier.prepare([self._grey()])
        return probe.activation(probe.prepare(batch)) or self.classifier.activation

    def _grey(self) -> np.ndarray:
        import numpy as np

        return np.full((*self.classifier.preprocess.size, 3), 128, np.uint8)

    def _warm_up(self) -> None:
        from limelight.explainer.layers import list_layers
        from limelight.explainer.refused import refused_methods

        layers = list_layers(self.classifier)
        self.layers = [asdict(layer) for layer in layers if layer.explainable]
        if any(layer.automatic for layer in layers):
            self.top_classes(self.explain(self._grey(), ["gradcam"])["gradcam"])
        self.refused = refused_methods(self.classifier)
