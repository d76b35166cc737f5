"""From a model and images to boxes, by a recipe."""

from __future__ import annotations

from typing import Any

from limelight.explainer.explainer import explain
from limelight.localization import DEFAULT_RECIPE, find_recipe


def localize(
    model: Any,
    images: Any,
    recipe: str = DEFAULT_RECIPE,
    *,
    target: Any = None,
    layer: Any = None,
    which: str = "largest",
    rotated: bool = False,
    format: str = "xyxy",
    batch_size: int = 32,
    mean: Any = None,
    std: Any = None,
) -> Any:
    """Boxes around what `model` looked at in `images`, in pixels of the original images.

    The same as `explain` by the recipe's method and `Maps.boxes` with its refinement and threshold.

    Args:
        model, images, target, layer, batch_size: as for `explain`.
        recipe: a name from `limelight.localization.RECIPES`.
        which, rotated, format: as for `Maps.boxes`.
        mean, std: of arrays that are normalized, where the recipe reads the images' colours and the
            model is not a `Classifier`; see `Maps.pictures`.

    Returns:
        As `Maps.boxes`: (N, 4) for "largest", NaN rows where a map is empty.

    Raises:
        LimelightError: what does not fit, in one sentence.

    Example:
        >>> import limelight, torch
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        ...     nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        ...     nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        ...     nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)).eval()
        >>> limelight.localize(model, torch.rand(5, 3, 32, 32)).shape
        (5, 4)
    """
    chosen = find_recipe(recipe)
    maps = explain(model, images, chosen.method, target=target, layer=layer, batch_size=batch_size)
    if chosen.refine is not None:
        maps = maps.refined(images, chosen.refine, mean, std)
    return maps.boxes(chosen.threshold, which, rotated, format)
