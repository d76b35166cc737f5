"""How a method is declared: beside its formula, and nowhere else.

The CLI's choices, the tables and the parametrized tests are derived from these declarations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from limelight.arrays import in_one, namespace
from limelight.errors import MethodError, did_you_mean
from limelight.evidence import Evidence
from limelight.methods.options import Option, options_of
from limelight.scores import Score

Formula = Callable[..., Any]

#: What takes a run of its own through the graph of the whole model.
OF_GRAPH = frozenset({"curvature", "guided", "full_gradients", "input_gradients"})

#: What a method can ask for; the probe collects no more than what is asked. "head?": where there
#: is one.
NEEDS = (
    frozenset(
        {"activations", "gradients", "head", "head?", "inputs", "images", "scores", "rescoring"}
    )
    | {"attention", "attention_gradients", "block_gradients", "again"}
    | OF_GRAPH
)

#: What speaks of the attention of all blocks, and not of a layer.
OF_ATTENTION = frozenset({"attention", "attention_gradients", "block_gradients"})

#: What only the probe for PyTorch modules can give.
_TORCH_ONLY = OF_ATTENTION | (OF_GRAPH - {"input_gradients"})

#: Why a method that needs this has no derivative; "gradcam …" and one of these is a sentence.
_NO_DERIVATIVE = {
    "rescoring": "asks the model about edited copies, and their scores come without a graph",
    "inputs": "reads a copy of the image on the host, where the graph ends",
    "guided": "changes what ReLUs pass back, which changes the derivative of its map too",
}

#: The libraries with formulas of their own that `compat=` reproduces.
LIBRARIES = ("pytorch-grad-cam", "torchcam")

#: The fraction of a map's maximum at which boxes are cut where nobody names one.
DEFAULT_CUT = 0.2

_registry: dict[str, Method] = {}


@dataclass(frozen=True)
class Method:
    """A class-activation method.

    Attributes:
        name: what users type.
        title: the method's name in its paper.
        paper: author and year, or "" where there is none.
        needs: what the formula reads of its `Evidence`.
        formula: ``formula(evidence, **options) -> (N, *spatial)``, before any normalization.
        class_blind: the map does not depend on the class.
        early: applied, with the namespace, to the maps of all but the deepest layer before layers
            are fused; None leaves them as they are.
        declared_options: the formula's keyword arguments, and what they may be.
        default_score: what is explained where the user names no score.
        contrast: ``contrast(score, **options)``: the score to explain in place of `score`; None
            takes it as it is.
        across: ``across(xp, maps, activations)``: one map of the formula's maps (N, *spatial) at
            several layers, and of their activations (N, C, *spatial), the deepest first; None where
            the method explains each layer by itself.
        no_derivative: why the map cannot stand in a training loss; "" where it can.
        cut: the fraction of the map's maximum at which its boxes are cut where nobody names one.
        deviations: by library, the formula as that library has it, where it is another.
    """

    name: str
    title: str
    paper: str
    needs: frozenset[str]
    formula: Formula
    class_blind: bool = False
    early: Formula | None = None
    declared_options: tuple[Option, ...] = ()
    default_score: str = "logit"
    contrast: Callable[..., Score] | None = None
    across: Formula | None = None
    no_derivative: str = ""
    cut: float = DEFAULT_CUT
    deviations: dict[str, Formula] = field(default_factory=dict)

    def __repr__(self) -> str:
        paper = f" ({self.paper})" if self.paper else ""
        return f"<Method {self.name}: {self.title}{paper}, {self.cost}>"

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """The formula's keyword arguments with their defaults."""
        return {option.name: option.default for option in self.declared_options}

    @property
    def cost(self) -> str:
        """The cost class: a forward pass, that and the way back to the layer, or many of them."""
        if "rescoring" in self.needs:
            return "many passes"
        if self.needs & {"again", *OF_GRAPH}:
            return "several passes"
        gradients = {"gradients", "attention_gradients", "block_gradients"}
        return "forward + tail" if self.needs & gradients else "forward"

    @property
    def of_attention(self) -> bool:
        """Whether the map is made of the attention of all blocks, and not of a layer's output."""
        return bool(self.needs & OF_ATTENTION)

    @property
    def of_gradients(self) -> bool:
        """Whether it is made of activations and gradients, and of nothing else."""
        return "gradients" in self.needs <= {"activations", "gradients"}

    @property
    def differentiates(self) -> bool:
        """Whether gradients at the layer are wanted of a run."""
        return bool(self.needs & {"gradients", "again"})

    @property
    def differentiable(self) -> bool:
        """Whether the map can stand in a training loss, on PyTorch."""
        return not self.no_derivative

    @property
    def sums_channels(self) -> bool:
        """Whether the map is a sum over channels, which `eigen_smooth` puts a component in for."""
        names = self.formula.__code__.co_names
        return "sum_channels" in names or "weighted_sum" in names

    @property
    def runs_once(self) -> bool:
        """Whether it takes one pass of a model of either framework, and one layer."""
        once = self.cost in ("forward", "forward + tail")
        return once and self.across is None and "keras" in self.frameworks

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The frameworks on which the method runs."""
        return ("torch",) if self.needs & _TORCH_ONLY else ("torch", "keras")

    @property
    def rescores(self) -> bool:
        """Whether the formula takes all K classes at once, and returns (N, K, *spatial)."""
        return "rescoring" in self.needs

    def explained(
        self, kind: str | None, negative: bool, activation: str, options: Mapping[str, Any]
    ) -> Score:
        """The score that the method explains where the user asked for `kind`, or for none."""
        score = Score(kind or self.default_score, negative, activation)
        if self.contrast is None:
            return score
        return self.contrast(score, **{**self.options, **options})

    @property
    def description(self) -> str:
        """The formula's docstring."""
        return inspect.getdoc(self.formula) or ""

    def as_in(self, library: str | None) -> Method:
        """This method by the formula of another library; None: by its own.

        Raises:
            MethodError: no library of that name is known.
        """
        if library is None:
            return self
        if library not in LIBRARIES:
            raise MethodError(
                f"compat={library!r} is no library whose formulas are known; choose "
                + " or ".join(map(repr, LIBRARIES))
                + did_you_mean(library, LIBRARIES)
            )
        return replace(self, formula=self.deviations.get(library, self.formula))

    def __call__(self, evidence: Evidence, **options: Any) -> Any:
        """The map (N, *spatial) of `evidence`; (N, K, *spatial) of a method that rescores.

        Raises:
            MethodError: an option that this method does not have, or cannot be so.
        """
        self.check_options(options)
        return self.formula(evidence, **options)

    def of_classes(self, evidence: Evidence, **options: Any) -> Any:
        """The maps (N, K, *spatial) of a method `of_gradients`, for the gradients of K classes.

        Raises:
            MethodError: an option that this method does not have, or cannot be so.
        """
        self.check_options(options)
        gradients = evidence.gradients
        count = gradients.shape[1]
        each = [gradients] if count == 1 else [gradients[:, k : k + 1] for k in range(count)]
        settings = {"formula": self.formula, "eigen_smooth": evidence.eigen_smooth, **options}
        maps = [in_one(_of_class, evidence.activations, one, **settings) for one in each]
        return maps[0] if count == 1 else evidence.xp.concat(maps, axis=1)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise `MethodError` for an option that this method does not have, or cannot be so."""
        declared = {option.name: option for option in self.declared_options}
        for option, value in options.items():
            if option not in declared:
                known = ", ".join(self.options) or "none"
                raise MethodError(
                    f"{self.name} has no option {option!r} (its options: {known})"
                    + did_you_mean(option, self.options)
                )
            declared[option].check(self.name, value)


def method(
    name: str,
    *,
    title: str,
    paper: str = "",
    needs: set[str],
    class_blind: bool = False,
    early: Formula | None = None,
    default_score: str = "logit",
    contrast: Callable[..., Score] | None = None,
    across: Formula | None = None,
    no_derivative: str = "",
    cut: float = DEFAULT_CUT,
) -> Callable[[Formula], Formula]:
    """Declare the decorated formula as a method; its keyword arguments become options.

    `no_derivative`: what is in the formula's own way into a training loss; what its needs are in
    the way is known by itself.
    """
    unknown = needs - NEEDS
    if unknown:
        raise MethodError(f"{name} declares the unknown needs {', '.join(sorted(unknown))}")

    def declare(formula: Formula) -> Formula:
        if name in _registry:
            raise MethodError(f"two methods are called {name!r}")
        _registry[name] = Method(
            name,
            title,
            paper,
            frozenset(needs),
            formula,
            class_blind,
            early,
            options_of(formula),
            default_score,
            contrast,
            across,
            no_derivative or next((_NO_DERIVATIVE[n] for n in _NO_DERIVATIVE if n in needs), ""),
            cut,
        )
        return formula

    return declare


def _of_class(
    activations: Any, gradients: Any, *, formula: Formula, eigen_smooth: bool, **options: Any
) -> Any:
    """The maps (N, 1, *spatial) of activations (N, C, *spatial), gradients (N, 1, C, *spatial)."""
    xp = namespace(activations)
    evidence = Evidence(xp, activations, xp.squeeze(gradients, axis=1), eigen_smooth=eigen_smooth)
    return xp.expand_dims(formula(evidence, **options), axis=1)


def deviation(name: str, library: str) -> Callable[[Formula], Formula]:
    """Declare the decorated formula as what `library` computes as the method `name`."""

    def declare(formula: Formula) -> Formula:
        _registry[name].deviations[library] = formula
        return formula

    return declare
