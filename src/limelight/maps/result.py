"""The result: maps with all that is needed to show them, to box them and to keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from limelight.arrays import like, namespace, to_numpy
from limelight.errors import ImageError
from limelight.frames import Frame

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from matplotlib.figure import Figure

    from limelight.maps.given import Given
    from limelight.maps.notebook import Interactive


#: The fields of `Maps` that are arrays with one entry, first, for each image.
ARRAYS = ("values", "scores", "target", "probability")


@dataclass(frozen=True, eq=False)
class Maps:
    """Class activation maps of N images, for one class each or for K.

    Arrays are in the model's own type and on its device; `numpy()` and what draws or boxes copies
    them to the host. `values`, `target` and `probability` share their leading shape, (N,) or
    (N, K).

    Attributes:
        values: (N, h, w) or (N, K, h, w), raw, at the size of the layer's grid, float32.
        scores: (N, classes), before the last activation; None where the target was a callable.
        target: the class index explained; None where it was a callable.
        probability: the probability of it; None where the target was a callable.
        method: the method's name.
        layer: the layer's path; of fused layers "a+b".
        frames: where each image's input lies in the original image.
        class_names: one name per class, or None where they are not known.
        channels_last: the layout of arrays that the model takes.
        display: turns such arrays into pictures, uint8 (N, H, W, 3); None where nothing is known
            of the preprocessing.
        score: what was explained: "logit", "probability" or "rest".
        facts: what the run has shown beside the maps, for the diagnosis; by name, arrays with one
            entry, first, for each image, NumPy's where the model ran in the memory of the host.
        given: where the images were, for a notebook that shows them as long as they are there.

    Example:
        >>> import limelight
        >>> maps = limelight.explain(model, images)
        >>> maps.resized().shape, maps.boxes().shape
        (torch.Size([5, 32, 32]), (5, 4))
        >>> maps[0].normalized().max().item()
        1.0
    """

    values: Any
    scores: Any
    target: Any
    probability: Any
    method: str
    layer: str
    frames: tuple[Frame, ...]
    class_names: tuple[str, ...] | None = None
    channels_last: bool = False
    display: Callable[[Any], np.ndarray] | None = None
    score: str = "logit"
    facts: Mapping[str, Any] = field(default_factory=dict)
    given: Given | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, which: int | slice) -> Maps:
        """The maps of some of the images, or of one, as `Maps` with a first axis of its own."""
        if not isinstance(which, slice):
            start = range(len(self))[which]  # IndexError beyond the end, negatives from it
            which = slice(start, start + 1)
        arrays = {name: getattr(self, name) for name in ARRAYS}
        parts: dict[str, Any] = {n: None if a is None else a[which] for n, a in arrays.items()}
        parts["facts"] = {name: array[which] for name, array in self.facts.items()}
        given = None if self.given is None else self.given[which]
        return replace(self, **parts, frames=self.frames[which], given=given)

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.values.shape))
        return f"Maps({shape}, method={self.method!r}, layer={self.layer!r})"

    # -- numbers ------------------------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """The raw values on the host, float32, in the shape of `values`; a copy of your own."""
        import numpy as np

        return to_numpy(self.values).astype(np.float32)

    def normalized(self, how: str = "max") -> Any:
        """The values in 0..1, each map by itself, in the shape and type of `values`.

        `how`: "max" (ReLU, divided by the maximum; zeros where nothing is positive), "minmax",
        "percentile" or "ivr".

        Raises:
            MethodError: an unknown `how`.
        """
        from limelight.localization import normalize

        return normalize(self.values, how, namespace(self.values))

    def resized(self, normalizer: str | None = None) -> Any:
        """The maps at the size of the original images, in the type of `values`.

        Half-pixel bilinear, one definition for all frameworks; zero where the model has not seen
        the image (outside of a centre crop). `normalizer` is applied before, at feature size.

        Returns:
            (N, H, W) or (N, K, H, W); where the images differ in size, a list of N arrays.
        """
        values = self.values if normalizer is None else self.normalized(normalizer)
        xp = namespace(values)
        grid = tuple(int(side) for side in values.shape[-2:])

        def carry(part: Any, frame: Frame) -> Any:
            rows, columns, swapped = frame.resampling((grid[0], grid[1]))
            if swapped:
                axes = tuple(range(part.ndim))
                part = xp.permute_dims(part, (*axes[:-2], axes[-1], axes[-2]))
            return xp.matmul(xp.matmul(like(rows, part), part), like(columns.T.copy(), part))

        if len(set(self.frames)) == 1:
            return carry(values, self.frames[0])
        each = [carry(values[i], frame) for i, frame in enumerate(self.frames)]
        return xp.stack(each) if len({tuple(map_.shape) for map_ in each}) == 1 else each

    @property
    def diagnosis(self) -> Any:
        """In plain words, why a map is empty or means nothing; None where nothing is wrong.

        A list of N entries, or of N lists of K. `limelight.maps.diagnosis` has all findings.
        """
        from limelight.maps.diagnosis import diagnose

        return diagnose(self)

    # -- boxes --------------------------------------------------------------------------------

    def refined(self, images: Any, refine: str, mean: Any = None, std: Any = None) -> Maps:
        """The maps drawn to the edges of their images, in the pixels of the model's input.

        Args:
            images: what `explain` took; see `pictures`, also for `mean` and `std`.
            refine: a name from `limelight.localization.list_refiners()`, with options as in
                "grabcut:iterations=3".

        Returns:
            `Maps` of the same frames, of values of 0 and more at the size of the model's input, or
            256 pixels along its longer side. What the model has not seen stays unseen.

        Raises:
            MethodError: there is no such refiner or option.
            ImageError: as `pictures`.
            MissingExtra: the refiner needs a library that is not installed.
        """
        from limelight import localization

        values = localization.refine(
            to_numpy(self.values), self.pictures(images, mean, std), refine, self.frames
        )
        return replace(self, values=like(values, self.values))

    def boxes(
        self,
        threshold: float | None = None,
        which: str = "largest",
        rotated: bool = False,
        format: str = "xyxy",
        rule: str = "max",
        normalizer: str = "max",
        refine: str | None = None,
        images: Any = None,
    ) -> Any:
        """Boxes around what the maps show, in pixels of the original images, half-open.

        Each map is refined where that is asked for, normalized, resized to its original image, and
        thresholded: foreground is what exceeds `threshold` · maximum (or as `rule` says).

        Args:
            threshold: a fraction of the map's maximum, 0 to 1; None: the method's own, which is
                0.2 where it declares none.
            which: "largest" (around the largest connected component), "all" or "peaks".
            rotated: corners of the smallest rotated rectangle instead (needs OpenCV).
            format: a name from `limelight.boxes.FORMATS`.
            rule, normalizer: names from `limelight.localization`.
            refine: draws the maps to the edges of their images before; see `refined`.
            images: what `explain` took, for `refine`; of normalized arrays that no Classifier made,
                box what `refined` makes with their `mean` and `std`.

        Returns:
            "largest": (N, 4) float64, NaN rows where nothing is positive (`diagnosis` says why);
            `rotated`: (N, 4, 2) corners. "all", "peaks": a list of N arrays (n, 5) with a score
            last. With K classes (N, K, …), or N lists of K.

        Raises:
            ImageError: `refine` without `images`.
        """
        from limelight.maps.boxing import boxes_of
        from limelight.methods import default_cut

        cut = default_cut(self.method) if threshold is None else threshold
        if refine is not None and images is None:
            raise ImageError(
                f"boxes refined by {refine!r} need the images that explain took: "
                f"boxes(refine={refine!r}, images=…)"
            )
        shown = self if refine is None else self.refined(images, refine)
        return boxes_of(shown, cut, rule, which, rotated, format, normalizer)

    # -- pictures -----------------------------------------------------------------------------

    def pictures(self, images: Any, mean: Any = None, std: Any = None) -> list[np.ndarray]:
        """What `explain` took, as N uint8 pictures (H, W, 3) in original pixels.

        `images`: paths, PIL images, uint8 arrays, or the arrays that the model takes. The latter
        are shown as they are where they lie in [0, 1]; normalized ones need the Classifier that
        made them, or `mean` and `std` (per channel, in units of [0, 1]).

        Raises:
            ImageError: there are not N of them, or their values cannot be shown.
        """
        from limelight.maps.showing import as_pictures

        display = self.display if mean is None and std is None else None
        pictures = as_pictures(images, self.channels_last, display, mean, std)
        if len(pictures) != len(self):
            raise ImageError(f"{len(pictures)} images were given for the maps of {len(self)}")
        for i, (picture, frame) in enumerate(zip(pictures, self.frames, strict=True)):
            if picture.shape[:2] != frame.original_size:
                raise ImageError(
                    f"image {i} is {picture.shape[0]} × {picture.shape[1]} (height × width), but "
                    f"its map was made of one of {frame.original_size[0]} × "
                    f"{frame.original_size[1]}"
                )
        return pictures

    def overlay(
        self,
        images: Any,
        alpha: float = 0.5,
        colormap: str = "jet",
        normalizer: str = "max",
        mean: Any = None,
        std: Any = None,
    ) -> Any:
        """The maps in colour over `images`, uint8.

        Args:
            images: what `explain` took; see `pictures`, also for `mean` and `std`.
            alpha: 0 shows the image alone, 1 the colours alone.
            colormap: a name that `cmap` knows: "jet", "viridis", "gray" …
            normalizer: a name from `limelight.localization.NORMALIZERS`.

        Returns:
            (N, H, W, 3), or (N, K, H, W, 3); a list of N where the images differ in size. What the
            model has not seen is grey.
        """
        import numpy as np

        from limelight import draw

        drawn = []
        for picture, maps, frame in zip(
            self.pictures(images, mean, std), self.resized(normalizer), self.frames, strict=True
        ):
            host, seen = to_numpy(maps), frame.seen()
            if host.ndim == 2:
                drawn.append(draw.overlay(picture, host, alpha, colormap, seen))
            else:
                each = [draw.overlay(picture, map_, alpha, colormap, seen) for map_ in host]
                drawn.append(np.stack(each))
        return np.stack(drawn) if len({each.shape for each in drawn}) == 1 else drawn

    def names(self) -> list[Any]:
        """The name of each class explained, as N names or N lists of K; indices where unknown."""
        if self.target is None:
            return ["the given score"] * len(self)

        def name(index: Any) -> Any:
            if isinstance(index, list):
                return [name(each) for each in index]
            return str(index) if self.class_names is None else self.class_names[index]

        return name(to_numpy(self.target).tolist())

    def show(
        self, images: Any, boxes: bool = True, alpha: float = 0.5, colormap: str = "jet"
    ) -> Figure:
        """A matplotlib figure of the overlays with their boxes; a notebook shows it by itself.

        One image: original, map and overlay. Several, or several classes: a grid. Needs the extra
        ``[plot]``. `images`: see `pictures`.
        """
        from limelight import draw

        pictures = self.pictures(images)
        resized = [to_numpy(maps) for maps in self.resized("max")]
        by_class = [[maps] if maps.ndim == 2 else list(maps) for maps in resized]
        seen = [frame.seen() for frame in self.frames]
        found = [[box] if box.ndim == 1 else list(box) for box in self.boxes()]
        names = [[name] if isinstance(name, str) else name for name in self.names()]
        if len(self) == 1 and len(by_class[0]) == 1:
            box = found[0][0][None] if boxes else None
            return draw.figure(
                pictures[0], by_class[0][0], boxes=box, title=names[0][0],
                alpha=alpha, colormap=colormap, seen=seen[0],
            )  # fmt: skip
        ranks = range(len(by_class[0]))
        return draw.grid(
            pictures,
            [[maps[k] for maps in by_class] for k in ranks],
            rows=[self.method] if len(ranks) == 1 else [f"class {k + 1}" for k in ranks],
            boxes=[[each[k][None] for each in found] for k in ranks] if boxes else None,
            captions=[[each[k] for each in names] for k in ranks],
            alpha=alpha,
            colormap=colormap,
            seen=seen,
        )

    def interactive(
        self, images: Any, colormap: str = "jet", mean: Any = None, std: Any = None
    ) -> Interactive:
        """The maps over `images` in a notebook, with sliders for opacity and for the threshold.

        The first 16 images; it needs no connection. `images`, `mean`, `std`: see `pictures`.
        """
        from limelight.maps.notebook import interactive

        return interactive([self], self.pictures(images, mean, std), colormap)

    def _repr_html_(self) -> str:
        """The maps with the same sliders, over their images where those are still there."""
        from limelight.maps.notebook import shown

        return shown([self])._repr_html_()

    # -- keeping ------------------------------------------------------------------------------

    def save(self, folder: str | Path, images: Any = None, overwrite: bool = False) -> Path:
        """Write the maps to `folder`: maps.npz, a PNG for each map, and manifest.json last.

        With `images` (see `pictures`) the PNGs are overlays, otherwise the maps alone. The folder
        appears whole or not at all. Returns its path.

        Raises:
            RunError: the folder exists and is not empty, and `overwrite` is False or there are no
                maps in it; or it cannot be written.
        """
        from limelight.maps.keeping import save_maps

        return save_maps(self, folder, images, overwrite)

    @staticmethod
    def load(folder: str | Path) -> Maps:
        """The maps that `save` wrote, as NumPy arrays.

        Raises:
            RunError: the folder holds no complete set of maps.
        """
        from limelight.maps.keeping import load_maps

        return load_maps(folder)


def concatenate(parts: Sequence[Maps]) -> Maps:
    """The maps of several batches as one; everything but the arrays is the first one's."""
    if len(parts) == 1:
        return parts[0]

    def joined(arrays: Sequence[Any]) -> Any:
        return None if arrays[0] is None else namespace(arrays[0]).concat(arrays, axis=0)

    return replace(
        parts[0],
        given=None,
        **{name: joined([getattr(part, name) for part in parts]) for name in ARRAYS},
        frames=tuple(frame for part in parts for frame in part.frames),
        facts={name: joined([part.facts[name] for part in parts]) for name in parts[0].facts},
    )
