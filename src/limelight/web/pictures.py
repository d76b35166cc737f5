"""The images that can be explained: those sent lately, and the examples."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limelight.web.answering import Refusal
from limelight.web.limits import Limits
from limelight.web.uploads import decode

if TYPE_CHECKING:
    from PIL import Image

    from limelight.data import Dataset, Example

_EXAMPLE = "example-"


class Pictures:
    """Decoded images by id, as many as fit; safe to use from several threads.

    An id is the content's hash, or "example-" and a number. What is asked for is looked up in
    these tables only: no request names a file.

    Args:
        limits: how much is kept, and how large one may be.
        examples: what one may choose from; never more than `count` of them.
        count: see `examples`.
    """

    def __init__(self, limits: Limits, examples: Dataset | None = None, count: int = 60) -> None:
        self._limits = limits
        self._examples: Sequence[Example] = () if examples is None else examples[:count]
        self._kept: OrderedDict[str, Image.Image] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, content: bytes) -> tuple[str, Image.Image]:
        """Keep the image of a file's bytes; its id and itself.

        Raises:
            Refusal: see `limelight.web.uploads.decode`.
        """
        id = hashlib.sha256(content).hexdigest()[:32]
        with self._lock:
            known = self._kept.get(id)
        image = decode(content, self._limits) if known is None else known
        self._keep(id, image)
        return id, image

    def get(self, id: str) -> Image.Image:
        """The image of this id.

        Raises:
            Refusal: it is not, or no longer, known (404).
            ImageError: the file of an example cannot be read.
        """
        with self._lock:
            if id in self._kept:
                self._kept.move_to_end(id)
                return self._kept[id]
        image = self.example(id).read()
        self._keep(id, image)
        return image

    def example(self, id: str) -> Example:
        """The example of this id.

        Raises:
            Refusal: there is none (404).
        """
        number = id.removeprefix(_EXAMPLE)
        known = number.isascii() and number.isdigit() and len(number) < 9
        if id == number or not known or int(number) >= len(self._examples):
            raise Refusal(404, "there is no such image; send it again")
        return self._examples[int(number)]

    def examples(self) -> list[dict[str, Any]]:
        """What there is to choose from: id, place in the data set, and name of each."""
        return [
            {"id": f"{_EXAMPLE}{index}", "index": index, "name": example.id}
            for index, example in enumerate(self._examples)
        ]

    def _keep(self, id: str, image: Image.Image) -> None:
        with self._lock:
            self._kept[id] = image
            self._kept.move_to_end(id)
            held = sum(3 * each.width * each.height for each in self._kept.values())
            while held > self._limits.image_bytes and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                held -= 3 * dropped.width * dropped.height
