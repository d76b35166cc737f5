"""How well a model in training localizes: for choosing the epoch that is kept, where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limelight.errors import DatasetError
from limelight.models import Classifier, Preprocess
from limelight.models.classifier import Framework

_BATCH = 32
_THRESHOLDS = tuple(i / 20 for i in range(20))


class Localization:
    """The mean IoU of boxes around class activation maps, on held-out images with true boxes.

    The map is that of the true class, the box that of the largest component, the threshold the one
    of 0, 0.05 … 0.95 that is best for all images together.

    Raises:
        DatasetError: an image has no true box.
    """

    def __init__(
        self, examples: Sequence[Any], preprocess: Preprocess, framework: Framework
    ) -> None:
        for example in examples:
            boxes = getattr(example, "boxes", None)
            if boxes is None or not len(boxes):
                raise DatasetError(
                    f"select='localization' needs held-out images with true boxes, and "
                    f"{getattr(example, 'id', 'an image of an array')!r} has none"
                )
        self._examples = examples
        self._preprocess = preprocess
        self._framework: Framework = framework
        self._model: Any = None
        self._explainer: Any = None

    def __call__(self, model: Any) -> float:
        """The mean IoU of `model`, 0 to 1."""
        from limelight.explainer import Explainer
        from limelight.localization import Tuner

        if model is not self._model:
            classifier = Classifier(model, self._preprocess, framework=self._framework)
            self._model, self._explainer = model, Explainer(classifier, "cam")
        tuner = Tuner(thresholds=_THRESHOLDS, goal="iou")
        for start in range(0, len(self._examples), _BATCH):
            part = self._examples[start : start + _BATCH]
            maps = self._explainer(
                [example.read() for example in part], target=[example.label for example in part]
            )
            tuner.update(maps.numpy(), [example.boxes for example in part], maps.frames)
        return tuner.result().score
