"""`torchvision:` ids: published weights where torch.hub keeps them, metadata, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.errors import ModelLoadError
from limelight.models import load

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of torch.hub's, on a machine whose network answers nothing."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch home"))
    monkeypatch.setenv("https_proxy", "")
    folder = tmp_path / "torch home" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def published(name: str, checkpoints: Path, version: str = "DEFAULT") -> Any:
    """The model with random weights, which lie where the published ones are kept."""
    import torchvision

    torch.manual_seed(0)
    model = torchvision.models.get_model(name)
    weights = torchvision.models.get_model_weights(name)[version]
    torch.save(model.state_dict(), checkpoints / weights.url.rpartition("/")[2])
    return model.eval()


@pytest.mark.parametrize("version", ["IMAGENET1K_V1", "IMAGENET1K_V2"])
def test_weights_and_metadata_are_those_of_the_version(checkpoints: Path, version: str) -> None:
    from torchvision.models import MobileNet_V2_Weights

    model = published("mobilenet_v2", checkpoints, version)
    classifier = load(f"torchvision:mobilenet_v2.{version}")
    own = classifier.model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in model.state_dict().items())
    assert not classifier.model.training
    from PIL import Image

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8))
    transform = MobileNet_V2_Weights[version].transforms()
    ours, _ = classifier.preprocess(image)
    np.testing.assert_allclose(ours, transform(image).numpy(), atol=2 / 255 / 0.225)
    assert list(classifier.class_names or ()) == MobileNet_V2_Weights[version].meta["categories"]
    assert classifier.source == classifier.arch == f"torchvision:mobilenet_v2.{version}"
    if version == "IMAGENET1K_V2":  # which is what the name alone stands for
        assert load("torchvision:MobileNet_V2").preprocess.resize == classifier.preprocess.resize


def test_densenets_old_names(checkpoints: Path) -> None:
    import torchvision

    torch.manual_seed(0)
    model = torchvision.models.densenet121().eval()
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): value
        for name, value in model.state_dict().items()
    }
    assert old.keys() != model.state_dict().keys()
    url = torchvision.models.DenseNet121_Weights.DEFAULT.url
    torch.save(old, checkpoints / url.rpartition("/")[2])
    loaded = load("torchvision:densenet121").model.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in model.state_dict().items())


def test_inception_normalizes_as_its_weights_want(checkpoints: Path) -> None:
    import torchvision

    random = load("torchvision:inception_v3", pretrained=False).model
    url = torchvision.models.Inception_V3_Weights.DEFAULT.url
    torch.save(random.state_dict(), checkpoints / url.rpartition("/")[2])
    assert load("torchvision:inception_v3").model.transform_input


def test_random_weights_need_no_network(checkpoints: Path) -> None:
    classifier = load("torchvision:vit_b_16.IMAGENET1K_SWAG_E2E_V1", pretrained=False)
    assert classifier.preprocess.size == (384, 384)  # those weights are for larger images
    with torch.no_grad():
        assert classifier.model(torch.zeros(1, 3, 384, 384)).shape == (1, 1000)
    assert list(checkpoints.iterdir()) == []


def test_a_malicious_file_in_the_cache_is_not_run(checkpoints: Path, tmp_path: Path) -> None:
    import torchvision

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    url = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.url
    torch.save({"x": Evil()}, checkpoints / url.rpartition("/")[2])
    with pytest.raises(ModelLoadError, match="would run the code in it, which is not done"):
        load("torchvision:squeezenet1_1")
    assert not (tmp_path / "pwned").exists()


def test_names_that_are_none() -> None:
    with pytest.raises(ModelLoadError, match="no model 'resnet5O'; did you mean"):
        load("torchvision:resnet5O")
    with pytest.raises(ModelLoadError, match=r"no model 'vgg16\.IMAGENET1K_FEATURES'"):
        load("torchvision:vgg16.IMAGENET1K_FEATURES")  # weights without a head
    with pytest.raises(ModelLoadError, match="goes with a weights file"):
        load("torchvision:resnet18", arch="torchvision:resnet18")
