"""Nothing is copied from the device to the host before a result is asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import limelight

torch = pytest.importorskip("torch")

# Those of one pass, but for the random map, which is made of the image on the host.
ALL = [m.name for m in limelight.list_methods() if m.runs_once and "inputs" not in m.needs]


def small() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 8, 3),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 5),
    ).eval()


def operations() -> Any:
    """A context that counts the operations by name, from below, where none is missed."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Operations(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.counts: Counter[str] = Counter()

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.counts[func.__name__.partition(".")[0]] += 1
            return func(*args, **(kwargs or {}))

    return Operations()


@pytest.mark.parametrize(
    ("methods", "numbers"),
    # Whether the scores are finite, which an error must not wait for; of the methods that read the
    # weights of the head, whether it is at this layer, for each score (finercam has its own).
    [(["gradcam"], 1), (["eigencam", "layercam"], 1), (["cam"], 2), (ALL, 3)],
    ids=["gradcam", "two", "cam", "all"],
)
def test_arrays_stay_where_they_are(
    methods: Any, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer, images = limelight.Explainer(small(), methods), torch.rand(4, 3, 16, 16)
    expected = explainer(images, target=[0, 1, 2, 3])  # what is found once per model is found

    def refuse(tensor: Any, *_: Any, **__: Any) -> Any:
        raise AssertionError(f"an array {tuple(tensor.shape)} was copied to the host")

    with monkeypatch.context() as patched:
        # As on a GPU, where NumPy sees nothing.
        patched.setattr("limelight.arrays.on_host", lambda array: False)
        for way in ("cpu", "numpy", "tolist", "item", "__array__"):
            patched.setattr(torch.Tensor, way, refuse)
        with operations() as seen:
            found = explainer(images, target=[0, 1, 2, 3])
        with pytest.raises(AssertionError, match="was copied to the host"):
            next(iter(found.values())).numpy()
    assert seen.counts["_local_scalar_dense"] == numbers
    assert seen.counts["convolution"] == 2
    for name, maps in expected.items():
        np.testing.assert_allclose(found[name].numpy(), maps.numpy(), atol=1e-6)
