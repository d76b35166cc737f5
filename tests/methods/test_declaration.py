"""Declarations: complete, found by themselves, and the only list of names there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import limelight
from limelight.errors import MethodError
from limelight.evidence import Evidence
from limelight.methods import OF_GRAPH, find_method, list_methods
from limelight.methods.declaration import NEEDS, Method, method

METHODS = list_methods()


def test_the_methods_of_the_first_step_are_there_in_order() -> None:
    names = [each.name for each in METHODS]
    assert names == sorted(names) and len(set(names)) == len(names)
    promised = "cam gradcam gradcam++ xgradcam hirescam gradcam-elementwise layercam random"
    assert set(promised.split()) <= set(names)
    assert limelight.list_methods() == METHODS


@pytest.mark.parametrize("each", METHODS, ids=lambda each: each.name)
def test_a_declaration_says_what_its_formula_does(each: Method) -> None:
    assert find_method(each.name) is each
    assert each.title
    assert each.needs <= NEEDS
    assert re.search(r"\bM(_ij)?\b.*(=|uniform)", each.description), "the docstring has the formula"
    year = re.search(r"\d{4}", each.paper)
    if each.paper:
        assert year is not None
        assert "Source:" in each.description
    source = inspect.getsource(each.formula)
    for need, attribute in {
        "gradients": "e.gradients",
        "head": "e.class_weights",
        "inputs": "e.inputs",
        "attention": "e.attention)",
        "attention_gradients": "e.attention_gradients",
        "block_gradients": "e.block_gradients",
    }.items():
        if "base" not in each.options and "guided" not in each.needs:  # made of another method
            assert (need in each.needs) == (attribute in source), need
    assert each.cost in ("forward", "forward + tail", "several passes", "many passes")
    gradients = any("gradients" in need for need in each.needs)
    assert (each.cost == "forward + tail") == (
        gradients and not each.rescores and not each.needs & OF_GRAPH
    )
    assert (each.cost == "many passes") == each.rescores
    torch_only = each.of_attention or each.needs & (OF_GRAPH - {"input_gradients"})
    assert each.frameworks == (("torch",) if torch_only else ("torch", "keras"))


@pytest.mark.parametrize("each", METHODS, ids=lambda each: each.name)
def test_a_methods_module_has_its_test(each: Method) -> None:
    module = each.formula.__module__.rpartition(".")[2]
    assert (Path(__file__).parent / f"test_{module}.py").is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("grad-cam", "did you mean 'gradcam'"),
        ("GradCAM", "did you mean 'gradcam'"),
        ("layer_cam", "did you mean 'layercam'"),
        ("zzz", "there are " + ", ".join(re.escape(each.name) for each in METHODS)),
    ],
)
def test_an_unknown_method_names_the_closest(name: str, said: str) -> None:
    with pytest.raises(MethodError, match=f"no method '{name}'.*{said}"):
        find_method(name)


def test_options_are_the_formulas_keywords() -> None:
    assert find_method("random").options == {"seed": 0}
    assert find_method("gradcam").options == {}
    with pytest.raises(
        MethodError, match=r"random has no option 'sede'.*seed.*did you mean 'seed'"
    ):
        find_method("random").check_options({"sede": 1})
    with pytest.raises(MethodError, match=r"gradcam has no option 'seed' \(its options: none\)"):
        find_method("gradcam")(Evidence(None, None), seed=1)


def test_a_name_is_declared_once_and_needs_are_known() -> None:
    before = list_methods()
    with pytest.raises(MethodError, match="two methods are called 'cam'"):
        method("cam", title="Another", needs=set())(lambda e: e.activations)
    with pytest.raises(MethodError, match="unknown needs weights"):
        method("another", title="Another", needs={"weights"})
    assert list_methods() == before
