"""`timm:` ids: weights in the hub's cache and in folders, metadata, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from limelight.errors import ModelLoadError
from limelight.models import load
from models.local_hub import cached

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
pytestmark = pytest.mark.torch

NAME = "test_resnet"  # timm's own miniature, 160 × 160


def equal(model: Any, other: Any) -> bool:
    own = model.state_dict()
    return all(torch.equal(own[name], value) for name, value in other.state_dict().items())


@pytest.fixture
def trained() -> Any:
    torch.manual_seed(0)
    return timm.create_model(NAME).eval()


def test_weights_in_the_hubs_cache(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    folder = cached(trained.pretrained_cfg["hf_hub_id"], tmp_path, monkeypatch)
    save_file(trained.state_dict(), folder / "model.safetensors")
    classifier = load(f"timm:{NAME}")
    assert equal(classifier.model, trained) and not classifier.model.training
    assert "timm's configuration of test_resnet" in classifier.preprocess.assumed
    assert classifier.preprocess.size == (160, 160)
    assert classifier.class_names is not None and classifier.class_names[1] == "goldfish"
    assert classifier.model.pretrained_cfg == trained.pretrained_cfg  # no second copy of weights
    random = load(f"timm:{NAME}", pretrained=False)
    assert not equal(random.model, trained)
    assert random.preprocess.mapping() == classifier.preprocess.mapping()


def test_a_folder_with_its_own_class_names(trained: Any, tmp_path: Path) -> None:
    small = timm.create_model(NAME, num_classes=3)
    timm.models.save_for_hf(small, tmp_path, safe_serialization=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["pretrained_cfg"].update(mean=[0.1, 0.2, 0.3], crop_mode="squash")
    config |= {"label_names": ["n1", "n2", "n3"], "label_descriptions": {"n2": "second"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    classifier = load(f"timm:local-dir:{tmp_path}")
    assert equal(classifier.model, small)
    assert classifier.class_names == ("n1", "second", "n3")
    assert (classifier.preprocess.mean, classifier.preprocess.mode) == ((0.1, 0.2, 0.3), "squash")
    with pytest.raises(ModelLoadError, match=f"a model of timm: give 'timm:local-dir:{tmp_path}'"):
        load(f"hf:{tmp_path}")


def test_names_of_imagenets_21843_classes() -> None:
    classifier = load("timm:vit_tiny_patch16_224.augreg_in21k", pretrained=False)
    assert classifier.class_names is not None and len(classifier.class_names) == 21843
    assert classifier.class_names[3] == "cell"


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_malicious_pickle_is_not_run(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    timm.models.save_for_hf(trained, tmp_path / "local", safe_serialization=True)
    (tmp_path / "local" / "model.safetensors").unlink()
    folder = cached(trained.pretrained_cfg["hf_hub_id"], tmp_path, monkeypatch)
    (folder.parents[1] / ".no_exist" / folder.name).mkdir(parents=True)
    (folder.parents[1] / ".no_exist" / folder.name / "model.safetensors").touch()
    for place in (tmp_path / "local", folder):
        torch.save({"state_dict": {"x": Evil()}}, place / "pytorch_model.bin")
    for name in (f"timm:{NAME}", f"timm:local-dir:{tmp_path / 'local'}"):
        with pytest.raises(ModelLoadError, match="would run the code in it, which is") as caught:
            load(name)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "pwned").exists()


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no model 'resnet5O'; did you mean"):
        load("timm:resnet5O")
    with pytest.raises(ModelLoadError, match=r"is no folder of a timm model.*config\.json"):
        load(f"timm:local-dir:{tmp_path}")
    with pytest.raises(ModelLoadError, match="timm publishes no weights for 'efficientnet_b6'"):
        load("timm:efficientnet_b6")
