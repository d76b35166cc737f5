"""Which methods a model does not allow, and why, before anybody asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limelight.errors import LimelightError
from limelight.explainer.explainer import Explainer
from limelight.methods import Method, list_methods
from limelight.probes import Trace, probe_for
from limelight.probes.choosing import choose
from limelight.probes.stages import last_of_stages

if TYPE_CHECKING:
    from limelight.models import Classifier


def refused_methods(classifier: Classifier) -> dict[str, str]:
    """By name of a method, the sentence that says why it does not run on `classifier`.

    What a method needs beyond its layers, a head or attention, is tried on a grey image; what takes
    a run of its own through the whole graph is not tried.
    """
    import numpy as np

    grey = np.full((*classifier.preprocess.size, 3), 128, np.uint8)
    batch, _ = classifier.prepare([grey])
    probe = probe_for(classifier.model)
    trace = probe.trace(probe.prepare(batch))
    found: dict[str, str] = {}
    for method in list_methods():
        try:
            _try(method, classifier, trace, grey)
        except LimelightError as error:
            found[method.name] = str(error)
    return found


def _try(method: Method, classifier: Classifier, trace: Trace, grey: Any) -> None:
    explainer = Explainer(classifier, method.name)
    if method.across is not None:
        last_of_stages(trace)
    elif "activations" in method.needs:
        choose(trace)
    if method.of_attention:
        explainer([grey])
    elif "head" in method.needs:
        # With gradients, which others ask for too: what is compiled for them serves here.
        Explainer(classifier, ["gradcam", method.name])([grey])
