"""Networks of the other PyTorch sources with a head made for class activation maps.

"cam:torchvision:vgg16" is VGG-16 up to its last feature map, global average pooling, and one
linear layer: what Limelight trains, and loads again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from limelight.models import sources
from limelight.models.metadata import Metadata
from limelight.models.sources import Source

_PREFIX = "cam"


def _others() -> dict[str, Source]:
    found = sources.sources()
    return {p: s for p, s in found.items() if p != _PREFIX and s.framework == "torch"}


def _names() -> Iterable[str]:
    from limelight.errors import MissingExtra

    for prefix, source in _others().items():
        try:
            yield from (f"{prefix}:{name}" for name in source.names())
        except MissingExtra:
            continue


def _build(name: str, classes: int | None) -> Any:
    from limelight.models.cam_ready import with_cam_head

    source, rest = sources.find(name)
    return with_cam_head(source.build(rest, None), 1000 if classes is None else classes, name)


def _metadata(name: str, model: Any) -> Metadata:
    source, rest = sources.find(name)
    # What the source says of the whole network (timm asks the model itself).
    known = source.metadata(rest, source.build(rest, None))
    return Metadata(known.why, known.preprocess, known.size, None)


SOURCE = Source(
    prefix=_PREFIX,
    framework="torch",
    summary="any of the other PyTorch sources with global average pooling and one linear layer",
    example="cam:torchvision:vgg16",
    needs="torch",
    extra="torch",
    names=_names,
    build=_build,
    metadata=_metadata,
)
