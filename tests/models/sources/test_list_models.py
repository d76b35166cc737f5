"""`list_models` against the declarations and the libraries' own lists."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import limelight
from limelight.errors import MissingExtra, ModelLoadError
from limelight.models import list_models, sources
from limelight.models.sources import FileKind, Source, importing


def test_every_module_of_the_folder_is_a_source_and_each_is_listed() -> None:
    modules = [m.name for m in pkgutil.iter_modules(sources.__path__)]
    declared = [importlib.import_module(f"{sources.__name__}.{name}").SOURCE for name in modules]
    listed = list_models()
    assert sorted(map(id, listed)) == sorted(map(id, declared))
    assert limelight.list_models is list_models
    for origin in listed:
        assert isinstance(origin, Source | FileKind) and origin.summary and origin.installed
        if isinstance(origin, Source):
            assert sources.find(origin.example)[0] is origin
            assert sources.is_id(origin.example)
        else:
            assert not sources.is_id(origin.example)
            assert not origin.suffixes or origin.example.endswith(origin.suffixes)


@pytest.mark.torch
def test_ids_are_the_libraries_own() -> None:
    torchvision, timm = pytest.importorskip("torchvision"), pytest.importorskip("timm")
    models = torchvision.models
    names = [i for i in list_models("torchvision:*") if "." not in i]
    assert names == [f"torchvision:{n}" for n in sorted(models.list_models(module=models))]
    assert "torchvision:resnet50.IMAGENET1K_V1" in list_models("torchvision:ResNet50.*")
    assert "torchvision:vgg16.IMAGENET1K_FEATURES" not in list_models("torchvision:vgg16*")
    expected = {*timm.list_models("resnet10t*"), *timm.list_pretrained("resnet10t*")}
    assert list_models("timm:resnet10t*") == [f"timm:{n}" for n in sorted(expected)]
    everywhere = list_models("*resnet18")
    assert {"torchvision:resnet18", "timm:resnet18"} <= set(everywhere)
    assert not any(i.startswith("cam:") for i in everywhere)
    assert list_models("cam:torchvision:resnet18") == ["cam:torchvision:resnet18"]
    assert list_models("timm:nothing-of-that-name*") == []


@pytest.mark.keras
def test_ids_of_keras_are_its_functions() -> None:
    keras = pytest.importorskip("keras")
    ids = list_models("keras:*v2")
    assert "keras:MobileNetV2" in ids and len(ids) == 5
    for found in list_models("keras:*"):
        assert callable(getattr(keras.applications, found.removeprefix("keras:")))


def test_patterns_that_name_no_source() -> None:
    with pytest.raises(ModelLoadError, match=r"there is no source 'tim' .*'timm'"):
        list_models("tim:*")
    with pytest.raises(ModelLoadError, match=r"hf cannot be listed here.*hf:microsoft/resnet-50"):
        list_models("hf:*")


def test_a_source_that_is_not_installed_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtra, match=r'pip install "limelight\[timm\]"'):
        list_models("timm:*")
    if importlib.util.find_spec("torchvision"):
        assert "torchvision:resnet18" in list_models("*resnet18")
    script = (
        "from limelight.models.sources import importing\n"
        "from limelight.errors import ModelLoadError\n"
        "try: importing('broken_here', 'timm', 'models')\n"
        "except ModelLoadError as error: print(error)\n"
    )
    broken = "import sys, types, importlib.abc\n" + (
        "class F(importlib.abc.MetaPathFinder, importlib.abc.Loader):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        from importlib.machinery import ModuleSpec\n"
        "        return ModuleSpec(name, self) if name == 'broken_here' else None\n"
        "    def exec_module(self, module): raise RuntimeError('operator does not exist\\nmore')\n"
        "sys.meta_path.insert(0, F())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", broken + script], stdout=subprocess.PIPE, text=True, check=True
    )
    assert result.stdout.startswith(
        "broken_here is installed but cannot be imported (operator does not exist); it must"
    )
    assert importing("json", "timm", "models").__name__ == "json"
