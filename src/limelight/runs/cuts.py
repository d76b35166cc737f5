"""How the maps of each method are cut into foreground and background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from limelight.errors import MethodError, did_you_mean
from limelight.methods import default_cut

if TYPE_CHECKING:
    from limelight.localization import Threshold

    Thresholds = float | Threshold | Mapping[str, float | Threshold] | None


@dataclass(frozen=True)
class Cut:
    """A threshold and what it means.

    Attributes:
        threshold: what the foreground exceeds, as `rule` reads it.
        rule: a name from `limelight.localization.RULES`.
        normalizer: what is done to the map before; a name from its `NORMALIZERS`.
        origin: where the threshold comes from, in words.
        refine: how the image refines the map before all that, as
            `limelight.localization.find_refinement` reads it; None: not at all.
    """

    threshold: float
    rule: str = "max"
    normalizer: str = "max"
    origin: str = "given"
    refine: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def cut_of(threshold: float | Threshold, normalizer: str = "max", refine: str | None = None) -> Cut:
    """The cut of a number, a fraction of the maximum, or of a tuned threshold.

    Raises:
        MethodError: an unknown normalizer or refiner, or a number outside 0..1.
    """
    from limelight.localization import NORMALIZERS, Threshold, find_refinement

    refine = threshold.refine if isinstance(threshold, Threshold) else refine
    if refine is not None:
        find_refinement(refine)
    if isinstance(threshold, Threshold):
        origin = f"tuned on {threshold.images} images of {threshold.data or 'a validation split'}"
        return Cut(threshold.value, threshold.rule, threshold.normalizer, origin, refine)
    if normalizer not in NORMALIZERS:
        raise MethodError(
            f"there is no normalizer {normalizer!r}"
            f"{did_you_mean(str(normalizer), NORMALIZERS) or f'; there are {list(NORMALIZERS)}'}"
        )
    if not isinstance(threshold, int | float) or not 0 <= threshold < 1:
        raise MethodError(f"threshold {threshold!r}, expected a fraction of the maximum, 0 to 1")
    return Cut(float(threshold), "max", normalizer, refine=refine)


def cuts_by_name(
    thresholds: Thresholds,
    normalizer: str,
    methods: Sequence[str],
    baselines: Sequence[str] = (),
    refine: str | None = None,
) -> dict[str, Cut]:
    """The cut of each method, and of those baselines for which a threshold was tuned.

    Args:
        thresholds: one for all methods, or one by name of method or baseline; None: that which
            each method declares, and `DEFAULT_CUT` for maps made elsewhere.
        normalizer, refine: that go with plain numbers.
        methods: names that must have a cut.
        baselines: names that may have one; a single threshold for all is not meant for them.

    Raises:
        MethodError: as `cut_of`, or a method has no threshold.
    """
    if thresholds is None:
        return {name: cut_of(default_cut(name), normalizer, refine) for name in methods}
    if not isinstance(thresholds, Mapping):
        return dict.fromkeys(methods, cut_of(thresholds, normalizer, refine))
    for name in methods:
        if name not in thresholds:
            raise MethodError(
                f"there is no threshold for {name!r}; there are some for {', '.join(thresholds)}"
            )
    wanted = [*methods, *(name for name in baselines if name in thresholds)]
    return {name: cut_of(thresholds[name], normalizer, refine) for name in wanted}
