"""The front door: `explain`, and the `Explainer` behind it."""

from limelight.explainer.explainer import Explainer, explain

__all__ = ["Explainer", "explain"]
