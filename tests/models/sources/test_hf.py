"""`hf:` ids: folders and the hub's cache, metadata, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.errors import ModelLoadError
from limelight.models import load
from models.local_hub import cached

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.torch

NAMES = ("cat", "dog", "red fox")


@pytest.fixture(scope="module", autouse=True)
def _no_bars() -> None:
    transformers.utils.logging.disable_progress_bar()


def vit(**options: Any) -> Any:
    """A ViT with random weights: 32 × 48 pixels in patches of 16."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        image_size=(32, 48), patch_size=16, id2label=dict(enumerate(NAMES)), **options,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config).eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vit().save_pretrained(tmp_path / "vit")
    processor = transformers.ViTImageProcessor(
        size={"height": 32, "width": 48}, image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.25, 0.2]
    )
    processor.save_pretrained(tmp_path / "vit")
    return tmp_path / "vit"


def check(classifier: Any) -> None:
    model = vit()
    batch, _ = classifier.prepare(
        np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    )
    assert batch.shape == (1, 3, 32, 48)
    with torch.no_grad():
        ours, theirs = (m(torch.from_numpy(batch)).logits for m in (classifier.model, model))
    torch.testing.assert_close(ours, theirs)
    assert type(classifier.model) is type(model) and not classifier.model.training
    assert classifier.class_names == NAMES and classifier.activation == "softmax"
    np.testing.assert_allclose(classifier.preprocess.mean, (0.1, 0.2, 0.3), atol=1e-6)
    np.testing.assert_allclose(classifier.preprocess.std, (0.5, 0.25, 0.2), rtol=1e-6)
    assert "assumed from the ViTImageProcessor of hf:" in classifier.preprocess.assumed


def test_a_folder_of_save_pretrained(folder: Path) -> None:
    check(load(f"hf:{folder}"))
    random = load(f"hf:{folder}", pretrained=False)
    assert random.class_names == NAMES
    assert not torch.equal(random.model.classifier.weight, vit().classifier.weight)
    said = load(f"hf:{folder}", preprocess="0-1", classes=["a", "b", "c"])
    assert said.preprocess.mean == (0.0,) and said.class_names == ("a", "b", "c")


def test_the_hubs_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = cached("somebody/tiny-vit", tmp_path, monkeypatch)
    shutil.copytree(folder, snapshot, dirs_exist_ok=True)
    classifier = load("hf:somebody/tiny-vit")
    check(classifier)
    assert classifier.source == classifier.arch == "hf:somebody/tiny-vit"
    with pytest.raises(ModelLoadError, match="this model came from no file"):
        classifier.save_side_file()
    with pytest.raises(ModelLoadError) as caught:
        load("hf:somebody/other")
    sentence = str(caught.value)
    assert "'hf:somebody/other' is not on this machine" in sentence
    assert "huggingface.co/somebody/other (HF_HUB_OFFLINE is set)" in sentence
    assert "--local-dir FOLDER" in sentence and "\n" not in sentence


def test_weights_of_another_file(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "model.safetensors", tmp_path / "w.safetensors")
    check(load(tmp_path / "w.safetensors", arch=f"hf:{folder}"))


def test_half_precision_is_read_as_single(folder: Path) -> None:
    vit().to(torch.bfloat16).save_pretrained(folder)
    assert load(f"hf:{folder}").model.dtype == torch.float32


def test_pickled_weights_are_read_as_tensors_alone(folder: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    (folder / "model.safetensors").unlink()
    torch.save(vit().state_dict(), folder / "pytorch_model.bin")
    check(load(f"hf:{folder}"))
    torch.save({**vit().state_dict(), "x": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match="would run the code in it, which is not") as caught:
        load(f"hf:{folder}")
    assert "\n" not in str(caught.value) and not (tmp_path / "pwned").exists()


def test_code_beside_the_weights_is_not_run(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForImageClassification": "evil.Evil"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')")
    for pretrained in (True, False):
        with pytest.raises(ModelLoadError, match=r"defined by Python code.*that is not run"):
            load(f"hf:{folder}", pretrained=pretrained)
    assert not (tmp_path / "pwned").exists()


def test_what_is_no_classifier(folder: Path, tmp_path: Path) -> None:
    vit().vit.save_pretrained(folder)  # the backbone alone
    with pytest.raises(ModelLoadError, match=r"no trained image classifier.*classifier\.bias"):
        load(f"hf:{folder}")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match=r"holds no weights: neither"):
        load(f"hf:{folder}")
    vit().to(torch.float32).save_pretrained(folder)
    narrow = {k: v[:2] if k == "classifier.weight" else v for k, v in vit().state_dict().items()}
    torch.save(narrow, tmp_path / "narrow.pt")
    with pytest.raises(ModelLoadError, match="the weights do not fit hf:") as caught:
        load(tmp_path / "narrow.pt", arch=f"hf:{folder}")
    assert "\n" not in str(caught.value)
    transformers.BertConfig().save_pretrained(tmp_path / "bert")
    shutil.copy(folder / "model.safetensors", tmp_path / "bert")
    for pretrained in (True, False):
        with pytest.raises(ModelLoadError, match="is a bert, which transformers has no") as caught:
            load(f"hf:{tmp_path / 'bert'}", pretrained=pretrained)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelLoadError, match=r"is no folder of a Hugging Face model.*config\.json"):
        load(f"hf:{tmp_path}")
    with pytest.raises(ModelLoadError, match="neither a folder nor a repository"):
        load(f"hf:{tmp_path / 'none'}")


def test_without_an_image_processor_nothing_is_guessed(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelLoadError, match="nothing says how images are prepared"):
        load(f"hf:{folder}")
    said = load(f"hf:{folder}", preprocess="imagenet", size=(32, 48))
    assert said.class_names == NAMES


def test_several_labels_and_labels_without_names(folder: Path) -> None:
    vit(problem_type="multi_label_classification").save_pretrained(folder)
    assert load(f"hf:{folder}").activation == "sigmoid"
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(i): f"LABEL_{i}" for i in range(3)}
    (folder / "config.json").write_text(json.dumps(config))
    assert load(f"hf:{folder}").class_names is None
    # A model object says as much as its configuration.
    made = load(vit(), preprocess="0-1", size=(32, 48))
    assert made.class_names == NAMES
