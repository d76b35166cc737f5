"""The batch size that is chosen, and what happens where memory is too small for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from limelight.explainer import Explainer
from limelight.models import Classifier
from limelight.runs import batch_size, evaluate_methods, memory
from limelight.runs.batch_size import choose_batch_size
from limelight.runs.explaining import Explaining
from limelight.runs.labels import Labels
from runs import examples


def explaining(classifier: Classifier) -> Explaining:
    return Explaining(Explainer(classifier, ["gradcam"]), Labels(None, ""), "predicted")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({4: 1.0, 16: 1.0, 64: 1.0, 256: 1.0}, 256),  # a batch costs as much as an image
        ({4: 1.0, 16: 4.0, 64: 16.0, 256: 64.0}, 4),  # nothing is gained
        ({4: 1.0, 16: 2.0, 64: 7.9, 256: 20.0}, 16),  # gained once
        ({4: 1.0, 16: None}, 4),  # memory is too small for 16
        ({4: None}, 1),
        ({4: 9.0}, 4),  # slow enough: more would gain nothing
    ],
)
def test_the_smallest_size_that_is_about_as_fast_as_any(
    classifier: Classifier,
    monkeypatch: pytest.MonkeyPatch,
    seconds: dict[int, float | None],
    expected: int,
) -> None:
    monkeypatch.setattr(batch_size, "_seconds", lambda _, images, size: seconds[size])
    assert choose_batch_size(explaining(classifier), examples.dataset(300)) == expected


def test_a_size_is_not_tried_that_would_take_half_of_what_is_left(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = iter(range(0, 10**9, 4 * 10**6))  # 4 MB more after each batch, of 4 images at first
    monkeypatch.setattr(memory, "peak", lambda: next(held))
    monkeypatch.setattr(memory, "available", lambda: 40 * 10**6)
    monkeypatch.setattr(batch_size, "_seconds", lambda _, images, size: 1.0)
    assert choose_batch_size(explaining(classifier), examples.dataset(300)) == 16


def test_few_images_are_not_measured(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_size, "_seconds", None)
    assert choose_batch_size(explaining(classifier), examples.dataset(12)) == 12
    assert choose_batch_size(explaining(classifier), examples.dataset(60)) == 16


def test_measuring_itself(classifier: Classifier) -> None:
    assert choose_batch_size(explaining(classifier), examples.dataset(80)) in (4, 16, 64)


@pytest.fixture
def narrow(classifier: Classifier) -> Iterator[tuple[Classifier, list[int]]]:
    """The classifier on a machine whose memory is large enough for three images."""
    torch = pytest.importorskip("torch")
    tried: list[int] = []

    def check(module: Any, inputs: Any) -> None:
        tried.append(len(inputs[0]))
        if len(inputs[0]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    handle = classifier.model.register_forward_pre_hook(check)
    yield classifier, tried
    handle.remove()


def test_batches_are_halved_until_they_fit(narrow: tuple[Classifier, list[int]]) -> None:
    classifier, tried = narrow
    dataset = examples.dataset(24)
    found = evaluate_methods(classifier, dataset, ["cam"], batch_size=10, max_box_acc=False)
    assert [row.index for row in found.errors] == [examples.BROKEN]
    # Twice, and never again: nine of the first ten, since one is no image, then half of them.
    assert [size for size in tried if size > 3] == [9, 4]
    whole = evaluate_methods(
        replace(classifier, model=examples.classifier().model),
        dataset, ["cam"], batch_size=2, max_box_acc=False,
    )  # fmt: skip
    for row, expected in zip(found.rows, whole.rows, strict=True):
        assert row.error == expected.error
        if row.error is None:
            np.testing.assert_allclose(row.top_scores, expected.top_scores, rtol=1e-5)


def test_memory_too_small_for_one_image_is_a_row(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Explainer, "__call__", full)
    found = evaluate_methods(classifier, examples.dataset(12), ["cam"], max_box_acc=False)
    assert len(found.errors) == 12
    assert "memory is too small for 1 image" in str(found.errors[0].error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("out of memory"), False),
        (type("ResourceExhaustedError", (Exception,), {})("OOM"), True),
    ],
)
def test_what_says_that_memory_was_too_small(error: Exception, expected: bool) -> None:
    assert memory.out_of_memory(error) is expected
    wrapped = ValueError("the model failed")
    wrapped.__cause__ = error
    assert memory.out_of_memory(wrapped) is expected


def test_memory_that_is_there() -> None:
    before, free = memory.peak(), memory.available()
    assert before > 10**6
    assert free is None or free > 10**6
    held = np.ones(25_000_000)
    assert memory.peak() >= before and held.sum() == 25_000_000
