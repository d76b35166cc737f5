"""`keras:` ids on every backend: published weights where Keras keeps them, and offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limelight.errors import ModelLoadError
from limelight.models import load

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.keras

SCRIPT = """
import json, sys
import keras
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
import h5py, pathlib
import limelight
from limelight.models.keras_backend import home

real, photograph = sys.argv[1:]
try:
    limelight.load("keras:mobilenetv2")
except limelight.LimelightError as error:
    said = str(error)
file = said.partition("put the file at ")[2].partition(", or")[0]
pathlib.Path(file).parent.mkdir(parents=True, exist_ok=True)
model = keras.saving.load_model(real, compile=False)
with h5py.File(file, "w") as written:
    save_weights_to_hdf5_group(written, model)
classifier = limelight.load("keras:mobilenetv2")
batch, _ = classifier.prepare(photograph)
top = int(classifier.model.predict(batch, verbose=0).argmax())
print(json.dumps([said, file, str(home()), classifier.class_names[top], classifier.source]))
"""


@pytest.mark.compiles
def test_weights_where_the_sentence_says_they_belong(data: Path, tmp_path: Path) -> None:
    """In a process whose Keras has an empty home, and no network."""
    unreachable = {"https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT,
         data / "models" / "mobilenet_v2.keras", data / "photos" / "both.png"],
        env=os.environ | unreachable | {"KERAS_HOME": str(tmp_path)},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    said, file, home, top, source = json.loads(result.stdout)  # a download says nothing there
    assert said.startswith("'keras:MobileNetV2' is not on this machine and could not be fetched")
    assert "https://storage.googleapis.com/" in said and "refused" in said and "\n" not in said
    assert home == str(tmp_path) and Path(file).is_relative_to(tmp_path)
    assert (top, source) == ("bull mastiff", "keras:MobileNetV2")


@pytest.mark.parametrize(
    ("name", "size", "assumed"),
    [
        ("MobileNet", 224, "'mobilenet_1.00_224', which is that of keras.applications"),
        ("MobileNetV3Small", 224, "scales 0..255, and 224 from its weights"),
    ],
)
def test_random_weights_with_the_sources_preprocessing(name: str, size: int, assumed: str) -> None:
    classifier = load(f"keras:{name}", pretrained=False)
    assert classifier.preprocess.size == (size, size)
    assert assumed in classifier.preprocess.assumed
    assert classifier.class_names is not None and classifier.class_names[1] == "goldfish"
    assert (classifier.framework, classifier.activation) == ("keras", "softmax")
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    batch, _ = classifier.prepare(pixels)
    module: Any = getattr(
        keras.applications, "mobilenet" if name == "MobileNet" else "mobilenet_v3"
    )
    expected = module.preprocess_input(pixels[None].astype(np.float32))
    np.testing.assert_allclose(batch, expected, atol=1e-5)


def test_names_that_are_none() -> None:
    with pytest.raises(ModelLoadError, match="keras has no model 'ResNet5O'; did you mean"):
        load("keras:ResNet5O")
    with pytest.raises(ModelLoadError, match="attributes= goes with a PyTorch model"):
        load("keras:MobileNetV3Small", pretrained=False, attributes={"a": 1})
