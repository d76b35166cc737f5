"""Each finding is provoked by a model and an image; nothing is found where all is well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import limelight
from limelight import Frame, Maps
from limelight.maps.diagnosis import FINDINGS
from oracles import networks

SIZE = 32


class Bright(torch.nn.Module):
    """Class k sees channel k: one layer, pooled, and a head that multiplies by `scale`."""

    def __init__(self, scale: float = 1, then: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.features = torch.nn.Conv2d(3, 3, 2, 2, bias=False)
        self.features.weight.data = torch.eye(3)[:, :, None, None] * torch.full((2, 2), 0.25)
        self.unused = torch.nn.Conv2d(3, 3, 2, 2)
        self.scale, self.then = scale, then

    def forward(self, images: Any) -> Any:
        self.unused(images)
        scores = self.scale * self.features(images).mean((2, 3))
        return scores if self.then is None else self.then(scores)


def photograph(seed: int = 0) -> np.ndarray:
    """A picture (32, 32, 3) with dark, bright and coloured places, uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3))
    coarse[0, 0], coarse[7, 7] = 0, 255
    return coarse.repeat(4, 0).repeat(4, 1).astype(np.uint8)


def batch(seed: int = 0) -> Any:
    return torch.as_tensor(photograph(seed) / 255).permute(2, 0, 1)[None].float()


def explained(model: Any, images: Any, *arguments: Any, **options: Any) -> Any:
    (found,) = limelight.explain(model, images, *arguments, **options).diagnosis
    return found


def classifier(preprocess: str) -> Any:
    return limelight.load(Bright(), preprocess=preprocess, size=SIZE)


def values_that_are_not_numbers() -> Any:
    values = np.ones((1, 4, 6), np.float32)
    values[0, 0, 0] = np.inf
    frames = (Frame.identity((40, 60)),)
    return Maps(values, None, None, None, "gradcam", "a", frames).diagnosis[0]


def saturated() -> Any:
    return explained(Bright(1000), batch(), layer="features", score="probability")


def cut() -> Any:
    return explained(Bright(), batch(), layer="unused")


def zero() -> Any:
    return explained(Bright(-1), batch(), layer="features")


def nowhere_positive() -> Any:
    return explained(Bright(-1), batch(), "hirescam", layer="features")


def constant() -> Any:
    return explained(Bright(), torch.ones(1, 3, 8, 8), layer="features")


def probability_output() -> Any:
    return explained(Bright(then=lambda scores: scores.softmax(1)), batch(), layer="features")


def unnormalized() -> Any:
    return explained(classifier("imagenet"), batch(), layer="features")


def exchanged() -> Any:
    right, _ = classifier("imagenet").prepare(photograph())
    return explained(classifier("imagenet"), right[:, ::-1].copy(), layer="features")


def budget() -> Any:
    torch.manual_seed(0)
    pooled = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 40, 3), torch.nn.ReLU(), torch.nn.Conv2d(40, 4, 3), *pooled
    )
    found = limelight.explain(
        model.eval(), torch.rand(2, 3, 16, 16), "scorecam", layer="1", options={"channels": 9}
    )
    two = [[0, 1], [1, 0]]
    both = limelight.explain(
        model, torch.rand(2, 3, 16, 16), "scorecam", layer="1", target=two, options={"channels": 9}
    )
    assert np.asarray(both.facts["deviation"]).shape == (2, 2)
    whole = limelight.explain(
        model, torch.rand(2, 3, 16, 16), "scorecam", layer="1", options={"channels": 40}
    )
    assert whole.diagnosis == [None, None]
    return found.diagnosis[1]


PROVOKED = {
    "values that are not numbers": values_that_are_not_numbers,
    "p = 1.000 and the score is a probability": saturated,
    "zero gradient": cut,
    "zero everywhere": zero,
    "nowhere positive": nowhere_positive,
    "constant": constant,
    "a budget of channels": budget,
    "the output already is a probability": probability_output,
    "the input looks un-normalized": unnormalized,
    "the wrong channel order": exchanged,
}


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.name)
def test_each_finding_is_provoked_and_said_with_its_remedy(finding: Any) -> None:
    said = PROVOKED[finding.name]()
    assert said is not None and said.endswith(f"; {finding.remedy}")
    others = [other for other in FINDINGS if other.about == finding.about and other is not finding]
    assert not any(other.remedy in said for other in others if other.remedy != finding.remedy), (
        "of each kind, one thing is told"
    )


def test_what_is_said() -> None:
    said = {name: provoke() for name, provoke in PROVOKED.items()}
    for name, words in {
        "p = 1.000 and the score is a probability": "p = 1.000 and the score is a probability, so "
        "the gradient vanished",
        "zero gradient": "the path to the output does not pass it",
        "zero everywhere": "nothing at this layer speaks for the class; ",
        "nowhere positive": "everything speaks against the class",
        "the output already is a probability": "its rows sum to 1",
        "the input looks un-normalized": "it runs from 0 to 1, and this model's preprocessing "
        "makes values from -2.12 to 2.64",
        "the wrong channel order": "red and blue in each other's place",
    }.items():
        assert words in said[name]


