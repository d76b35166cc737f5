"""Weights files of PyTorch: real, wrapped, broken and malicious ones."""

from __future__ import annotations

import argparse
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from limelight.errors import ModelLoadError  # noqa: E402
from limelight.models.torch_files import (  # noqa: E402
    fill,
    input_channels,
    outputs,
    read_weights,
    set_attributes,
)

pytestmark = pytest.mark.torch


def network(classes: int = 3, width: int = 4) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, width, 3, padding=1),
        torch.nn.BatchNorm2d(width),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(width, classes),
    )


def same(weights: dict[str, Any], model: torch.nn.Module) -> bool:
    own = model.state_dict()
    return own.keys() == weights.keys() and all(torch.equal(own[k], weights[k]) for k in own)


# --- what is read -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {"model": s},
        lambda s: {"model_state_dict": s, "loss": 0.5},
    ],
)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model."])
@pytest.mark.parametrize("zipped", [True, False])
def test_wrappings_of_training_scripts(
    tmp_path: Path, wrap: Callable[[Any], Any], prefix: str, zipped: bool
) -> None:
    trained = network()
    state = {prefix + name: value for name, value in trained.state_dict().items()}
    torch.save(wrap(state), tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    model = fill(network(), read_weights(tmp_path / "w.pt"), "network")
    assert same(trained.state_dict(), model)
    assert not model.training


def test_safetensors(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    trained = network()
    save_file(trained.state_dict(), tmp_path / "w.safetensors")
    assert same(read_weights(tmp_path / "w.safetensors"), trained)


class Block(torch.nn.Module):
    """A block of the CIFAR ResNet of He 2015, with parameter-free shortcuts."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(width)
        self.conv2 = torch.nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(width)


class ResNet20(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        for number, (inputs, width) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
            blocks = [Block(inputs if i == 0 else width, width, 1) for i in range(3)]
            setattr(self, f"layer{number}", torch.nn.Sequential(*blocks))
        self.linear = torch.nn.Linear(64, 10)


def test_a_real_checkpoint_in_the_legacy_format(data: Path) -> None:
    weights = read_weights(data / "models" / "resnet20_cifar10_legacy_pickle.th")
    assert all(name.startswith("module.") for name in weights)
    model = fill(ResNet20(), weights, "ResNet-20")
    torch.testing.assert_close(model.linear.weight, weights["module.linear.weight"].cpu())
    assert model.bn1.running_var.min() > 0 and not torch.equal(
        model.bn1.running_var, torch.ones(16)
    )


def test_another_number_of_classes_builds_the_model_again() -> None:
    trained = network(7)
    model = fill(network(3), trained.state_dict(), "network", network)
    assert model[-1].out_features == 7 and same(trained.state_dict(), model)


# --- what is refused --------------------------------------------------------------------------


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_not_run(tmp_path: Path, zipped: bool) -> None:
    evil = Evil(tmp_path / "pwned")
    for number, content in enumerate(
        (evil, {"state_dict": network().state_dict(), "extra": evil}, [evil])
    ):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(
            ModelLoadError, match=r"\.system\), and reading that would run"
        ) as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(evil))
    with pytest.raises(ModelLoadError, match="holds more than weights"):
        read_weights(tmp_path / "plain.pt")
    assert not evil.path.exists()


def test_pickled_modules_and_options(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "model.pt")
    with pytest.raises(ModelLoadError, match=r"Sequential\).*save model\.state_dict\(\)"):
        read_weights(tmp_path / "model.pt")
    torch.save({"model": {}, "args": argparse.Namespace(lr=1)}, tmp_path / "args.pt")
    with pytest.raises(ModelLoadError, match=r"\(argparse\.Namespace\)"):
        read_weights(tmp_path / "args.pt")


@pytest.mark.filterwarnings("ignore")
def test_torchscript(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "s.pt")
    with pytest.raises(ModelLoadError, match="a TorchScript archive, which is a program"):
        read_weights(tmp_path / "s.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3}, "its entry 'epoch' is a int, not a tensor"),
        ({"a": torch.zeros(1), "b": [1]}, "its entry 'b' is a list"),
        (torch.zeros(3), "holds a Tensor, not tensors by name"),
        ({}, "not tensors by name"),
    ],
)
def test_files_without_a_state_dict(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(ModelLoadError, match=message):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    from safetensors.torch import save

    path = tmp_path / f"w{suffix}"
    torch.save(network().state_dict(), path)
    whole = path.read_bytes() if suffix == ".pt" else save(network().state_dict())
    for content in (b"", b"hello world", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(ModelLoadError) as caught:
            read_weights(path)
        assert str(path) in str(caught.value) and len(str(caught.value)) < 300


def test_names_and_shapes_that_do_not_fit() -> None:
    state = network().state_dict()
    with pytest.raises(ModelLoadError, match=r"do not fit net: the file lacks 4\.weight"):
        fill(network(), {k: v for k, v in state.items() if k != "4.weight"}, "net")
    with pytest.raises(ModelLoadError, match=r"the model has no 5\.a, 5\.b, 5\.c and 2 more"):
        fill(network(), {**state, **{f"5.{c}": torch.zeros(1) for c in "abcde"}}, "net")
    with pytest.raises(
        ModelLoadError, match=r"0\.weight is \(8, 3, 3, 3\) in the file and \(4, 3, 3, 3\)"
    ):
        fill(network(), network(width=8).state_dict(), "net", network)
    with pytest.raises(ModelLoadError, match=r"4\.weight is \(7, 4\) in the file and \(3, 4\)"):
        fill(network(), network(7).state_dict(), "net")  # nothing can build it anew


# --- attributes and outputs -------------------------------------------------------------------


def test_attributes_are_numbers_of_what_is_there() -> None:
    model = network()
    set_attributes(model, {"0.padding": [2, 2], "1.eps": 0.001, "4.out_features": 3})
    assert model[0].padding == (2, 2) and model[1].eps == 0.001
    assert model(torch.zeros(2, 3, 5, 5)).shape == (2, 3)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"9.padding": 1}, "no module '9'"),
        ({"0.paddings": 1}, "0 has no attribute 'paddings'"),
        ({"0.forward": 1}, "0 has no attribute 'forward'"),
        ({"0._parameters": 1}, "has no attribute '_parameters'"),
        ({"0.training": 1}, "has no attribute 'training'"),
        ({"0.padding": "same"}, r"0\.padding is \(1, 1\) and cannot become 'same'"),
        ({"0.padding_mode": 1}, "cannot become 1"),
        ({"0.padding": {"a": 1}}, "only numbers"),
    ],
)
def test_other_attributes_are_refused(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        set_attributes(network(), attributes)


def test_outputs_leave_the_model_as_it_was() -> None:
    model = network(7).train()
    model[1].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert outputs(model, (3, 6, 5)) == 7
    assert [m.training for m in model] == [True, False, True, True, True]
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert outputs(model[:3], (3, 6, 5)) is None  # (N, C, 1, 1) is not (N, classes)
    assert outputs(network(5).to(torch.bfloat16), (3, 6, 5)) == 5
    with pytest.raises(ModelLoadError, match=r"does not take images as \(N, 1, 6, 5\)"):
        outputs(model, (1, 6, 5))
    assert model.training and not model[1].training


def test_input_channels() -> None:
    assert input_channels(network()) == 3
    assert input_channels(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3))) == 1
    assert input_channels(torch.nn.Linear(4, 2)) is None
