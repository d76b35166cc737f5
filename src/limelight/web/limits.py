"""How much the server takes at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused, and what is forgotten first.

    Attributes:
        upload_bytes: of an image file.
        pixels: of an image, before it is decoded.
        scans: of a JPEG; a usual progressive one has ten, a hostile one thousands.
        body_bytes: of any other request.
        body_seconds: until the whole of a request must be there.
        uploads: image files that are received or decoded at once.
        methods: in one explanation.
        option: the largest number that an option of a method may have.
        queue: explanations that wait for one model.
        wait_seconds: the longest that a request may wait for its explanation.
        image_bytes: of decoded images that are kept; the one used last is always kept.
        maps: that are kept.
        jobs: finished ones that are kept.
        connections: open at once.
    """

    upload_bytes: int = 20 * 2**20
    pixels: int = 40_000_000
    scans: int = 100
    body_bytes: int = 64 * 2**10
    body_seconds: float = 30.0
    uploads: int = 8
    methods: int = 4
    option: int = 4096
    queue: int = 16
    wait_seconds: float = 20.0
    image_bytes: int = 512 * 2**20
    maps: int = 1000
    jobs: int = 256
    connections: int = 200