def test_the_vanished_gradient_in_all_its_forms() -> None:
    telling = "the gradient vanished"
    for model in (
        Bright(1000, lambda scores: scores.softmax(1)),
        Bright(1000, lambda scores: scores.log_softmax(1)),
    ):
        assert telling in explained(model, batch(), layer="features")
    certain = Bright(10000)
    assert explained(certain, batch(), layer="features") is None, "the logit has its gradient"
    for target in ("top3", [[0, 1, 2]]):
        found = limelight.explain(
            certain, batch(), layer="features", target=target, score="probability"
        )
        (each,) = found.diagnosis
        assert [telling in words for words in each] == [True] * 3, "p = 1 and p = 0"
    assert "p = 0.000" in explained(
        certain, batch(), layer="features", target=_last(),
        score="probability",
    )  # fmt: skip
    unsure = explained(Bright(), batch(), "hirescam", layer="features", score="probability")
    assert unsure is None
    softmax_layer = torch.nn.Sequential(Bright(1000), torch.nn.Softmax(1))
    assert explained(softmax_layer, batch(), layer="0.features") is None


def _last() -> int:
    return int(Bright()(batch()).argmin())


def test_a_cut_path_for_one_layer_and_for_fused_ones() -> None:
    both = limelight.explain(Bright(), batch(), layer=["unused", "features"])
    assert "does not pass it" in both["unused"].diagnosis[0]
    assert both["features"].diagnosis == [None]
    fused = limelight.explain(Bright(), batch(), layer=["unused", "features"], fuse="max")
    assert fused.diagnosis == [None], "the other layer has a gradient"


@pytest.mark.parametrize(
    ("preprocess", "given", "wrong"),
    [
        ("imagenet", "0-1", True),
        ("imagenet", "0-255", True),
        ("imagenet", "-1-1", False),  # as a photograph of little contrast would be
        ("-1-1", "0-1", True),
        ("-1-1", "0-255", True),
        ("0-1", "0-255", True),
        ("0-1", "-1-1", True),
        ("0-1", "imagenet", True),
        ("0-255", "0-1", True),
        ("0-255", "-1-1", True),
        ("keras:resnet50", "0-255", True),
        ("keras:resnet50", "0-1", True),
        ("imagenet", "keras:resnet50", True),
    ],
)
def test_input_prepared_for_another_model(preprocess: str, given: str, wrong: bool) -> None:
    array, _ = classifier(given).prepare(photograph())
    said = explained(classifier(preprocess), array, layer="features")
    assert ("un-normalized" in (said or "")) == wrong, said


@pytest.mark.parametrize("preprocess", ["imagenet", "keras:resnet50"])
def test_exchanged_channels_are_told_only_where_they_show(preprocess: str) -> None:
    model = classifier(preprocess)
    right, _ = model.prepare(photograph())
    assert explained(model, right, layer="features") is None
    half = torch.as_tensor(right).bfloat16().float()
    assert explained(model, half, layer="features") is None, "rounding is no exchange"
    wrong = right[:, ::-1].copy()
    assert "red and blue" in explained(model, wrong, layer="features")
    grey, _ = model.prepare((photograph() / 4 + 90).astype(np.uint8))  # nothing black or white
    assert explained(model, grey[:, ::-1].copy(), layer="features") is None


class Normalized(torch.nn.Module):
    """A convolution and a BatchNorm that has learned from normalized images."""

    def __init__(self, learned: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
        )
        self.head = torch.nn.Linear(8, 4)
        if learned:
            for seed in range(40):
                self.features(6 * batch(seed) - 3)
        self.eval()

    def forward(self, images: Any) -> Any:
        return self.head(self.features(images).mean((2, 3)))


def test_a_bare_model_whose_first_batchnorm_is_far_from_home() -> None:
    model = Normalized()
    pixels = 255 * batch(99)
    assert "first BatchNorm is given means" in explained(model, pixels)
    for images in (batch(99), 6 * batch(99) - 3):
        assert "BatchNorm" not in (explained(model, images) or "")
    assert "BatchNorm" not in (explained(Normalized(learned=False), pixels) or "")
    found = limelight.explain(model, torch.cat([pixels, 6 * batch(99) - 3]), batch_size=1)
    assert [("BatchNorm" in (words or "")) for words in found.diagnosis] == [True, False]
    hooks = [module._forward_pre_hooks for module in model.modules()]
    assert not any(hooks), "it has taken its hook away"


def test_the_first_batchnorm_of_a_real_model(data: Path) -> None:
    """ResNet-20 learned on CIFAR-10, normalized: right for photographs, far from 0 to 255."""
    from PIL import Image

    file = data / "models" / "resnet20_cifar10_legacy_pickle.th"
    kept = torch.load(file, weights_only=True, map_location="cpu")["state_dict"]
    convolution, norm = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(16)
    convolution.weight.data = kept["module.conv1.weight"].cpu()
    norm.running_mean = kept["module.bn1.running_mean"].cpu()
    norm.running_var = kept["module.bn1.running_var"].cpu()
    tail = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(16, 10)]
    model = torch.nn.Sequential(convolution, norm, torch.nn.ReLU(), *tail).eval()
    files = sorted((data / "ilsvrc_val").glob("*.JPEG"))[::5]
    pictures = [Image.open(file).convert("RGB").resize((32, 32)) for file in files]
    pixels = torch.as_tensor(np.stack([np.asarray(each) for each in pictures])).float()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for images, wrong in (((pixels / 255 - mean) / std, False), (pixels, True)):
        given = images.permute(0, 3, 1, 2)
        found = limelight.explain(model, given, "hirescam", layer="2", batch_size=64)
        told = ["first BatchNorm" in (words or "") for words in found.diagnosis]
        assert told == [wrong] * len(files)


