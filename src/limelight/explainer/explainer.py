"""From a model and images to maps, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from limelight.errors import MethodError, TargetError
from limelight.explainer import facts
from limelight.explainer.asked_layers import AskedLayers
from limelight.explainer.choice import Choice, share_options
from limelight.explainer.fusion import FUSIONS, across_layers, fuse_layers
from limelight.explainer.gathering import Gathering
from limelight.explainer.inputs import Images, open_images
from limelight.explainer.results import check_capture, make_maps
from limelight.explainer.smoothed import Smoothed
from limelight.maps import Maps, concatenate
from limelight.maps.given import Given
from limelight.maps.several import SeveralMaps
from limelight.methods import OF_ATTENTION, Method, find_method
from limelight.methods.reduce import OF_COMPONENT
from limelight.probes import Capture, Probe, Request, probe_for
from limelight.probes.beside import beside
from limelight.probes.beside import given as beside_images
from limelight.probes.first_norm import watching_first_norm
from limelight.probes.precision import full_precision
from limelight.scores import Score
from limelight.smoothing import Smooth
from limelight.targets.parsing import parse_target

if TYPE_CHECKING:
    from limelight.probes.base import GraphProbe


def explain(
    model: Any,
    images: Any,
    method: str | Sequence[str] = "gradcam",
    *,
    target: Any = None,
    layer: Any = None,
    score: str | None = None,
    batch_size: int = 32,
    negative: bool = False,
    fuse: str | None = None,
    smooth: str | Smooth | None = None,
    eigen_smooth: bool = False,
    compat: str | None = None,
    differentiable: bool = False,
    options: Mapping[str, Any] | None = None,
    reshape_transform: Callable[[Any], Any] | None = None,
    inputs: Any = None,
) -> Any:
    """Maps of what `model` looked at in `images`, from one forward pass.

    Args:
        model: a `torch.nn.Module`, a Keras 3 model, or a `Classifier` from `limelight.load`.
        images: what the model takes: a preprocessed float batch, torch (N, C, H, W), Keras
            (N, H, W, C) or channels_first. A `Classifier` takes photographs too: paths, PIL
            images, uint8 arrays, one or several.
        method: a name from `list_methods()`, or several; "all" for every one that this model and
            framework allow, "all-gradient" for those among them that need no more than one
            forward pass and gradients. A warning names those that are left out.
        target: None (each image's own top class), a class index or name, one per image, an
            (N, K) or (1, K) array of them, "top5", or a callable on the model's output returning
            one score per image (N,).
        layer: None (chosen, and named in the result), a path ("layer4.1.conv2",
            "resnet50/conv5_block3_out") or its unambiguous end, the layer object, or several.
            The methods of attention take all blocks of a vision transformer, whatever the layer.
        score: "logit", "probability" or "rest"; None takes the method's own, which is the logit
            unless its description says otherwise.
        batch_size: how many images pass through the model at a time.
        negative: explain what speaks against the class.
        fuse: "mean" or "max": one map of several layers, each normalized by its maximum and
            brought to the finest grid. RefineCAM fuses them in its own way.
        smooth: "noise", "flips", "flips+scales" or a `limelight.Smooth`: the mean of the maps of
            variants of each image, for the classes of the image as it is.
        eigen_smooth: the first principal component of what a method sums over channels, in place of
            the sum.
        compat: "pytorch-grad-cam" or "torchcam": the formulas of that library, for methods where
            it deviates from the paper.
        differentiable: for a training loss: `values`, `scores` and `probability` stay in the graph
            of the model, so that a loss on them trains its parameters. PyTorch modules only, and
            methods that have a derivative (`Method.differentiable`). The model runs in evaluation
            mode all the same; float64 stays float64.
        options: a method's options; of several methods, each takes those it knows, or those under
            its name: {"scorecam": {"channels": 64}}.
        reshape_transform: brings the layer's output to (N, C, h, w), where its layout is not found
            by itself.
        inputs: what the model is given beside the images: a tuple of what follows them, or a dict
            by name. Arrays have one row per image, anything else is passed as it is. The maps are
            of the images.

    Returns:
        `Maps`. For several methods a dict by method, for several layers a dict by layer (methods
        outside); a list of one is still a list.

    Raises:
        LimelightError: what does not fit, in one sentence; see `limelight.errors`.

    Example:
        Of five images, and a model of ten classes:

        >>> import limelight
        >>> maps = limelight.explain(model, images)
        >>> maps.values.shape, maps.method
        (torch.Size([5, 4, 4]), 'gradcam')
        >>> several = limelight.explain(model, images, ["gradcam", "layercam"], target=[[3, 7]])
        >>> several["layercam"].values.shape  # two classes of each image
        torch.Size([5, 2, 4, 4])
    """
    explainer = Explainer(
        model,
        method,
        layer,
        fuse=fuse,
        smooth=smooth,
        eigen_smooth=eigen_smooth,
        compat=compat,
        differentiable=differentiable,
        options=options,
        reshape_transform=reshape_transform,
    )
    return explainer(
        images, target=target, score=score, batch_size=batch_size, negative=negative, inputs=inputs
    )


class Explainer:
    """A model with a choice of methods and layers, for use on many images.

    The choice of the layer and compiled functions are kept between calls. Arguments as for
    `explain`.

    Example:
        >>> import limelight
        >>> explainer = limelight.Explainer(model, method="layercam")
        >>> explainer(images, target=3).target.tolist()
        [3, 3, 3, 3, 3]
    """

    def __init__(
        self,
        model: Any,
        method: str | Sequence[str] = "gradcam",
        layer: Any = None,
        *,
        fuse: str | None = None,
        smooth: str | Smooth | None = None,
        eigen_smooth: bool = False,
        compat: str | None = None,
        differentiable: bool = False,
        options: Mapping[str, Any] | None = None,
        reshape_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        from limelight.models import Classifier

        self.classifier = model if isinstance(model, Classifier) else None
        self.probe: Probe = probe_for(model.model if isinstance(model, Classifier) else model)
        self._choice = Choice(method, self.probe, compat)
        self.methods = self._choice.methods
        if not self.methods:
            raise MethodError("an empty list of methods leaves nothing to explain")
        self._layers = AskedLayers(self.probe, self.methods, layer)
        if self._layers.one:
            self._choice.leave_out_several()
        self.eigen_smooth = eigen_smooth
        if eigen_smooth:
            self._choice.leave_out_without_sum()
        if fuse is not None and fuse not in FUSIONS:
            raise MethodError(
                f"fuse={fuse!r} is not a fusion; choose {' or '.join(map(repr, FUSIONS))}"
            )
        self.fuse = fuse
        self.smooth = None if smooth is None else Smooth.of(smooth)
        self.reshape_transform = reshape_transform
        self._options = share_options(self.methods, options or {})
        self.differentiable = differentiable
        if differentiable:
            self._check_differentiable()

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, where they are known."""
        return None if self.classifier is None else self.classifier.class_names

    def plain_request(self, batch: Any) -> Request:
        """What a run without gradients is asked for, at the layers, about each image's top class.

        `batch`: as the probe prepared it.
        """
        return Request(
            layers=self._layers.paths(batch),
            gradients=False,
            scores=(Score(activation=self._activation(batch)),),
            top=1,
            reshape=self.reshape_transform,
        )

    def __call__(
        self,
        images: Any,
        target: Any = None,
        score: str | None = None,
        batch_size: int = 32,
        negative: bool = False,
        inputs: Any = None,
    ) -> Any:
        """Maps of `images`; arguments, result and errors as for `explain`."""
        if self.differentiable:
            cast("GraphProbe", self.probe).check_recording()
        given = open_images(images, self.classifier, self.probe)
        if inputs is not None and self.smooth is not None:
            raise MethodError(
                "smooth= runs the model on changed copies of the images, and inputs= belong to the "
                "images as they are; give one of the two"
            )
        with beside(inputs, len(given)), full_precision():
            kept = Given(images, range(len(given)))
            return self._explain(given, kept, target, score, batch_size, negative)

    def _explain(
        self,
        given: Images,
        kept: Given,
        target: Any,
        score: str | None,
        batch_size: int,
        negative: bool,
    ) -> Any:
        wanted = parse_target(target, len(given), self._name_to_index)
        choice = self._choice.of_a_call()
        if wanted.function is not None:
            choice.leave_out_of_classes()
        if beside_images() is not None:
            choice.leave_out_of_copies()
        parts: dict[tuple[str, str], list[Maps]] = {}
        for start, stop in given.batches(batch_size):
            batch, frames = given.part(start, stop)
            layers = self._layers.paths(batch)
            several = self._layers.across(choice, batch)
            scores = self._scores(score, negative, self._activation(batch))
            request = Request(
                layers=tuple(dict.fromkeys((*layers, *several))) if self._layers.explained else (),
                gradients=any(method.differentiates for method in choice.methods),
                scores=tuple(dict.fromkeys(scores.values())),
                top=wanted.top,
                function=wanted.function,
                reshape=self.reshape_transform,
                attention=_of_attention(choice.methods),
                differentiable=self.differentiable,
            )
            with watching_first_norm(self.probe.model if given.prepared else None) as shift:
                request, capture = self._capture(choice, batch, request, wanted.part(start, stop))
            shown = facts.of_input(self.probe, batch, self.classifier) if given.prepared else {}
            if shift:
                shown["shift"] = shift[0]
            check_capture(capture, wanted, request, start, stop)
            gathering = Gathering(
                self.probe, batch, request, capture, choice.methods, batch_size, self.eigen_smooth
            )
            source = gathering if self.smooth is None else Smoothed(gathering, self.smooth)
            for key, values in self._values(choice, source, layers, several, scores).items():
                also = self._gradient(key, request, capture, scores) | source.told(*key)
                maps = make_maps(
                    self.probe, self.classifier, key, values, capture, wanted, scores[key[0]],
                    frames, shown | also,
                )  # fmt: skip
                parts.setdefault(key, []).append(maps)
        choice.say_what_is_left_out()
        return self._arranged(
            choice,
            {
                key: replace(concatenate(maps), given=kept)
                for key, maps in parts.items()
                if choice.has(key[0])
            },
        )

    # -- before the run -----------------------------------------------------------------------

    def _check_differentiable(self) -> None:
        """Leave out what has no derivative. Raises MethodError where that leaves nothing."""
        if self.probe.framework != "torch":
            raise MethodError(
                "differentiable=True puts maps in the graph of a PyTorch module (torch.nn.Module), "
                f"and this is a {self.probe.framework} model"
            )
        if self.eigen_smooth:
            raise MethodError(
                "differentiable=True has no meaning with eigen_smooth=True: what is smoothed "
                f"{OF_COMPONENT}; smooth= has one"
            )
        self._choice.leave_out_without_derivative(self._options)

    def _name_to_index(self, name: str) -> int:
        if self.classifier is None:
            raise TargetError(
                f"the class {name!r} was asked for by name, but a bare model has no names; give "
                "its index, or load the model with limelight.load(..., classes=)"
            )
        return self.classifier.name_to_index(name)

    def _activation(self, batch: Any) -> str:
        own = self.probe.activation(batch)
        if own is not None:
            return own
        return "softmax" if self.classifier is None else self.classifier.activation

    def _scores(self, kind: str | None, negative: bool, activation: str) -> dict[str, Score]:
        """By method, the score that it explains where the user asked for `kind`, or for none."""
        return {
            method.name: method.explained(kind, negative, activation, self._options[method.name])
            for method in self.methods
        }

    def _capture(
        self, choice: Choice, batch: Any, request: Request, index: Any
    ) -> tuple[Request, Capture]:
        while True:
            try:
                return request, self.probe.capture(batch, request, index)
            except MethodError as error:
                if not request.attention or not self._layers.explained:
                    raise
                # A model may be built so that it is LeGrad alone that cannot run.
                of_blocks = [each for each in choice.methods if "block_gradients" in each.needs]
                for method in of_blocks or [m for m in choice.methods if m.of_attention]:
                    choice.leave_out(method, str(error))
                request = replace(request, attention=_of_attention(choice.methods))

    # -- after the run ------------------------------------------------------------------------

    def _values(
        self,
        choice: Choice,
        source: Gathering | Smoothed,
        layers: Sequence[str],
        several: Sequence[str],
        scores: Mapping[str, Score],
    ) -> dict[tuple[str, str], Any]:
        """By method and layer, the maps (N, K, h, w)."""
        found: dict[tuple[str, str], Any] = {}
        for method in list(choice.methods):
            options = self._options[method.name]
            try:
                by_layer = {
                    layer: source.maps(method, layer, scores[method.name], options)
                    for layer in (several if method.across else layers)
                }
            except MethodError as error:
                choice.leave_out(method, str(error))
                continue
            if method.across is not None:
                values = across_layers(by_layer, source.activations, method.across)
                by_layer = {"+".join(by_layer): values}
            elif self.fuse is not None:
                by_layer = {"+".join(by_layer): fuse_layers(by_layer, method, self.fuse)}
            found |= {(method.name, layer): values for layer, values in by_layer.items()}
        return found

    def _gradient(
        self,
        key: tuple[str, str],
        request: Request,
        capture: Capture,
        scores: Mapping[str, Score],
    ) -> dict[str, Any]:
        if "gradients" not in find_method(key[0]).needs:
            return {}
        return facts.of_gradients(request, capture, key[1], scores[key[0]])

    def _arranged(self, choice: Choice, found: Mapping[tuple[str, str], Maps]) -> Any:
        by_method = SeveralMaps()
        for (method, layer), maps in found.items():
            by_method.setdefault(method, SeveralMaps())[layer] = maps
        for each in choice.methods:
            if not self._layers.many or self.fuse is not None or each.across is not None:
                by_method[each.name] = next(iter(by_method[each.name].values()))
        return by_method if choice.many else next(iter(by_method.values()))


def _of_attention(methods: Sequence[Method]) -> frozenset[str]:
    """What `methods` need of the attention of all blocks."""
    return frozenset[str]().union(*(method.needs & OF_ATTENTION for method in methods))
