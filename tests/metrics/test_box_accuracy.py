"""MaxBoxAcc, GT-known and top-k localization against the plain protocol, and golden numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.errors import MetricError
from limelight.metrics import (
    GTKnownLocalization,
    MaxBoxAcc,
    TopKLocalization,
    gt_known_localization,
    max_box_acc,
    top_k_localization,
)
from limelight.metrics.diagnosis import KINDS, diagnose
from oracles import wsol
from oracles.annotations import centred, read_wsol
from oracles.score_maps import score_maps

SIZE = (30, 46)  # not square


def made(count: int = 40) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    pairs = list(score_maps(count, SIZE, seed=5))
    labels = np.random.default_rng(0).integers(0, 3, count)
    return [m for m, _ in pairs], [b for _, b in pairs], labels


@pytest.mark.parametrize("version", [1, 2])
def test_against_the_plain_evaluator(version: int) -> None:
    maps, boxes, labels = made()
    step, deltas = {1: (0.01, [0.5]), 2: (0.001, [0.3, 0.5, 0.7])}[version]
    curves = np.array(
        [wsol.best_ious(m, b, version, step) for m, b in zip(maps, boxes, strict=True)]
    )
    hits = curves[:, None, :] >= np.array(deltas)[None, :, None]
    accuracy = hits.mean(0)  # (deltas, thresholds)
    result = max_box_acc(maps, boxes, labels, version=version)
    assert result.value == pytest.approx(accuracy.max(1).mean(), abs=1e-12)
    best = accuracy.argmax(1)
    for delta, share, at in zip(deltas, accuracy, best, strict=True):
        assert result.details[f"accuracy@{delta}"] == pytest.approx(share[at], abs=1e-12)
        assert result.details[f"threshold@{delta}"] == pytest.approx(at * step)
    for label in range(3):
        one_class = hits[labels == label].mean(0)
        expected = one_class[np.arange(len(deltas)), best].mean()
        assert result.per_class[label] == pytest.approx(expected, abs=1e-12)
    assert result.settings == {"version": version, "convention": "wsol2020"}


def test_half_open_boxes_are_whole_rectangles() -> None:
    """One rectangle: its IoU with the truth is the same at every threshold."""
    values = np.zeros(SIZE, np.float32)
    values[5:12, 20:46] = 1  # 26 × 7, up to the right edge
    truth = [np.array([[20.0, 5.0, 33.0, 12.0]])]  # its left half
    for version in (1, 2):
        half_open = max_box_acc([values], truth, version=version, convention="half_open")
        assert half_open.details["accuracy@0.5"] == 1
        shifted = max_box_acc([values], [truth[0] - [0.01, 0, 0.01, 0]], None, version, "half_open")
        assert shifted.details["accuracy@0.5"] == 0
        published = max_box_acc([values], truth, version=version)
        assert published.details["accuracy@0.5"] == 1  # 14 · 8 / (26 · 8)
        less = max_box_acc([values], [truth[0] - [0, 0, 1.5, 0]], version=version)
        assert less.details["accuracy@0.5"] == 0


def test_fixed_threshold_is_one_point_of_the_curve() -> None:
    maps, boxes, labels = made()
    curves = np.array([wsol.best_ious(m, b, 1, 0.01) for m, b in zip(maps, boxes, strict=True)])
    share = (curves >= 0.5).mean(0)
    best = gt_known_localization(maps, boxes)
    assert best.value == max_box_acc(maps, boxes, version=1).value == share.max()
    assert best.settings["threshold"] == "best"
    for at in (0, 20, 63):
        fixed = gt_known_localization(maps, boxes, labels, threshold=at * 0.01)
        assert fixed.value == pytest.approx(share[at], abs=1e-12)
        assert fixed.per_class[2] == pytest.approx((curves[labels == 2, at] >= 0.5).mean())
        assert fixed.details["threshold@0.5"] == at * 0.01


def plain_kind(box: Any, truth: np.ndarray, right: bool, one: int, strict: bool) -> str:
    if not right:
        return "wrong class"

    def area(b: Any) -> float:
        return max(b[2] - b[0] + one, 0) * max(b[3] - b[1] + one, 0)

    def shared(b: Any) -> float:
        return (
            area([max(box[0], b[0]), max(box[1], b[1]), min(box[2], b[2]), min(box[3], b[3])])
            if min(box[2], b[2]) + one > max(box[0], b[0])
            and min(box[3], b[3]) + one > max(box[1], b[1])
            else 0.0
        )

    overlaps = [shared(b) / (area(box) + area(b) - shared(b)) for b in truth]
    best = int(np.argmax(overlaps))
    if overlaps[best] > 0.5 or (overlaps[best] == 0.5 and not strict):
        return "right"
    if sum(shared(b) / area(b) > 0.3 for b in truth) > 1:
        return "multi-instance"
    if shared(truth[best]) / area(box) > 0.5:
        return "part"
    if shared(truth[best]) / area(truth[best]) >= 0.7:
        return "more"
    return "wrong"


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("convention", "one"), [("wsol2020", 1), ("half_open", 0)])
def test_diagnosis_against_plain_rules(convention: str, one: int, strict: bool) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        corner = rng.integers(0, 12, (6, 2))
        boxes = np.concatenate([corner, corner + rng.integers(1, 14, (6, 2))], axis=1)
        truth, right = boxes[: rng.integers(1, 4)], bool(rng.random() < 0.9)
        boxes = boxes[3:]
        expected = [plain_kind(box, truth, right, one, strict) for box in boxes]
        got = [KINDS[k] for k in diagnose(boxes, truth, right, convention, strict)]
        assert got == expected
        seen |= set(got)
    assert seen == set(KINDS)


@pytest.mark.parametrize("k", [1, 3])
def test_top_k_variant_a_against_plain_loops(k: int) -> None:
    maps, boxes, labels = made()
    rng = np.random.default_rng(1)
    predictions = np.array([rng.permutation(5) for _ in maps])
    curves = np.array([wsol.best_ious(m, b, 1, 0.01) for m, b in zip(maps, boxes, strict=True)])
    known = np.array([label in top[:k] for label, top in zip(labels, predictions, strict=True)])
    share = ((curves >= 0.5) & known[:, None]).mean(0)
    result = top_k_localization(maps, boxes, labels, predictions, variant="A", k=k)
    assert result.value == result.details["right"] == pytest.approx(share.max(), abs=1e-12)
    assert result.details["wrong class"] == pytest.approx(1 - known.mean(), abs=1e-12)
    assert result.details["threshold"] == pytest.approx(share.argmax() * 0.01)
    assert sum(result.details[kind] for kind in KINDS) == pytest.approx(1)
    at = share.argmax()
    kinds = []
    for values, truth, right in zip(maps, boxes, known, strict=True):
        box = plain_box(values, np.arange(0, 1, 0.01)[at])[0]
        kinds.append(plain_kind(box, truth, bool(right), 1, strict=False))
    for kind in KINDS:
        assert result.details[kind] == pytest.approx(kinds.count(kind) / len(kinds))


def plain_box(values: np.ndarray, threshold: float) -> np.ndarray:
    u8 = (values * 255).astype(np.uint8)
    return np.array(wsol.contour_boxes(u8, int(threshold * u8.max()), True))


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("threshold", [None, 0.45])
def test_top_k_variant_b_against_plain_loops(k: int, threshold: float | None) -> None:
    """Each predicted class has its own map; only that of the right class can hit."""
    at = 0.2 if threshold is None else threshold
    maps, _, labels = made()
    rng = np.random.default_rng(2)
    predictions = np.array([rng.permutation(5)[:3] for _ in maps])
    own = [np.stack([maps[(i + 7 * j) % len(maps)] for j in range(3)]) for i in range(len(maps))]
    boxes, hits = [], []
    for three, label, top in zip(own, labels, predictions, strict=True):
        near = plain_box(three[rng.integers(0, 3)], at)
        truth = near + np.array([0, 0, *rng.integers(0, 9, 2)])
        hit = False
        for values, guess in list(zip(three, top, strict=True))[:k]:
            hit |= bool(guess == label and wsol.iou(plain_box(values, at), truth).max() > 0.5)
        boxes.append(truth)
        hits.append(hit)
    result = top_k_localization(own, boxes, labels, predictions, "B", k, threshold)
    assert 0 < result.value == pytest.approx(np.mean(hits), abs=1e-12)
    assert result.settings["threshold"] == at


def test_variants_differ_where_the_iou_is_exactly_a_half() -> None:
    values = np.zeros(SIZE, np.float32)
    values[5:12, 10:24] = 1
    truth = [np.array([[10.0, 5.0, 17.0, 12.0]])]
    options: dict[str, Any] = {"threshold": 0.2, "convention": "half_open"}
    a = top_k_localization([values], truth, [3], [[3]], "A", **options)
    b = top_k_localization([values[None]], truth, [3], [[3]], "B", **options)
    assert (a.value, b.value) == (1, 0)
    assert b.details["more"] == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MaxBoxAcc(3), "the versions 1 and 2, not 3"),
        (lambda: MaxBoxAcc(1, "closed"), "expected 'half_open' or 'wsol2020'"),
        (lambda: GTKnownLocalization(1.0), "threshold 1.0, expected 0 to 1"),
        (lambda: TopKLocalization("C"), "no variant 'C'; 'A': the true class's map"),
        (lambda: TopKLocalization(k=0), "k=0, expected at least 1"),
        (
            lambda: top_k_localization([np.ones(SIZE)], [[[0, 0, 1, 1]]], [1], [[1]], k=2),
            "k=2 was given 1 predictions",
        ),
        (
            lambda: top_k_localization([np.ones(SIZE)], [[[0, 0, 1, 1]]], [1], [[1]], "B"),
            "expected (1, H, W), one for each predicted class",
        ),
        (lambda: max_box_acc([np.ones(SIZE)] * 2, [[[0, 0, 1, 1]]]), "2 maps and 1 boxes"),
        (lambda: max_box_acc([np.ones((2, *SIZE))], [[[0, 0, 1, 1]]]), "expected (H, W)"),
    ],
)
def test_bad_input_gets_one_sentence(call: Any, words: str) -> None:
    with pytest.raises(MetricError) as error:
        call()
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("version", "centre", "golden"), [(1, 112, 59.72), (1, None, 59.60), (2, None, 56.83)]
)
def test_golden_numbers_of_the_centre_on_cub(
    data: Path, version: int, centre: float | None, golden: float
) -> None:
    """The published table's row for CUB is 59.7; annotations only, no images."""
    boxes = read_wsol(data / "annotations" / "wsol" / "CUB" / "test")
    assert len(boxes) == 5794
    maps = np.broadcast_to(centred(centre), (len(boxes), 224, 224))
    assert round(100 * max_box_acc(maps, boxes, version=version).value, 2) == golden
