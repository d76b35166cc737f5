"""Sanity metrics: their stages, orders and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import LabelRandomization, ModelRandomization, rank_correlation, ssim
from oracles import edited

STAGES = ("head", "middle", "all")


@pytest.mark.parametrize(("similarity", "compare"), [("rank", rank_correlation), ("ssim", ssim)])
@pytest.mark.parametrize("order", ["top-down", "independent", "bottom-up"])
def test_the_value_is_that_of_the_last_stage(similarity: str, compare, order: str) -> None:
    maps = edited.maps()
    others = np.stack([edited.maps(seed=s) for s in (5, 6, 7)], axis=1)
    metric = ModelRandomization(STAGES, order, similarity)
    metric.update(maps, others, labels=range(5))
    each = np.array([[compare(m, o) for o in found] for m, found in zip(maps, others, strict=True)])
    expected = each.mean(axis=1) if order == "independent" else each[:, -1]
    found = metric.compute()
    assert list(found.per_class.values()) == pytest.approx(expected.tolist())
    assert found.value == pytest.approx(expected.mean())
    assert found.details == pytest.approx(dict(zip(STAGES, each.mean(axis=0), strict=True)))


def test_a_method_that_does_not_look_at_the_model_is_found_out() -> None:
    """The same map for the model and for every random one: 1; new maps: near 0."""
    maps = edited.maps(60)
    metric = ModelRandomization(STAGES)
    metric.update(maps, np.repeat(maps[:, None], 3, axis=1))
    assert metric.compute().value == pytest.approx(1)
    metric.reset()
    metric.update(maps, np.repeat(edited.maps(60, seed=8)[:, None], 3, axis=1))
    assert abs(metric.compute().value) < 0.05


def test_labels_at_random() -> None:
    maps, others = edited.maps(), edited.maps(seed=5)
    metric = LabelRandomization()
    metric.update(maps, others[:, None])
    expected = np.mean([rank_correlation(a, b) for a, b in zip(maps, others, strict=True)])
    assert metric.compute().value == pytest.approx(expected)


def test_refusals() -> None:
    with pytest.raises(MetricError, match="did you mean 'top-down'"):
        ModelRandomization(STAGES, "topdown")
    with pytest.raises(MetricError, match="no similarity 'hog'"):
        LabelRandomization("hog")
    with pytest.raises(MetricError, match="at least one stage"):
        ModelRandomization(())
    maps = edited.maps()
    with pytest.raises(MetricError, match="2 maps for the stages head, middle, all"):
        ModelRandomization(STAGES).update(maps, np.stack([maps, maps], axis=1))
    with pytest.raises(MetricError, match="maps of one size"):
        LabelRandomization().update(maps, maps[:, None, :4])
