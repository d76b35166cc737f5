"""Every form of target of the table explains what the table says, in every framework."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import limelight
from oracles import networks
from targets import networks_of_kinds, table
from targets.table import FORMS, Form

LAYER = "relu2"


def by_hand(form: Form) -> tuple[np.ndarray, np.ndarray]:
    """HiResCAM at the layer and the score of three images, (N, …, h, w) and (N, …), float64."""
    inputs = torch.as_tensor(networks.images(3), dtype=torch.float64)
    activations = networks.plain_run(inputs, until=LAYER).requires_grad_()
    values = activations
    for name in networks.LAYERS[networks.LAYERS.index(LAYER) + 1 :]:
        assert name in ("conv3", "relu3")
        if name == "conv3":
            kernel, bias = (torch.as_tensor(a).double() for a in networks.weights()[name])
            values = torch.nn.functional.conv2d(values, kernel.permute(3, 2, 0, 1), bias)
        else:
            values = values.clamp(min=0)
    score = form.by_hand(networks_of_kinds.plain(values, form.kind))
    columns = score[:, None] if score.ndim == 1 else score
    maps = []
    for k in range(columns.shape[1]):
        (g,) = torch.autograd.grad(columns[:, k].sum(), activations, retain_graph=True)
        maps.append((activations * g).sum(1))
    found = torch.stack(maps, 1).detach().numpy()
    return (found[:, 0] if score.ndim == 1 else found), score.detach().numpy()


@cache
def model_of(framework: str, kind: str) -> Any:
    return getattr(networks_of_kinds, f"{framework}_network")(kind)


@pytest.mark.parametrize("framework", ["torch", pytest.param("keras", marks=pytest.mark.keras)])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.kind} {form.written}")
def test_the_map_is_that_of_the_score_by_hand(form: Form, framework: str) -> None:
    pytest.importorskip(framework)
    model = model_of(framework, form.kind)
    images = networks.images(3) if framework == "torch" else networks.keras_images(3)
    if '"cat"' in form.written:
        names = ["ant", "bee", "cat", "dog"]
        model = limelight.load(model, preprocess="0-1", size=networks.SIZE, classes=names)
    written = (framework == "keras" and form.keras) or form.written
    known = {"limelight": limelight, "embedding": table.EMBEDDING, "region": table.REGION}
    arguments = eval(f"dict({written})", known)
    found = limelight.explain(model, images, "hirescam", layer=LAYER, **arguments)
    expected, score = by_hand(form)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5 * np.abs(expected).max() + 1e-7)
    if found.target is None:
        assert found.probability is None
    else:
        index = np.asarray(found.target)
        scores = np.asarray(found.scores)[np.arange(3).reshape(3, *[1] * (index.ndim - 1)), index]
        sign = -1 if "negative" in written else 1
        np.testing.assert_allclose(sign * scores, score, atol=1e-4)


def test_every_score_of_the_package_has_a_row() -> None:
    written = " ".join(form.written for form in FORMS)
    for name in limelight.targets.__all__:
        assert f"limelight.targets.{name}(" in written
