"""The tables of docs/moving.md for Keras: ours runs, and where the other side is there, it is the same.

tf-keras-vis lies in the folder that `make bench` installs, and needs TensorFlow, as the notebooks'
way does; `benchmarks/keras_peers.py` has both.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docs.test_moving import ROW, part, shown

pytestmark = pytest.mark.keras
if os.environ["KERAS_BACKEND"] != "tensorflow":
    pytest.skip("tf-keras-vis and the notebooks' way need TensorFlow", allow_module_level=True)
pytest.importorskip("tensorflow")

ROOT = Path(__file__).parents[2]
APART = ROOT / ".venv" / "bench"
VIS, NOTEBOOKS = "From tf-keras-vis", "From the notebooks in Keras"
BLOCKS = re.findall(r"^```python\n(.*?)^```", part(VIS), re.MULTILINE | re.DOTALL)


def rows(title: str) -> list[tuple[str, str]]:
    """The other side's expression and ours."""
    return ROW.findall(part(title).partition("the same map |")[2].partition("\n\n")[0])


def network(*, nested: bool = False, against: bool = False) -> Any:
    """Four classes behind the layers that the page names; `against`: all that there is speaks
    against class 0, and for the others."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    inputs = keras.Input((64, 64, 3))
    hidden = layers.Conv2D(8, 3, strides=4, activation="relu")(inputs)
    hidden = layers.Conv2D(12, 3, strides=2, name="conv")(hidden)
    hidden = layers.ReLU(name="conv5_block3_out" if nested else "out_relu")(hidden)
    if nested:
        backbone = keras.Model(inputs, hidden, name="resnet50")
        inputs = keras.Input((64, 64, 3))
        hidden = backbone(inputs)
    head = layers.Dense(4, activation="softmax")
    model = keras.Model(inputs, head(layers.GlobalAveragePooling2D()(hidden)))
    if against:
        weights, bias = head.get_weights()
        head.set_weights([abs(weights) * np.array([-1, 1, 1, 1]), bias])
    return model


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the section's first block leaves behind, with a small model."""
    made: dict[str, Any] = {}
    with contextlib.chdir(tmp_path_factory.mktemp("moving")):
        network().save("model.keras")
        exec(BLOCKS[0], made)
    return made


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`benchmarks/keras_peers.py`, and what it needs on the path."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setattr(sys, "path", [*sys.path, str(APART)])
    import keras_peers

    with warnings.catch_warnings(action="ignore"):
        yield keras_peers


def test_our_side_of_every_row_runs(names: dict[str, Any]) -> None:
    assert len(rows(VIS)) >= 4 and len(rows(NOTEBOOKS)) >= 1
    for _, ours in rows(VIS) + rows(NOTEBOOKS):
        assert shown(eval(ours, dict(names))).max() == 1, ours


def test_tf_keras_vis_gives_the_same_maps(names: dict[str, Any], peers: Any) -> None:
    if not APART.is_dir():
        pytest.skip("tf-keras-vis is not installed: make bench")
    own = dict(names)
    exec(BLOCKS[1], own)
    for theirs, ours in rows(VIS):
        # ReplaceToLinear works on the model itself: each row begins with another one.
        expected = eval(theirs, own | {"model": network()})
        assert np.abs(shown(expected) - shown(eval(ours, own))).max() < 1e-5, theirs


def test_the_notebooks_way_gives_the_same_map(names: dict[str, Any], peers: Any) -> None:
    def make_gradcam_heatmap(array: Any, model: Any, layer: str) -> Any:
        top = int(np.argmax(model(array)[0]))
        return peers.by_tutorial(model, array, layer, top)[None]

    own = names | {"make_gradcam_heatmap": make_gradcam_heatmap}
    for theirs, ours in rows(NOTEBOOKS):
        assert np.abs(eval(theirs, own) - eval(ours, own)).max() < 1e-5, theirs


def test_a_backbone_inside_another_model(names: dict[str, Any], peers: Any) -> None:
    import keras

    path, said = "resnet50/conv5_block3_out", "not connected to `inputs`"
    assert f'then "{said}" or' in part(NOTEBOOKS) and f'layer="{path}"' in part(NOTEBOOKS)
    nested = network(nested=True)
    backbone, layer = path.split("/")
    inside = nested.get_layer(backbone).get_layer(layer).output
    with pytest.raises(ValueError, match=said):
        keras.Model(nested.inputs[0], [inside, nested.output])
    assert names["explain"](nested, names["images"], layer=path).values.shape == (2, 7, 7)


def test_a_map_that_is_nowhere_positive(names: dict[str, Any], peers: Any) -> None:
    image = names["images"][:1].copy()
    image[:, :40] = 0  # there the layer has nothing
    model = network(against=True)
    with np.errstate(invalid="ignore"):
        assert np.isnan(np.asarray(peers.by_tutorial(model, image, "out_relu", 0))).any(), "0 / 0"
    maps = names["explain"](model, image, target=0, layer="out_relu")
    assert not np.asarray(maps.normalized()).any()
    assert "zero everywhere" in maps.diagnosis[0]
