"""What is asked of a model, and the maps that were made: the same objects as the library's."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from limelight.errors import LimelightError
from limelight.methods import default_cut, find_method
from limelight.web.answering import Refusal, number
from limelight.web.jobs import Job

if TYPE_CHECKING:
    from PIL import Image

    from limelight.maps import Maps
    from limelight.web.served import Served

_QUICK = ("forward", "forward + tail")


@dataclass(frozen=True)
class Question:
    """One explanation: of which image, by which methods, at which layer, for which class.

    Attributes:
        image: its id.
        layer: a path; None: chosen.
        target: a class index; None: the predicted class.
        options: by name of each method, those that were given.
    """

    image: str
    layer: str | None
    target: int | None
    options: Mapping[str, Mapping[str, Any]]

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.options)

    def changed(self, method: str) -> dict[str, Any]:
        """The options of `method` that are not what they are by themselves."""
        usual = find_method(method).options
        return {o: value for o, value in self.options[method].items() if value != usual[o]}

    def id(self, model: str, method: str) -> str:
        """The name of one method's map, the same whenever the same is asked."""
        asked = [model, self.image, method, self.layer, self.target, self.changed(method)]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Shown:
    """A map as it was made: of one image, for one class.

    Attributes:
        id: see `Question.id`.
        image: the id of its image.
        served: the model.
        maps: one map.
        options: of its method, where they are not the usual ones.
    """

    id: str
    image: str
    served: Served
    maps: Maps
    options: Mapping[str, Any]

    def describe(self, threshold: float | None = None) -> dict[str, Any]:
        """All that is known of it, in the words of `Maps`; "values" are float32 as base64.

        `threshold`: of the box; None: the method's own.
        """
        import numpy as np

        from limelight.arrays import to_numpy

        maps = self.maps
        values = maps.numpy()[0]
        cut = default_cut(maps.method) if threshold is None else threshold
        box = maps.boxes(threshold=cut)[0]
        index = int(to_numpy(maps.target)[0])
        (frame,) = maps.frames
        return {
            "id": self.id,
            "image": self.image,
            "model": self.served.said["path"],
            "method": maps.method,
            "options": dict(self.options),
            "layer": maps.layer,
            "score": maps.score,
            "target": index,
            "name": maps.names()[0],
            "probability": number(to_numpy(maps.probability)[0]),
            "class_score": number(to_numpy(maps.scores)[0, index]),
            "diagnosis": maps.diagnosis[0],
            "threshold": cut,
            "box": None if np.isnan(box).any() else [float(side) for side in box],
            "shape": list(values.shape),
            "values": base64.b64encode(values.astype("<f4").tobytes()).decode(),
            "frame": asdict(frame),
        }

    def npz(self) -> bytes:
        """The raw values (h, w), as `limelight explain` writes them."""
        import numpy as np

        with io.BytesIO() as stream:
            np.savez_compressed(stream, values=self.maps.numpy()[0])
            return stream.getvalue()

    def png(
        self, image: Image.Image, alpha: float, colormap: str, threshold: float | None
    ) -> bytes:
        """The overlay in the pixels of the image; with a `threshold` its box too."""
        from PIL import Image as pillow

        from limelight import draw

        overlay = self.maps.overlay([image], alpha, colormap)[0]
        if threshold is not None:
            overlay = draw.boxes(overlay, self.maps.boxes(threshold=threshold))
        with io.BytesIO() as stream:
            pillow.fromarray(overlay).save(stream, "PNG", compress_level=1)
            return stream.getvalue()


class Gallery:
    """The maps that were made lately, by id; safe to use from several threads."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: OrderedDict[str, Shown] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, shown: Shown) -> None:
        """Keep a map, and forget the one that nobody has asked for the longest."""
        with self._lock:
            self._kept[shown.id] = shown
            while len(self._kept) > self._count:
                self._kept.popitem(last=False)

    def find(self, id: str) -> Shown | None:
        """The map of this id; None where it is not known."""
        with self._lock:
            if id in self._kept:
                self._kept.move_to_end(id)
            return self._kept.get(id)

    def get(self, id: str) -> Shown:
        """The map of this id.

        Raises:
            Refusal: it is not, or no longer, known (404).
        """
        shown = self.find(id)
        if shown is None:
            raise Refusal(404, "there is no such map any more; explain the image again")
        return shown


def show(job: Job, served: Served, known: Sequence[Shown]) -> None:
    """Put maps that are there already into ``job.results``; see `answer`."""
    job.results |= {"maps": [], "errors": {}, "classes": None}
    for shown in known:
        _put(job, served, shown)


def answer(
    job: Job, served: Served, question: Question, image: Image.Image, gallery: Gallery
) -> None:
    """Make the maps of `question`: the quick methods from one pass, then the others in turn.

    What is there so far stands in ``job.results``: "maps", "errors" by method, and "classes".
    """
    known = {name: gallery.find(question.id(served.id, name)) for name in question.methods}
    show(job, served, [shown for shown in known.values() if shown is not None])
    missing = [name for name, shown in known.items() if shown is None]
    quick = [name for name in missing if find_method(name).cost in _QUICK]
    slow = [name for name in missing if name not in quick]
    for names in [quick, *([name] for name in slow)]:
        if names:
            job.report(0, 0)
            _explain(job, served, question, image, gallery, names)


def _explain(
    job: Job,
    served: Served,
    question: Question,
    image: Image.Image,
    gallery: Gallery,
    names: list[str],
) -> None:
    try:
        options = {name: question.changed(name) for name in names}
        found = served.explain(image, names, question.layer, question.target, options)
    except LimelightError as error:
        if len(names) == 1:
            job.results["errors"] = {**job.results["errors"], names[0]: str(error)}
            return
        for name in names:  # one of them cannot run here: the others can
            _explain(job, served, question, image, gallery, [name])
        return
    for name, maps in found.items():
        shown = Shown(
            question.id(served.id, name), question.image, served, maps, question.changed(name)
        )
        gallery.add(shown)
        _put(job, served, shown)


def _put(job: Job, served: Served, shown: Shown) -> None:
    job.results["classes"] = job.results["classes"] or served.top_classes(shown.maps)
    job.results["maps"] = [*job.results["maps"], shown.describe()]
