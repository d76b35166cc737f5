"""From a map to a box: normalize, threshold, find the components, draw boxes around them."""

from __future__ import annotations

from limelight.localization.foreground import RULES, Rule
from limelight.localization.location import BOXES, locate
from limelight.localization.normalization import NORMALIZERS, Normalizer, normalize
from limelight.localization.recipes import DEFAULT_RECIPE, RECIPES, Recipe, find_recipe
from limelight.localization.refinement import (
    find_refinement,
    guide_of,
    list_refiners,
    refine,
)
from limelight.localization.threshold import Threshold
from limelight.localization.tuning import GOALS, Tuner, tune

__all__ = [
    "BOXES",
    "DEFAULT_RECIPE",
    "GOALS",
    "NORMALIZERS",
    "RECIPES",
    "RULES",
    "Normalizer",
    "Recipe",
    "Rule",
    "Threshold",
    "Tuner",
    "find_recipe",
    "find_refinement",
    "guide_of",
    "list_refiners",
    "locate",
    "normalize",
    "refine",
    "tune",
]
