"""Images and labels for training: what is read, what is held out, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limelight.data import from_arrays
from limelight.errors import DatasetError, ImageError
from limelight.models import Preprocess
from limelight.training.samples import Samples, labelled, split

PREPROCESS = Preprocess((8, 8), (0.5,), (0.5,))


def test_pixels_are_those_that_the_classifier_will_see(tmp_path: Path) -> None:
    arrays = np.random.default_rng(0).integers(0, 256, (4, 20, 12, 3), np.uint8)
    Image.fromarray(arrays[3]).save(tmp_path / "d.png")
    images = [arrays[0], Image.fromarray(arrays[1]), arrays[2], tmp_path / "d.png"]
    expected = np.stack([PREPROCESS(array)[0] for array in arrays])
    for keep_bytes in (0, 1 << 20):  # decoded anew each time, and kept
        samples = Samples(images, np.arange(4), PREPROCESS, keep_bytes=keep_bytes)
        for chosen in ([3, 1], [0, 1, 2, 3], [2]):
            pixels = samples.pixels(chosen)
            np.testing.assert_allclose(PREPROCESS.normalize(pixels), expected[chosen], atol=1e-6)
            pixels[:] = 0  # a copy
        np.testing.assert_array_equal(samples.part(np.array([2, 0])).labels, [2, 0])
        again = samples.part(np.array([2, 0])).pixels([0])
        np.testing.assert_allclose(PREPROCESS.normalize(again)[0], expected[2], atol=1e-6)


def test_what_is_kept_is_decoded_once(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8), "red").save(path)
    kept, not_kept = (Samples([path], np.zeros(1), PREPROCESS, keep_bytes=b) for b in (999, 0))
    assert kept.pixels([0]).max() == not_kept.pixels([0]).max() == 255
    path.unlink()
    assert kept.pixels([0]).max() == 255
    with pytest.raises(ImageError, match="there is no file"):
        not_kept.pixels([0])


def test_data_sets_and_arrays() -> None:
    images = np.zeros((3, 4, 4), np.uint8)
    dataset = from_arrays(images, np.array([2, 0, 1]), class_names=["a", "b", "c"])
    examples, labels, names = labelled(dataset)
    assert labels.tolist() == [2, 0, 1] and names == ("a", "b", "c") and len(examples) == 3
    given, labels, names = labelled((images, [0, 1, 1]))
    assert given is images and labels.dtype == np.int64 and names is None


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ((np.zeros((2, 4, 4)), [0.5, 1.5]), r"class indices; got float64 of shape \(2,\)"),
        ((np.zeros((2, 4, 4)), [[0, 1]]), r"class indices; got int64 of shape \(1, 2\)"),
        ((np.zeros((2, 4, 4)), [0, 1, 2]), "3 labels were given for 2 images"),
        (([], np.zeros(0, int)), "the data set is empty"),
        ((np.zeros((2, 4, 4)), [0, -1]), "from 0 on; got -1"),
        (from_arrays(np.zeros((2, 4, 4), np.uint8)), "'0+' has no class"),
    ],
)
def test_data_that_cannot_be_trained_on(dataset: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        labelled(dataset)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 4), min_size=8, max_size=80), st.floats(0.2, 0.8), st.integers(0, 9))
def test_a_split_holds_out_the_same_share_of_each_class(
    labels: list[int], share: float, seed: int
) -> None:
    numbers = np.array(labels)
    counts = {c: round(share * labels.count(c)) for c in set(labels)}
    if not sum(counts.values()) or sum(counts.values()) == len(labels):
        with pytest.raises(DatasetError, match="leaves"):
            split(numbers, share, seed)
        return
    training, validation = split(numbers, share, seed)
    assert sorted([*training, *validation]) == list(range(len(labels)))
    assert {c: int((numbers[validation] == c).sum()) for c in counts} == counts
    np.testing.assert_array_equal(split(numbers, share, seed)[1], validation)
