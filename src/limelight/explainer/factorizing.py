"""The concepts of a batch of images: deep feature factorization, and what each speaks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from limelight.arrays import like, namespace, to_numpy
from limelight.errors import MethodError
from limelight.explainer.explainer import Explainer
from limelight.explainer.inputs import Images, open_images
from limelight.explainer.rescoring import Rescorer
from limelight.explainer.results import check_capture
from limelight.frames import Frame
from limelight.maps import Maps
from limelight.maps.concepts import Concepts
from limelight.methods.factorization import factorize
from limelight.probes import Capture, Probe, Request
from limelight.scores import probabilities
from limelight.targets.parsing import parse_target


def concepts(
    model: Any,
    images: Any,
    n_concepts: int = 5,
    *,
    layer: Any = None,
    batch_size: int = 32,
    reshape_transform: Callable[[Any], Any] | None = None,
) -> Concepts:
    """What `images` are made of in the eyes of `model`: concepts that they share, and where.

    The activations A (N · positions, C) of one layer, of all images together, are factorized into
    `n_concepts` maps and vectors of 0 and more, so that a concept means the same in each image.
    Negative activations count as 0. What the concept speaks for is what the model says where the
    layer's output is the concept at every position; what else the model reads of an image beside
    that layer, by skip connections or class tokens, is that of the first image.

    Args:
        model, images, layer, batch_size, reshape_transform: as for `limelight.explain`; one layer.
        n_concepts: into how many concepts; of fewer positions or channels, as many as these.

    Returns:
        `Concepts`: maps, vectors, and the classes that each concept speaks for.

    Raises:
        LimelightError: what does not fit, in one sentence.

    Source: Collins et al., "Deep Feature Factorization for Concept Discovery", ECCV 2018; concepts
    through the head as in pytorch-grad-cam's DeepFeatureFactorization.
    """
    if n_concepts < 1:
        raise MethodError(f"n_concepts={n_concepts}: at least one concept is found")
    if isinstance(layer, list | tuple):
        raise MethodError("concepts are those of one layer, and several were given")
    explainer = Explainer(model, "dff", layer, reshape_transform=reshape_transform)
    probe, classifier = explainer.probe, explainer.classifier
    given = open_images(images, classifier, probe)
    runs = list(_runs(explainer, given, batch_size))
    activations = np.concatenate([to_numpy(run.activations) for run in runs])
    values, vectors, explained = factorized(activations, n_concepts)
    scores, probability = _spoken_for(probe, runs[0], vectors)
    maps = Maps(
        values,
        None,
        None,
        None,
        method="dff",
        layer=runs[0].layer,
        frames=tuple(frame for run in runs for frame in run.frames),
        class_names=explainer.class_names,
        channels_last=probe.channels_last,
        display=None if classifier is None else classifier.display,
    )
    return Concepts(maps, vectors, explained, scores, probability)


@dataclass(frozen=True)
class _Run:
    """One run of the model on a batch; after the first, the activations (n, C, h, w) alone."""

    frames: tuple[Frame, ...]
    layer: str
    activations: Any
    batch: Any = None
    request: Request | None = None
    capture: Capture | None = None


def _runs(explainer: Explainer, given: Images, batch_size: int) -> Iterator[_Run]:
    probe, wanted = explainer.probe, parse_target(None, len(given), lambda name: -1)
    for start, stop in given.batches(batch_size):
        batch, frames = given.part(start, stop)
        request = explainer.plain_request(batch)
        (layer,) = request.layers
        capture = probe.capture(batch, request, None)
        check_capture(capture, wanted, request, start, stop)
        found = _Run(frames, layer, capture.activations[layer])
        yield found if start else replace(found, batch=batch, request=request, capture=capture)


def factorized(activations: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Maps (N, K, h, w) of maximum 1, vectors (K, C), and the share of energy that they hold.

    In the order of their share; a concept that is nowhere has a map of 0.
    """
    n, channels, *grid = activations.shape
    rows = np.moveaxis(activations, 1, -1).reshape(1, -1, channels).astype(np.float64)
    rows = np.maximum(rows, 0)
    (maps,), (vectors,) = factorize(namespace(rows), rows, count)
    energy = (rows**2).sum()
    lost = ((rows[0] - maps @ vectors) ** 2).sum()
    order = np.argsort(-(maps**2).sum(axis=0), kind="stable")  # the vectors' lengths are 1
    maps, vectors = maps[:, order], vectors[order]
    strongest = maps.max(axis=0)
    maps = maps / np.where(strongest > 0, strongest, 1)
    by_image = np.moveaxis(maps.reshape(n, *grid, -1), -1, 1)
    return (
        np.ascontiguousarray(by_image, np.float32),
        (vectors * strongest[:, None]).astype(np.float32),
        float(1 - lost / energy) if energy > 0 else 1.0,
    )


def _spoken_for(probe: Probe, run: _Run, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and probabilities (K, classes) where the layer is each vector (K, C) everywhere."""
    assert run.request is not None and run.capture is not None  # of the first run
    (score,) = run.request.scores
    classes = max(2, int(run.capture.scores.shape[-1]))  # one output has two classes
    index = np.tile(np.arange(classes), (len(run.frames), 1))
    rescorer = Rescorer(
        probe, run.batch, run.request, replace(run.capture, index=index), run.layer, score
    )
    grid = tuple(int(side) for side in run.activations.shape[2:])

    def edit(start: int, stop: int) -> Any:
        part = vectors[start:stop, :, None, None]
        return like(np.broadcast_to(part, (*part.shape[:2], *grid)).copy(), run.activations)

    def pooled(start: int, stop: int) -> Any:
        return like(vectors[start:stop], run.activations)

    scores = rescorer.activations(edit, np.zeros(len(vectors), np.int64), pooled)
    found = np.asarray(scores, np.float64)
    probability = probabilities(namespace(found), found, score.activation)
    return found.astype(np.float32), probability.astype(np.float32)
