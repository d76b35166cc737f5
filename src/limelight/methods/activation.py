"""Maps from the activations and the classifier's own weights, without any gradient."""

from __future__ import annotations

from typing import Any

from limelight.evidence import Evidence
from limelight.methods.declaration import method
from limelight.methods.reduce import weighted_sum


@method(
    "cam", title="Class activation map", paper="Zhou et al. 2016", needs={"activations", "head"}
)
def cam(e: Evidence) -> Any:
    """M = Σ_c w_c A_c.

    A: activations (N, C, *spatial) that global average pooling and a linear head follow. w: the
    class's row of that head. Neither bias nor ReLU. Where the head is a 1×1 convolution before the
    pooling, the layer's channels are the classes, w is a unit vector, and M is the class's channel.

    Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, eq. 2.
    """
    return weighted_sum(e, e.class_weights, e.activations)
