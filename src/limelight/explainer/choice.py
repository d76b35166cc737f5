"""Which methods a call runs: those that are named, or all that the model allows."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from limelight.errors import LimelightWarning, MethodError, TargetError, did_you_mean
from limelight.methods import Method, find_method, list_methods
from limelight.probes import Probe

#: What "all-gradient" may ask for: all of it comes from one forward pass and one tail.
_ONE_PASS = frozenset({"activations", "gradients", "head", "head?", "inputs", "images", "scores"})


class Choice:
    """The methods of a call.

    A method that was named must run, or its error is raised; one that only belongs to "all" or
    "all-gradient" is left out, and `say_what_is_left_out` says so once.

    Attributes:
        methods: those that run; shrinks where the model turns out not to allow one.
        many: whether several were asked for, so that the result is a dict.
    """

    def __init__(self, asked: str | Sequence[str], probe: Probe, compat: str | None) -> None:
        names = [asked] if isinstance(asked, str) else list(asked)
        self.many = not isinstance(asked, str) or asked in GROUPS
        self.methods: list[Method] = []
        self._named: set[str] = {name for name in names if name not in GROUPS}
        self._reasons: dict[str, str] = {}
        for name in names:
            group = GROUPS[name]() if name in GROUPS else [find_method(name)]
            self.methods += [each.as_in(compat) for each in group if not self.has(each.name)]
        for method in list(self.methods):
            if probe.framework not in method.frameworks:
                self.leave_out(
                    method,
                    f"{method.name} runs on {' and '.join(method.frameworks)} models only, and "
                    f"this is a {probe.framework} model; gradcam runs on both",
                )

    def of_a_call(self) -> Choice:
        """A copy, for what one call finds out concerns that call only."""
        made = copy.copy(self)
        made.methods, made._reasons = list(self.methods), dict(self._reasons)
        return made

    def has(self, name: str) -> bool:
        """Whether the method `name` still runs."""
        return any(method.name == name for method in self.methods)

    def named(self, method: Method) -> bool:
        """Whether `method` was asked for by name."""
        return method.name in self._named

    def leave_out(self, method: Method, reason: str) -> None:
        """Go on without `method`.

        Raises:
            MethodError: it was asked for by name.
        """
        if method.name in self._named:
            raise MethodError(reason)
        self._reasons[method.name] = reason
        self.methods.remove(method)

    def leave_out_several(self) -> None:
        """Go on without the methods that make one map of several layers."""
        for method in list(self.methods):
            if method.across is not None:
                self.leave_out(
                    method,
                    f"{method.name} makes one map of several layers, and one was given; give "
                    "layer=[…] with two or more, or none to have them chosen",
                )

    def leave_out_without_derivative(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on without the methods whose maps cannot stand in a training loss.

        `options`: those given, by method; a method that is made of another has that one's limits.
        """
        for method in list(self.methods):
            base = {**method.options, **options[method.name]}.get("base")
            made_of = [method] if base is None else [method, find_method(base)]
            for each in made_of:
                if each.no_derivative:
                    self.leave_out(
                        method,
                        f"differentiable=True: {each.name} {each.no_derivative}; gradcam can stand "
                        "in a training loss",
                    )
                    break

    def leave_out_without_sum(self) -> None:
        """Go on without the methods for which `eigen_smooth` has no meaning."""
        for method in list(self.methods):
            if not method.sums_channels:
                self.leave_out(
                    method,
                    f"{method.name} is no sum over channels, so that eigen_smooth has no meaning "
                    "for it; gradcam is one",
                )

    def leave_out_of_copies(self) -> None:
        """Go on without the methods that run the model on changed copies of the images.

        What the model is given beside them belongs to the images as they are.
        """
        for method in list(self.methods):
            if method.cost.endswith("passes"):
                self.leave_out(
                    method,
                    f"{method.name} runs the model on changed copies of the images, and inputs= "
                    "belong to the images as they are; gradcam takes one pass",
                )

    def leave_out_of_classes(self) -> None:
        """Go on without the methods that speak of classes, where a callable is explained."""
        for method in list(self.methods):
            if "head" in method.needs:
                what = "is made of a class's weights"
            elif method.contrast is not None:
                what = "compares a class with others"
            else:
                continue
            reason = f"{method.name} {what}; it cannot explain a callable target"
            if method.name in self._named:
                raise TargetError(reason)
            self.leave_out(method, reason)

    def say_what_is_left_out(self) -> None:
        """Warn, once, of the methods of a group that did not run."""
        if self._reasons:
            reasons = "; ".join(dict.fromkeys(self._reasons.values()))
            warnings.warn(
                f"left out: {', '.join(self._reasons)} ({reasons})", LimelightWarning, stacklevel=3
            )


def share_options(
    methods: Sequence[Method], options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """By method, the options that it knows, and those that `options` has under its name.

    Raises:
        MethodError: one that none knows, or that cannot be so; or a method that is not asked for.
    """
    own = {name: each for name, each in options.items() if isinstance(each, Mapping)}
    names = [method.name for method in methods]
    for name in own:
        if name not in names:
            raise MethodError(
                f"there are options for {name!r}, which is not among the methods that were asked "
                f"for: {', '.join(names)}" + did_you_mean(name, names)
            )
    shared = {option: value for option, value in options.items() if option not in own}
    for option, value in shared.items():
        if not any(option in method.options for method in methods):
            methods[0].check_options({option: value})
    found = {
        method.name: {o: value for o, value in shared.items() if o in method.options}
        | dict(own.get(method.name, {}))
        for method in methods
    }
    for method in methods:
        method.check_options(found[method.name])
    return found


def _all_gradient() -> list[Method]:
    return [method for method in list_methods() if method.needs <= _ONE_PASS]


#: Groups of methods, by what users type.
GROUPS = {"all": list_methods, "all-gradient": _all_gradient}
