"""The floor of every comparison."""

from __future__ import annotations

import zlib
from typing import Any

from limelight.arrays import like
from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.options import Seed


@method("random", title="Random map", needs={"activations", "inputs"}, class_blind=True)
def random(e: Evidence, *, seed: Seed = 0) -> Any:
    """M_ij uniform in [0, 1), independent of model and class.

    The noise is drawn from `seed` and from the image itself (a checksum of the model's input, its
    channels sorted so that it is the same in every layout), so that an image has the same map
    alone, in any batch, and in every framework.
    """
    import numpy as np

    assert e.inputs is not None  # declared above
    maps = []
    for image in e.inputs():
        checksum = zlib.crc32(np.sort(image.astype(np.float32), axis=None).tobytes())
        generator = np.random.default_rng((seed, checksum))
        maps.append(generator.random(tuple(e.activations.shape[2:]), np.float32))
    return like(np.stack(maps), e.activations)
