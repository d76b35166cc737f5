"""From the bytes that somebody sent to an image, or to a sentence that says why not."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from limelight.errors import ImageError
from limelight.images import BROKEN, read
from limelight.web.answering import Refusal
from limelight.web.limits import Limits

if TYPE_CHECKING:
    from PIL import Image

#: What is decoded; whatever the sender calls it, the content decides.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_SCAN = b"\xff\xda"  # begins a scan of a JPEG, and stands nowhere in its data


def decode(content: bytes, limits: Limits) -> Image.Image:
    """The image as upright 8-bit RGB; of an animation the first frame.

    Raises:
        Refusal: it is empty, no image of `FORMATS` by its content (415), damaged (422), or larger
            than the limits (413).
    """
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise Refusal(422, "the image is empty: 0 bytes were sent")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_size(image, content, limits)
            image.verify()
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return read(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(limits) from error
    except UnidentifiedImageError as error:
        raise Refusal(
            415, f"this is no image by its content; expected {', '.join(FORMATS)}"
        ) from error
    except ImageError as error:
        raise Refusal(422, str(error).replace("the PIL image", "the image")) from error
    except BROKEN as error:
        raise Refusal(422, f"the image is damaged or truncated: {error}") from error


def _check_size(image: Image.Image, content: bytes, limits: Limits) -> None:
    if image.width * image.height > limits.pixels:
        raise _too_large(limits)
    if image.format == "JPEG" and content.count(_SCAN) > limits.scans:
        raise Refusal(413, f"the JPEG has more than {limits.scans} scans; save it as a usual one")


def _too_large(limits: Limits) -> Refusal:
    return Refusal(
        413, f"the image has more than {limits.pixels:,} pixels; make it smaller and send it again"
    )
