"""The front door: what targets, lists and options mean for the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight import Explainer, Maps, explain
from limelight.arrays import to_numpy
from limelight.errors import LimelightError, MethodError, TargetError
from oracles import networks
from oracles.any_model import methods_of_layers
from oracles.subjects import Subject

NAMES = [method.name for method in methods_of_layers()]


def logits(count: int) -> np.ndarray:
    return networks.plain_evidence(networks.images(count), "relu3", np.zeros(count, int))[2]


def softmax(values: np.ndarray) -> np.ndarray:
    e = np.exp(values - values.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def hirescam(count: int, layer: str, classes: Any) -> np.ndarray:
    a, g, _ = networks.plain_evidence(networks.images(count), layer, np.asarray(classes))
    return (a * g).sum(1)


def check(maps: Maps, classes: np.ndarray, layer: str = "relu2") -> None:
    """`maps` are hirescam of `classes` (N,) or (N, K): values, target and probability."""
    n = len(classes)
    assert tuple(maps.target.shape) == tuple(maps.probability.shape) == classes.shape
    assert tuple(maps.values.shape[:-2]) == classes.shape
    np.testing.assert_array_equal(to_numpy(maps.target), classes)
    soft = softmax(logits(n))
    expected = np.take_along_axis(soft, classes.reshape(n, -1), 1).reshape(classes.shape)
    np.testing.assert_allclose(to_numpy(maps.probability), expected, atol=1e-5)
    columns = classes.reshape(n, -1).T
    values = np.stack([hirescam(n, layer, column) for column in columns], 1)
    found = maps.numpy().reshape(values.shape)
    np.testing.assert_allclose(found, values, atol=1e-5)
    np.testing.assert_allclose(to_numpy(maps.scores), logits(n), atol=1e-5)
    assert len(maps) == n and maps.layer == layer and maps.method == "hirescam"


# -- targets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [32, 2])
@pytest.mark.parametrize(
    ("target", "classes"),
    [
        (2, [2, 2, 2]),
        (np.int64(3), [3, 3, 3]),
        ([3, 0, 2], [3, 0, 2]),
        (np.array([3, 0, 2], np.uint8), [3, 0, 2]),
        ([[3, 0], [1, 1], [2, 3]], [[3, 0], [1, 1], [2, 3]]),
        ([[1, 2, 0]], [[1, 2, 0]] * 3),
        ([[1], [2], [0]], [[1], [2], [0]]),
    ],
    ids=lambda value: str(value).replace("\n", ""),
)
def test_classes_as_users_give_them(
    small: Subject, target: Any, classes: Any, batch_size: int
) -> None:
    found = explain(
        small.model, small.images(3), "hirescam",
        target=target, layer="relu2", batch_size=batch_size,
    )  # fmt: skip
    check(found, np.array(classes))


@pytest.mark.parametrize("batch_size", [32, 2])
def test_the_top_classes(small: Subject, batch_size: int) -> None:
    order = np.argsort(-logits(3), 1)
    options: dict[str, Any] = {"layer": "relu2", "batch_size": batch_size}
    found = explain(small.model, small.images(3), "hirescam", **options)
    check(found, order[:, 0])
    for count in (1, 3, 4):
        found = explain(small.model, small.images(3), "hirescam", target=f"top{count}", **options)
        check(found, order[:, :count])


@pytest.mark.compiles
def test_several_classes_equal_single_calls(small: Subject) -> None:
    images = small.images(2)
    together = explain(small.model, images, NAMES, layer="relu3", target=[[0, 1, 2]])
    for k in range(3):
        alone = explain(small.model, images, NAMES, layer="relu3", target=k)
        for name in NAMES:
            expected = alone[name].numpy()
            near = 1e-5 * max(float(np.abs(expected).max()), 1e-6)
            found = together[name].numpy()[:, k]
            np.testing.assert_allclose(found, expected, atol=near, err_msg=name)
            np.testing.assert_allclose(
                to_numpy(together[name].probability)[:, k],
                to_numpy(alone[name].probability),
                rtol=1e-5,
            )


def test_a_callable(small: Subject) -> None:
    """`target` and `probability` are None; the map is that of the score that it returns."""
    found = explain(
        small.model, small.images(3), "hirescam", layer="relu2",
        target=lambda output: output[:, 1] - 2 * output[:, 3],
    )  # fmt: skip
    expected = hirescam(3, "relu2", [1, 1, 1]) - 2 * hirescam(3, "relu2", [3, 3, 3])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    assert found.target is None and found.probability is None
    assert found.names() == ["the given score"] * 3
    against = explain(
        small.model, small.images(3), "hirescam", layer="relu2", negative=True,
        target=lambda output: output[:, 1] - 2 * output[:, 3],
    )  # fmt: skip
    np.testing.assert_allclose(against.numpy(), -expected, atol=1e-5)


def test_what_speaks_against_a_class(small: Subject) -> None:
    options: dict[str, Any] = {"layer": "relu2", "target": 2}
    both = [
        explain(small.model, small.images(3), "hirescam", negative=sign, **options)
        for sign in (False, True)
    ]
    np.testing.assert_allclose(both[1].numpy(), -both[0].numpy(), atol=1e-6)
    np.testing.assert_array_equal(to_numpy(both[0].probability), to_numpy(both[1].probability))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (4, r"class 4 .* 4 classes, 0 to 3"),
        (-1, r"class -1 .* 4 classes"),
        ([0, 1, 9], r"class 9 "),
        ("top5", r"top 5 .* 4"),
        ([0, 1], r"2 targets were given for 3 images.*target=\[\[0, 1\]\]"),
        (True, "not a class"),
        ("cat", r"'cat' .* by name.*limelight\.load"),
        (["cat", "dog", "cat"], r"'cat' .* by name"),
    ],
)
def test_targets_that_do_not_fit(small: Subject, target: Any, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        explain(small.model, small.images(3), target=target, layer="relu3")


def test_cam_needs_a_class(small: Subject) -> None:
    with pytest.raises(TargetError, match=r"cam.*callable"):
        explain(small.model, small.images(1), "cam", target=lambda output: output[:, 0])


# -- scores -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["logit", "probability", "rest"])
def test_scores(small: Subject, kind: str) -> None:
    """hirescam is linear in the gradient: of p_t it is p_t (CAM_t - Σ p CAM), …"""
    target = np.array([2, 0])
    found = explain(
        small.model, small.images(2), "hirescam", target=target, score=kind, layer="relu2"
    )
    each = np.stack([hirescam(2, "relu2", [c, c]) for c in range(4)], 1)
    p = softmax(logits(2))
    own, rest = each[[0, 1], target], np.einsum("nc,nchw->nhw", p, each)
    expected = {
        "logit": own,
        "probability": p[[0, 1], target][:, None, None] * (own - rest),
        "rest": 2 * own - rest,
    }[kind]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    assert found.score == kind


def test_an_unknown_score(small: Subject) -> None:
    with pytest.raises(LimelightError, match="'logits' is not a score"):
        explain(small.model, small.images(1), score="logits")


# -- lists ------------------------------------------------------------------------------------


def test_lists_of_methods_and_layers(small: Subject) -> None:
    images = small.images(2)

    def run(method: Any, layer: Any) -> Any:
        return explain(small.model, images, method, layer=layer, target=1)

    expected = {
        (method, layer): run(method, layer).numpy()
        for method in ("hirescam", "layercam")
        for layer in ("relu2", "relu3")
    }

    def same(maps: Maps, method: str, layer: str) -> None:
        assert (maps.method, maps.layer) == (method, layer)
        np.testing.assert_allclose(maps.numpy(), expected[method, layer], atol=1e-6)

    both = run(["layercam", "hirescam"], ["relu3", "relu2"])
    assert list(both) == ["layercam", "hirescam"]
    for method, by_layer in both.items():
        assert list(by_layer) == ["relu3", "relu2"]
        for layer, maps in by_layer.items():
            same(maps, method, layer)
    methods = run(("hirescam", "layercam"), "relu2")
    assert list(methods) == ["hirescam", "layercam"]
    same(methods["layercam"], "layercam", "relu2")
    layers = run("hirescam", ("relu2", "relu3"))
    assert list(layers) == ["relu2", "relu3"]
    same(layers["relu3"], "hirescam", "relu3")
    one = run(["hirescam"], ["relu2"])
    assert list(one) == ["hirescam"] and list(one["hirescam"]) == ["relu2"]
    same(one["hirescam"]["relu2"], "hirescam", "relu2")
    same(run(["hirescam"], "relu2")["hirescam"], "hirescam", "relu2")
    same(run("hirescam", ["relu2"])["relu2"], "hirescam", "relu2")
    chosen = run("hirescam", [None, "relu2"])
    assert list(chosen) == ["relu3", "relu2"], "a layer that was chosen is named"


def test_no_method_or_layer_at_all(small: Subject) -> None:
    for method, layer in (([], None), ("gradcam", [])):
        with pytest.raises(MethodError, match="empty list"):
            explain(small.model, small.images(1), method, layer=layer)


def test_unknown_methods_are_refused_before_the_model_is_run(small: Subject) -> None:
    with pytest.raises(MethodError, match="no method 'gradcan'; did you mean 'gradcam'"):
        Explainer(small.model, "gradcan")
    with pytest.raises(MethodError, match="no method 'gradcan'"):
        Explainer(small.model, ["cam", "gradcan"])


def test_cam_without_a_linear_head_is_said_so(small: Subject) -> None:
    with pytest.raises(MethodError, match=r"cam needs global average pooling.*'conv2'.*'gradcam'"):
        explain(small.model, small.images(2), "cam", layer="conv2")


def test_options_reach_the_methods_that_have_them(small: Subject) -> None:
    images = small.images(2)
    plain = explain(small.model, images, ["random", "gradcam"], layer="relu3")
    seeded = explain(small.model, images, ["random", "gradcam"], layer="relu3", options={"seed": 5})
    assert (plain["random"].numpy() != seeded["random"].numpy()).all()
    np.testing.assert_array_equal(plain["gradcam"].numpy(), seeded["gradcam"].numpy())
    with pytest.raises(MethodError, match=r"no option 'sed'.*did you mean 'seed'"):
        explain(small.model, images, "random", layer="relu3", options={"sed": 5})


def test_options_under_a_method_s_name_are_its_own(small: Subject) -> None:
    images = small.images(2)
    methods = ["finercam", "refinecam"]  # both have a base
    asked: dict[str, Any] = {"layer": ["relu2", "relu3"], "target": 1}
    own = {"finercam": {"base": "layercam", "gamma": 0.0}}
    found = explain(small.model, images, methods, **asked, options={"base": "gradcam", **own})
    layercam = explain(small.model, images, "layercam", **asked)
    refined = explain(small.model, images, "refinecam", **asked, options={"base": "gradcam"})
    for layer in ("relu2", "relu3"):
        np.testing.assert_allclose(
            found["finercam"][layer].numpy(), layercam[layer].numpy(), rtol=1e-5, atol=1e-7
        )
    np.testing.assert_allclose(found["refinecam"].numpy(), refined.numpy(), rtol=1e-5, atol=1e-7)
    for options, words in (
        ({"finercm": {"gamma": 0.1}}, "options for 'finercm'.*did you mean 'finercam'"),
        ({"random": {"seed": 1}}, "options for 'random', which is not among the methods"),
        ({"refinecam": {"gamma": 0.1}}, "refinecam has no option 'gamma'"),
        ({"finercam": {"similar": 0}}, "finercam takes a whole number of 1 or more as similar"),
        ({"gamma": "x"}, "finercam takes a number as gamma, but 'x' was given"),
    ):
        with pytest.raises(MethodError, match=words):
            explain(small.model, images, methods, **asked, options=options)


def test_batches_must_have_a_size(small: Subject) -> None:
    with pytest.raises(LimelightError, match="batch_size=0"):
        explain(small.model, small.images(2), batch_size=0)


def test_an_explainer_is_the_function_again(small: Subject) -> None:
    explainer = Explainer(small.model, "hirescam", "relu2")
    for target in (1, [0, 3], "top2"):
        found = explainer(small.images(2), target=target, score="probability", negative=True)
        expected = explain(
            small.model, small.images(2), "hirescam",
            layer="relu2", target=target, score="probability", negative=True,
        )  # fmt: skip
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert limelight.Explainer is Explainer and limelight.explain is explain


def test_what_speaks_against_a_class_in_cam(small: Subject) -> None:
    options: dict[str, Any] = {"layer": "relu3", "target": [[1, 2]]}
    found = explain(small.model, small.images(2), "cam", **options)
    against = explain(small.model, small.images(2), "cam", negative=True, **options)
    assert np.abs(found.numpy()).max() > 0.1
    np.testing.assert_allclose(against.numpy(), -found.numpy(), atol=1e-6)


def test_a_model_of_one_output(framework: str) -> None:
    """Its probability is a sigmoid; class 1 is the output, class 0 its negation."""
    images, shift = networks.images(3), 0.18  # of the bias, so that both classes win somewhere
    if framework == "torch":
        import torch

        layers = networks.torch_layers()
        head = torch.nn.Linear(7, 1)
        head.weight.data = networks.torch_head().weight.data[1:2]
        head.bias.data = networks.torch_head().bias.data[1:2] - shift
        tail = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head]
        model: Any = torch.nn.Sequential(*layers.values(), *tail).eval()
    else:
        import keras

        given = networks.keras_input()
        layers_ = [networks.keras_layer(name) for name in networks.LAYERS]
        pooled = keras.layers.GlobalAveragePooling2D()(networks.chain(layers_, given))
        dense = keras.layers.Dense(1, activation="sigmoid", name="one")
        model = networks.fill(keras.Model(given, dense(pooled)))
        kernel, bias = (array[..., 1:2] for array in networks.weights()["head"])
        dense.set_weights([kernel, bias - shift])
        images = networks.keras_images(3)
    z, positive = logits(3)[:, 1] - shift, hirescam(3, "relu3", [1, 1, 1])
    signs = np.where(z > 0, 1, -1)
    assert set(signs) == {-1, 1}
    found = explain(model, images, "hirescam")
    np.testing.assert_array_equal(to_numpy(found.target), z > 0)
    np.testing.assert_allclose(found.numpy(), positive * signs[:, None, None], atol=1e-5)
    np.testing.assert_allclose(to_numpy(found.probability), 1 / (1 + np.exp(-abs(z))), atol=1e-5)
    np.testing.assert_allclose(to_numpy(found.scores), np.stack([-z, z], 1), atol=1e-4)
    both = explain(model, images, ["hirescam", "cam"], target=[[1, 0]])
    expected = np.stack([positive, -positive], 1)
    np.testing.assert_allclose(both["hirescam"].numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(both["cam"].numpy(), 12 * expected, atol=1e-4)  # 4 × 3 cells
    against = explain(model, images, "hirescam", target=1, negative=True)
    np.testing.assert_allclose(both["hirescam"].numpy()[:, 1], against.numpy(), atol=1e-6)
    slope = np.exp(z) / (1 + np.exp(z)) ** 2
    found = explain(model, images, "hirescam", target="top2", score="probability")
    winning = (positive * (signs * slope)[:, None, None])[:, None]
    np.testing.assert_allclose(found.numpy(), np.concatenate([winning, -winning], 1), atol=1e-5)
    with pytest.raises(TargetError, match=r"class 2 .* 2 classes"):
        explain(model, images, target=2)
