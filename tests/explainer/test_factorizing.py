"""Concepts of several images, against plain runs, scikit-learn and pytorch-grad-cam."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import limelight
from limelight.errors import MethodError, TargetError
from oracles import networks
from oracles.subjects import Subject

LAYERS = ("conv1", networks.LAST)


def activations(count: int, layer: str) -> np.ndarray:
    """A ≥ 0 of the plain float64 network, a row for each position of each image."""
    a = networks.plain_evidence(networks.images(count), layer, np.zeros(count, int))[0]
    return np.maximum(a, 0).transpose(0, 2, 3, 1).reshape(-1, a.shape[1])


def as_rows(found: limelight.Concepts) -> np.ndarray:
    """The maps as (N · positions, K)."""
    values = found.maps.numpy().astype(np.float64)
    return values.transpose(0, 2, 3, 1).reshape(-1, values.shape[1])


def grad_cam() -> Any:
    """The function of pytorch-grad-cam that its DeepFeatureFactorization is."""
    pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.feature_factorization.deep_feature_factorization import dff

    return dff


@pytest.mark.parametrize("layer", LAYERS)
def test_fits_the_activations_as_well_as_scikit_learn(small: Subject, layer: str) -> None:
    from sklearn.decomposition import NMF

    x = activations(6, layer)
    found = limelight.concepts(small.model, small.images(6), 3, layer=layer, batch_size=4)
    maps, vectors = as_rows(found), found.vectors.astype(np.float64)
    assert (maps >= 0).all() and (vectors >= 0).all()
    np.testing.assert_allclose(maps.max(axis=0), 1, rtol=1e-5)
    left = ((x - maps @ vectors) ** 2).sum()
    assert found.explained == pytest.approx(1 - left / (x**2).sum(), abs=1e-4)
    best = np.inf
    for init in ("nndsvd", "random"):
        model = NMF(3, init=init, random_state=0, max_iter=60, tol=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged
            best = min(best, ((x - model.fit_transform(x) @ model.components_) ** 2).sum())
    assert np.sqrt(left) <= 1.02 * np.sqrt(best)
    shares = (maps**2).sum(axis=0) * (vectors**2).sum(axis=1)
    assert (np.diff(shares) <= 0).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_scores_are_the_models_where_the_layer_is_the_concept_everywhere(
    small: Subject, layer: str
) -> None:
    """By the closed form behind the last layer, and by replay behind the first."""
    import torch

    found = limelight.concepts(small.model, small.images(3), 3, layer=layer)
    grid = found.maps.values.shape[-2:]
    everywhere = np.broadcast_to(
        found.vectors[:, :, None, None], (3, found.vectors.shape[1], *grid)
    )
    values = torch.as_tensor(everywhere.astype(np.float64))
    expected = networks.plain_run(values, after=layer).numpy()
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-4)
    soft = np.exp(expected - expected.max(1, keepdims=True))
    soft /= soft.sum(1, keepdims=True)
    np.testing.assert_allclose(found.probability, soft, atol=1e-4)
    for label, row in zip(found.labels(2), soft, strict=True):
        best = np.argsort(-row)[:2]
        assert [name for name, _ in label] == [str(c) for c in best]
        np.testing.assert_allclose([share for _, share in label], row[best], atol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_one_concept_of_one_image_is_its_first_component(small: Subject, count: int) -> None:
    """Of activations ≥ 0 the best single concept is their first singular vector (Perron)."""
    images = small.images(count)
    found = limelight.concepts(small.model, images, 1, layer=networks.LAST)
    x = activations(count, networks.LAST)
    left, _, right = np.linalg.svd(x, full_matrices=False)
    expected = np.abs(left[:, 0]) / np.abs(left[:, 0]).max()
    np.testing.assert_allclose(as_rows(found)[:, 0], expected, atol=1e-4)
    vector = found.vectors[0] / np.linalg.norm(found.vectors[0])
    np.testing.assert_allclose(vector, np.abs(right[0]), atol=1e-4)


def test_batches_and_the_order_of_images_do_not_matter(small: Subject) -> None:
    images = small.images(5)
    found = limelight.concepts(small.model, images, 2, layer=networks.LAST)
    shards = limelight.concepts(small.model, images, 2, layer=networks.LAST, batch_size=2)
    order = [3, 0, 4, 1, 2]
    turned = limelight.concepts(small.model, images[order], 2, layer=networks.LAST)
    np.testing.assert_allclose(shards.maps.numpy(), found.maps.numpy(), atol=1e-4)
    np.testing.assert_allclose(turned.maps.numpy(), found.maps.numpy()[order], atol=1e-3)
    np.testing.assert_allclose(turned.vectors, found.vectors, atol=1e-3 * found.vectors.max())


@pytest.mark.torch
def test_parts_of_exact_rank_are_those_of_grad_cam() -> None:
    """Parts with channels and places of their own have one factorization, whoever finds it."""
    dff = grad_cam()

    from limelight.explainer.factorizing import factorized

    random = np.random.default_rng(0)
    a = np.zeros((2, 9, 5, 4), np.float32)
    for part in range(3):  # each in channels and, partly, places of its own
        places = random.gamma(2, 1, (2, 5, 4)) * (random.random((2, 5, 4)) < 0.6)
        a[:, 3 * part : 3 * part + 3] = random.uniform(0.5, 1, 3)[:, None, None] * places[:, None]
    maps, vectors, explained = factorized(a, 3)
    assert explained > 1 - 1e-6
    theirs, their_maps = dff(a.copy(), 3)
    for k in range(3):
        same = [np.corrcoef(vectors[k], column)[0, 1] for column in theirs.T]
        match = int(np.argmax(same))
        assert same[match] > 0.999
        correlation = np.corrcoef(maps[:, k].ravel(), their_maps[:, match].ravel())
        assert correlation[0, 1] > 0.999


@pytest.mark.torch
def test_grad_cam_takes_each_channels_minimum_off_and_starts_at_random() -> None:
    """What deviates: its error is that of another matrix, and its concepts may be negative."""
    dff = grad_cam()

    from limelight.explainer.factorizing import factorized

    a = np.random.default_rng(1).normal(0, 1, (2, 6, 4, 3)).astype(np.float32)
    theirs, _ = dff(a.copy(), 2)
    _, vectors, _ = factorized(a, 2)
    assert theirs.min() < 0 <= vectors.min()
    positive = np.abs(a)
    rows = positive.transpose(0, 2, 3, 1).reshape(-1, 6)
    theirs, their_maps = dff(positive.copy(), 2)
    flat = their_maps.transpose(0, 2, 3, 1).reshape(-1, 2)
    offset = rows.min(axis=0)
    their_error = np.linalg.norm(rows - (flat @ (theirs - offset[:, None]).T + offset))
    rows_of_ours = factorized((positive - offset[:, None, None]).astype(np.float32), 2)
    flat = rows_of_ours[0].transpose(0, 2, 3, 1).reshape(-1, 2)
    our_error = np.linalg.norm(rows - offset - flat @ rows_of_ours[1])
    assert our_error <= 1.02 * their_error


def test_pictures_have_the_colour_of_the_strongest_concept(small: Subject) -> None:
    from limelight.draw.parts import concept_colors

    images = small.images(2)
    found = limelight.concepts(small.model, images, 3, layer=networks.LAST)
    pictures = np.full((2, *networks.SIZE, 3), 200, np.uint8)
    drawn = found.overlay(pictures, alpha=1)
    resized = found.maps.resized()
    for picture, maps in zip(drawn, resized, strict=True):
        for place in np.ndindex(*networks.SIZE):
            values = [float(map_[place]) for map_ in maps]
            k = int(np.argmax(values))
            color = concept_colors(3)[k].astype(float)
            expected = (1 - values[k]) * 200 + values[k] * color
            assert np.abs(picture[place] - expected).max() <= 0.51
    assert (found.overlay(pictures, alpha=0) == pictures).all()
    figure = found.show(pictures)
    assert {axes.get_label() for axes in figure.axes} == {
        f"{name}/{i}" for name in ("image", "concepts") for i in range(2)
    }
    (legend,) = figure.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert said == [", ".join(f"{n} {p:.2f}" for n, p in label) for label in found.labels(2)]
    assert found.maps.boxes().shape == (2, 3, 4)


def test_what_cannot_be_is_said(small: Subject) -> None:
    images = small.images(1)
    with pytest.raises(MethodError, match="n_concepts=0: at least one concept"):
        limelight.concepts(small.model, images, 0)
    with pytest.raises(MethodError, match="one layer, and several were given"):
        limelight.concepts(small.model, images, layer=["conv1", "conv2"])
    found = limelight.concepts(small.model, images, 2)
    with pytest.raises(TargetError, match=r"labels\(9\): the model has 4 classes"):
        found.labels(9)


def test_names_are_those_of_the_classifier() -> None:
    pytest.importorskip("torch")
    names: Any = ("one", "two", "three", "four")
    classifier = limelight.Classifier(networks.torch_model(), None, names)
    found = limelight.concepts(classifier, networks.images(2), 2)
    assert {name for label in found.labels(4) for name, _ in label} == set(names)
