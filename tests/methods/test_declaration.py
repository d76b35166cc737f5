"""Declarations: complete, found by themselves, and the only list of names there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import limelight
from limelight.arrays import namespace, to_numpy
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
    said = "<Method gradcam: Grad-CAM (Selvaraju et al. 2017), forward + tail>"
    assert repr(find_method("gradcam")) == said


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


@pytest.mark.keras
@pytest.mark.parametrize("each", [m for m in METHODS if m.of_gradients], ids=lambda each: each.name)
@pytest.mark.parametrize("eigen_smooth", [False, True])
def test_the_maps_of_classes_are_those_of_each(each: Method, eigen_smooth: bool) -> None:
    """Of the backend in use: what is compiled there is what the formula does in steps."""
    keras = pytest.importorskip("keras")
    random = np.random.default_rng(3)
    a = np.maximum(random.normal(0, 1, (2, 3, 5, 4)), 0).astype(np.float32)
    for count in (1, 2):
        g = random.normal(0, 1, (2, count, 3, 5, 4)).astype(np.float32)
        arrays = [keras.ops.convert_to_tensor(array) for array in (a, g)]
        xp = namespace(arrays[0])
        found = each.of_classes(Evidence(xp, *arrays, eigen_smooth=eigen_smooth))
        steps = [each(Evidence(np, a, g[:, k], eigen_smooth=eigen_smooth)) for k in range(count)]
        assert type(found) is type(arrays[0])
        expected = np.stack(steps, axis=1)
        np.testing.assert_allclose(
            to_numpy(found), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
        )


@pytest.mark.keras
def test_options_of_what_is_compiled_are_checked_and_heeded() -> None:
    keras = pytest.importorskip("keras")
    random = np.random.default_rng(4)
    a, g = np.abs(random.normal(0, 1, (2, 2, 3, 5, 5))).astype(np.float32)
    arrays = [keras.ops.convert_to_tensor(each) for each in (a, g[:, None])]
    evidence = Evidence(namespace(arrays[0]), *arrays)
    refined = find_method("affinitycam")
    for base in ("gradcam", "layercam"):
        np.testing.assert_allclose(
            to_numpy(refined.of_classes(evidence, base=base))[:, 0],
            refined(Evidence(np, a, g), base=base),
            rtol=1e-3, atol=1e-4,
        )  # fmt: skip
    with pytest.raises(MethodError, match="gradcam has no option 'base'"):
        find_method("gradcam").of_classes(evidence, base="layercam")
