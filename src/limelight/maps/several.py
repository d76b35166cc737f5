"""Maps of several methods or layers, which a notebook shows side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limelight.maps.notebook import Interactive
    from limelight.maps.result import Maps


class SeveralMaps(dict[str, Any]):
    """A dict of `Maps` by method, by layer, or of such dicts."""

    def interactive(
        self, images: Any, colormap: str = "jet", mean: Any = None, std: Any = None
    ) -> Interactive:
        """All of them over `images`, as `Maps.interactive` shows one."""
        from limelight.maps.notebook import interactive

        several = _flat(self)
        return interactive(several, several[0].pictures(images, mean, std), colormap)

    def _repr_html_(self) -> str:
        """All of them, over their images where those are still there."""
        from limelight.maps.notebook import shown

        return shown(_flat(self))._repr_html_()


def _flat(found: Mapping[str, Any]) -> list[Maps]:
    nested = (_flat(each) if isinstance(each, Mapping) else [each] for each in found.values())
    return [maps for part in nested for maps in part]
