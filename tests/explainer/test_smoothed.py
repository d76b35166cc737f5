"""Maps averaged over variants of the inputs, against one run for each variant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import limelight
from limelight.smoothing import Smooth
from oracles import networks
from oracles.subjects import Subject

KINDS = [Smooth("noise", 3, 0.2, 7), "flips", "flips+scales"]
METHODS = ["gradcam", "eigencam", "smoothgradcam++"]


@pytest.mark.compiles
@pytest.mark.parametrize("smooth", KINDS, ids=str)
def test_is_the_mean_of_the_maps_of_each_variant(small: Subject, smooth: Any) -> None:
    images = networks.images(2)
    last = small.framework == "keras"

    def given(batch: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if last else batch

    classes = [[1, 3], [0, 2]]
    options: Any = {"layer": ["pool", networks.LAST], "target": classes}
    found = limelight.explain(small.model, given(images), METHODS, smooth=smooth, **options)
    runs = [
        (limelight.explain(small.model, given(np.asarray(each)), METHODS, **options), back)
        for each, back in Smooth.of(smooth).variants(np, images)
    ]
    for name in METHODS:
        for layer, maps in found[name].items():
            expected = np.mean([back(run[name][layer].numpy()) for run, back in runs], axis=0)
            size = np.abs(expected).max()
            assert size > 0
            np.testing.assert_allclose(maps.numpy(), expected, atol=2e-5 * size)


def test_the_classes_are_those_of_the_image_as_it_is(small: Subject) -> None:
    images = small.images(3)
    plain = limelight.explain(small.model, images)
    found = limelight.explain(small.model, images, smooth=Smooth("noise", 2, 5.0))
    np.testing.assert_array_equal(np.asarray(found.target), np.asarray(plain.target))
    np.testing.assert_allclose(np.asarray(found.scores), np.asarray(plain.scores), rtol=1e-5)
    chosen = limelight.explain(
        small.model, images, smooth=Smooth("noise", 2, 5.0), target=np.asarray(plain.target)
    )
    np.testing.assert_allclose(found.numpy(), chosen.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("batch_size", "cores", "runs"), [(32, 8, 2), (4, 8, 3), (1, 8, 10), (32, 2, 3), (32, 1, 5)]
)
def test_variants_are_stacked_into_batches(
    batch_size: int, cores: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two images and four variants each: the plain run, and as few others as the batch and the
    cores allow."""
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    pytest.importorskip("torch")
    model, sizes = networks.torch_model(), []
    model.register_forward_hook(lambda module, args, output: sizes.append(len(output)))
    limelight.explain(
        model, networks.images(2), layer="relu3", smooth="noise", batch_size=batch_size
    )
    assert len(sizes) == runs
    assert sum(sizes) == 2 + 8 and max(sizes) <= max(batch_size, 1)


def test_a_callable_target_sees_batches_of_its_own_images() -> None:
    pytest.importorskip("torch")
    sizes: list[int] = []

    def target(output: Any) -> Any:
        sizes.append(len(output))
        return output[:, 0]

    found = limelight.explain(
        networks.torch_model(), networks.images(3), smooth="flips", target=target
    )
    by_index = limelight.explain(
        networks.torch_model(), networks.images(3), smooth="flips", target=0
    )
    assert set(sizes) == {3}
    np.testing.assert_allclose(found.numpy(), by_index.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("batch_size", [32, 4])
def test_what_a_method_tells_is_the_most_of_the_variants(batch_size: int) -> None:
    """Of a budget of channels, how far the scores of those that were held out are off."""
    pytest.importorskip("torch")
    model, images = networks.torch_model(), networks.images(2)
    smooth = Smooth("noise", 3, 0.5)
    options: Any = {"target": [[1, 3], [0, 2]], "layer": "relu2", "options": {"channels": 2}}
    found = limelight.explain(
        model, images, "scorecam", smooth=smooth, batch_size=batch_size, **options
    )
    each = [
        limelight.explain(model, np.asarray(variant), "scorecam", **options).facts["deviation"]
        for variant, _ in smooth.variants(np, images)
    ]
    expected = np.max([np.asarray(deviation) for deviation in each], axis=0)
    assert expected.shape == (2, 2) and (expected > 0).all()
    np.testing.assert_allclose(np.asarray(found.facts["deviation"]), expected, rtol=1e-4)
    assert "held out" in str(found.diagnosis)
