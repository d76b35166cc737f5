"""Scores of models that return something else than one row of classes.

Each is a callable to give as ``target=``: it takes what the model returns and gives one score per
image, in every framework.
"""

from limelight.targets.detection import Detection
from limelight.targets.regression import Regression
from limelight.targets.segmentation import Segmentation
from limelight.targets.similarity import Similarity

__all__ = ["Detection", "Regression", "Segmentation", "Similarity"]
