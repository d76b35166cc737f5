"""Which layer: the names that users give, and the choice where they give none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from limelight.errors import LayerNotFound, NoSpatialLayer, did_you_mean
from limelight.probes.base import LayerCall, Trace

# Layers that only pass, shrink, pad or turn what an earlier layer has computed.
_POOLS = ("Pool", "Dropout", "Padding", "Pad2d", "Flatten", "Upsampl", "UpSampl", "Crop", "Permute")


def resolve(name: str, paths: Sequence[str], separator: str) -> str:
    """The path that `name` means: a whole path, or the end of exactly one.

    Raises:
        LayerNotFound: no path, or several, end in `name`.
    """
    if name in paths:
        return name
    matches = [path for path in paths if path.endswith(separator + name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        shown = ", ".join(map(repr, matches[:5])) + (" …" if len(matches) > 5 else "")
        raise LayerNotFound(
            f"the layer name {name!r} is ambiguous: {len(matches)} layers end in it ({shown}); "
            "give the whole path"
        )
    tails = [path.rpartition(separator)[2] for path in paths]
    hint = did_you_mean(name, dict.fromkeys([*paths, *tails]))
    raise LayerNotFound(
        f"the model has no layer {name!r}{hint or '; `limelight layers` lists them all'}"
    )


def is_explainable(call: LayerCall) -> bool:
    """Whether a map can be made of this layer's output: a grid larger than one cell."""
    return call.grid is not None and len(call.grid) == 2 and min(call.grid) > 1


def choose(trace: Trace) -> str:
    """The last spatial feature map that the output is made of, after its activation.

    Pooling behind it is left out, and so is the map of scores that a segmentation model returns.
    Where the model reads a class token only, the tokens as the last block normalizes them.
    Among the layers that return this very tensor, the innermost that ran only once is named: a
    shared activation layer cannot be told apart by its name.

    Raises:
        NoSpatialLayer: no layer has an output with height and width.
    """
    times: dict[str, int] = {}
    for call in trace.calls:
        times[call.name] = times.get(call.name, 0) + 1
    features = _features(trace)
    if not features:
        volume = next((call for call in trace.calls if len(call.grid or ()) > 2), None)
        if volume is not None:
            raise _is_volume(volume.name, volume.shape)
        raise NoSpatialLayer(
            "no layer of this model has an output with height and width, so there is no map to "
            "make; give layer= and reshape_transform= for a model of tokens"
        )
    read = (call for call in _candidates(features) if call.value not in trace.unread)
    last = next(read, features[-1]).value
    same = [call for call in features if call.value == last]
    return next((call.name for call in same if times[call.name] == 1), same[-1].name)


def unread(trace: Trace, reaches: Callable[[LayerCall], bool]) -> frozenset[int]:
    """The values of the feature maps that `choose` must not choose: nothing reads their places.

    `reaches`: whether the model's output depends on the places of what a call returned.
    """
    found = set()
    for call in _candidates(_features(trace)):
        if reaches(call):
            break
        found.add(call.value)
    return frozenset(found)


def _features(trace: Trace) -> list[LayerCall]:
    """The calls that one may choose from."""
    # The first to return a tensor made it: a dropout that is off returns what it is given.
    makers = {call.value: call for call in reversed(trace.calls)}
    features = [
        call for call in trace.calls if is_explainable(call) and not _passes_on(makers[call.value])
    ]
    before = list(features)
    if len(trace.output_shape) == 4:  # a map of scores, and what resizes it
        while before and before[-1].channels == trace.output_shape[1]:
            before.pop()
    return before or features


def _candidates(features: Sequence[LayerCall]) -> Iterator[LayerCall]:
    """What may be chosen, the best first: the last feature map, normalized tokens, any other."""
    backwards = list(reversed(features))
    tokens = [call for call in backwards if call.layout.tokens and "Norm" in call.kind]
    ranked = [*backwards[:1], *(tokens if backwards and backwards[0].layout.tokens else ())]
    seen: set[int] = set()
    for call in [*ranked, *backwards]:
        if call.value not in seen:
            seen.add(call.value)
            yield call


def _passes_on(call: LayerCall) -> bool:
    return not call.container and any(word in call.kind for word in _POOLS)


def _is_volume(name: str, shape: Sequence[int]) -> NoSpatialLayer:
    return NoSpatialLayer(
        f"the layer {name!r} returns a volume of shape {tuple(shape)}; maps are made today of "
        "outputs with height and width only"
    )


def check_grid(name: str, shape: Sequence[int], reshaped: bool) -> None:
    """Raise where a layer's output of `shape` (N, C, *spatial) has no map in it.

    Raises:
        NoSpatialLayer: it has no height and width, is 1×1, or is a volume.
    """
    grid = tuple(shape[2:])
    if len(grid) == 2 and max(grid) > 1:
        return
    if len(grid) > 2:
        raise _is_volume(name, shape)
    if reshaped:
        raise NoSpatialLayer(
            f"reshape_transform made {tuple(shape)} of the output of {name!r}; (N, C, h, w) was "
            "expected"
        )
    raise NoSpatialLayer(
        f"the layer {name!r} returns the shape {tuple(shape)}, which has no height and width to "
        "make a map of; choose an earlier layer (`limelight layers` lists them), or give "
        "reshape_transform= for tokens"
    )
