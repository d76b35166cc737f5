"""`limelight models`, and ids wherever --model is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import limelight
from cli.conftest import Call
from limelight.models import list_models

Run = Callable[..., Call]


def test_json_is_what_is_declared(call: Run) -> None:
    result = call("models", "--json")
    assert result.code == 0
    for row, origin in zip(result.json, list_models(), strict=True):
        assert (row["example"], row["summary"]) == (origin.example, origin.summary)
        assert row["needs"] == f'pip install "limelight[{origin.extra}]"' and row["installed"]


def test_the_table_names_each_once(call: Run) -> None:
    result = call("models")
    assert result.code == 0
    firsts = [line.split()[0] for line in result.out.splitlines() if line[:1].strip()]
    assert firsts == ["example", *(origin.example for origin in list_models())]


@pytest.mark.torch
def test_ids_by_pattern(call: Run) -> None:
    result = call("models", "torchvision:resnet1*")
    assert result.code == 0 and result.out.splitlines() == list_models("torchvision:resnet1*")
    assert call("models", "torchvision:resnet1*", "--json").json == result.out.splitlines()
    none = call("models", "torchvision:nothing*")
    assert (none.code, none.out) == (0, "") and "no model matches" in none.err
    near = call("models", "torchvision:resnett18")
    assert "no model matches torchvision:resnett18; did you mean 'torchvision:resnet18'" in near.err
    wrong = call("models", "tim:*")
    assert wrong.code == 2 and "did you mean 'timm'" in wrong.err


@pytest.mark.torch
def test_a_model_of_transformers_is_explained(
    call: Run, photographs: list[Path], tmp_path: Path
) -> None:
    """Its output is no tensor, and its layers keep the names that the user knows."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], id2label={0: "cat", 1: "dog"}
    )
    model = transformers.ResNetForImageClassification(config).eval()
    model.save_pretrained(tmp_path / "model")
    processor = transformers.ViTImageProcessor(size={"height": 64, "width": 96})
    processor.save_pretrained(tmp_path / "model")

    classifier = limelight.load(f"hf:{tmp_path / 'model'}")
    maps = limelight.explain(classifier, photographs)
    batch, _ = classifier.prepare(photographs)
    with torch.no_grad():
        logits = model(torch.from_numpy(batch)).logits
    torch.testing.assert_close(maps.scores, logits, atol=1e-5, rtol=1e-5)
    assert maps.names() == [("cat", "dog")[i] for i in logits.argmax(1)]
    assert maps.layer in dict(model.named_modules()) and maps.values.shape == (3, 8, 12)
    made = call("explain", photographs[0], "--model", f"hf:{tmp_path / 'model'}", "--json")
    assert made.code == 0, made.err
    assert f'"{maps.names()[0]}"' in made.out


@pytest.mark.torch
def test_an_id_is_a_model_for_the_other_commands(
    call: Run, photographs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    layers = call("layers", "torchvision:squeezenet1_1", "--json")  # no weights are needed
    assert layers.code == 0 and list(tmp_path.glob("hub/**/*.pth")) == []
    assert [row["layer"] for row in layers.json if row["automatic"]] == ["classifier.2"]

    url = SqueezeNet1_1_Weights.DEFAULT.url
    file = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(squeezenet1_1().state_dict(), file)
    made = call("explain", photographs[0], "--model", "torchvision:squeezenet1_1", "--json")
    assert made.code == 0, made.err
    assert "classifier.2" in made.out

    file.unlink()
    offline = call("explain", photographs[0], "--model", "torchvision:squeezenet1_1")
    assert offline.code == 2 and offline.err.count("\n") == 1
    assert f"put the file at {file}" in offline.err