def test_what_is_found_is_kept_and_cut_with_the_maps(tmp_path: Path) -> None:
    images = torch.cat([batch(), 255 * batch(), 3 * batch() - 1])
    found = limelight.explain(classifier("imagenet"), images, layer="unused", batch_size=2)
    said = found.diagnosis
    assert ["un-normalized" in words for words in said] == [True, True, False]
    assert all("does not pass" in words for words in said)
    assert [each.diagnosis[0] for each in found] == said
    kept = Maps.load(found.save(tmp_path / "maps"))
    assert kept.diagnosis == said
    assert set(kept.facts) == set(found.facts) >= {"gradient", "inputs", "possible"}


# -- silence --------------------------------------------------------------------------------------


def test_nothing_is_found_on_photographs_through_squeezenet(squeezenet: Any, data: Path) -> None:
    files = sorted((data / "ilsvrc_val").glob("*.JPEG"))[::34]
    settings = {"mean": [123 / 255, 117 / 255, 104 / 255], "std": [1 / 255] * 3}
    model = limelight.load(squeezenet, preprocess=settings, size=227, classes="imagenet")
    arrays, _ = model.prepare(files)
    assert len(files) == 20
    for subject, images in ((model, files), (model, arrays), (squeezenet, arrays)):
        for maps in limelight.explain(subject, images, ["gradcam", "hirescam"]).values():
            assert maps.diagnosis == [None] * 20


@pytest.mark.compiles
def test_nothing_is_found_on_photographs_through_mobilenet(mobilenet: Any, data: Path) -> None:
    files = sorted((data / "ilsvrc_val").glob("*.JPEG"))[17::34]
    model = limelight.load(mobilenet, preprocess="-1-1", size=224, classes="imagenet")
    arrays, _ = model.prepare(files)
    assert len(files) == 20
    for subject, images in ((model, files), (model, arrays), (mobilenet, arrays)):
        for maps in limelight.explain(subject, images, ["gradcam", "hirescam"]).values():
            assert maps.diagnosis == [None] * 20


def test_no_photograph_looks_unnormalized(data: Path) -> None:
    """The rule on the input alone, on every photograph, prepared in each way."""
    from PIL import Image

    from limelight.maps.diagnosis import Case

    rules = [finding.says for finding in FINDINGS if finding.about == "input"]
    ways: dict[str, tuple[Any, Any]] = {
        "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "-1-1": (0.5, 0.5),
    }
    ways |= {"0-1": (0, 1), "0-255": (0, 1 / 255), "caffe": ((0.408, 0.458, 0.485), 1 / 255)}
    ramp = np.zeros((4, 6), np.float32)
    files = [*(data / "ilsvrc_val").glob("*.JPEG"), *(data / "kangaroo" / "images").glob("*.jpg")]
    for file in files[::3]:
        if file.name == "00090.jpg":  # a broken file
            continue
        pixels = np.asarray(Image.open(file).convert("RGB").resize((224, 224), 2)) / 255
        extremes = np.stack([pixels.min((0, 1)), pixels.max((0, 1))], -1)
        for mean, std in ways.values():
            mean, std = np.broadcast_to(mean, 3)[:, None], np.broadcast_to(std, 3)[:, None]
            case = Case(
                ramp, "logit", inputs=(extremes - mean) / std,
                possible=(np.array([[0.0, 1.0]]) - mean) / std,
            )  # fmt: skip
            assert [rule(case) for rule in rules] == [None, None], file.name


@pytest.mark.keras
def test_facts_are_the_same_in_keras() -> None:
    pytest.importorskip("keras")
    model = networks.keras_model("softmax")
    images = networks.keras_images(2)
    wide = limelight.load(model, preprocess="0-1", size=networks.SIZE)
    found = limelight.explain(wide, images, "hirescam", target=[[0, 1]])
    assert all("un-normalized" in words for each in found.diagnosis for words in each)
    np.testing.assert_allclose(
        np.asarray(found.facts["inputs"]),
        np.stack([images.min((1, 2)), images.max((1, 2))], -1), rtol=1e-5,
    )  # fmt: skip
    for k in range(2):
        _, g, _ = networks.plain_evidence(networks.images(2), "relu3", np.full(2, k))
        np.testing.assert_allclose(
            np.asarray(found.facts["gradient"])[:, k], abs(g).max((1, 2, 3)), rtol=1e-4
        )
    certain = limelight.explain(model, 1e5 * images, score="probability")
    assert all("the gradient vanished" in words for words in certain.diagnosis)
