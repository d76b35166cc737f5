"""What all tests share: a quiet, offline, single-threaded process, and the real data.

The process is set up before any framework is imported. A variable that is set already wins, so
that a person can run the tests on a GPU or with more threads.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from torchvision_registration import prepare_torchvision

if TYPE_CHECKING:
    import torch

_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
    "KERAS_BACKEND": "torch",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its kernels round differently from one machine to the next
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    # One thread a process: sums are added in the same order each time, and the two processes of
    # pytest-xdist do not fight for the cores.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

prepare_torchvision()

_DATA = os.environ.get("LIMELIGHT_TEST_DATA")
_DATA_FOLDER = Path(_DATA) if _DATA else Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long proofs too")


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = [name for name in ("torch", "keras") if importlib.util.find_spec(name) is None]
    for item in items:
        if "mobilenet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.keras)  # so that it runs on every backend
        if item.get_closest_marker("soak") and not config.getoption("--soak"):
            item.add_marker(pytest.mark.skip(reason="a long proof: make soak"))
        for name in missing:
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real photographs, weights and annotations, which is not in the repository."""
    if not _DATA_FOLDER.is_dir():
        pytest.skip("no real data: set LIMELIGHT_TEST_DATA to its folder")
    return _DATA_FOLDER


@pytest.fixture(scope="session")
def squeezenet(data: Path) -> torch.nn.Module:
    """SqueezeNet 1.0 with its real weights, in eval mode; leave it as you found it."""
    from safetensors.torch import load_file
    from torchvision.models import squeezenet1_0

    model = squeezenet1_0()
    model.load_state_dict(load_file(data / "models" / "squeezenet1_0.safetensors"))
    model.classifier[1].padding = (1, 1)
    return model.eval()


@pytest.fixture(scope="session")
def mobilenet(data: Path) -> Any:
    """MobileNetV2 with its real weights, on this process's Keras backend; do not change it."""
    keras = pytest.importorskip("keras")
    return keras.saving.load_model(data / "models" / "mobilenet_v2.keras", compile=False)
