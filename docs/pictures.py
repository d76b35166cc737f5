"""The picture of each method on docs/methods.md: one photograph, one network, one class.

    PYTHONPATH=tests:benchmarks python docs/pictures.py [method …] [concepts]

The photograph is `chelsea` of scikit-image (Stéfan van der Walt, CC0), the network SqueezeNet with
its real weights (LIMELIGHT_TEST_DATA), the class its first. Layer and options are those of the
pointing game that stands below on the same page. The methods of transformers have no picture.
`concepts` is the picture of docs/concepts.md, with `coffee` (Rachel Michetti, CC0) beside it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pointing import LAYER, LAYERS, OPTIONS, shown

from limelight import Classifier, concepts, draw, explain
from localization import models

FOLDER = Path(__file__).parent / "images" / "methods"
WIDTH = 240


def draw_concepts(classifier: Classifier) -> None:
    """The concepts that two photographs share."""
    from PIL import Image
    from skimage.data import chelsea, coffee

    photographs = [Image.fromarray(chelsea()), Image.fromarray(coffee())]
    found = concepts(classifier, photographs, 4, layer=LAYER)
    draw.save(found.show(photographs), FOLDER.parent / "concepts.jpg", dpi=100)
    print(found, found.labels(2), flush=True)


def main(names: list[str]) -> None:
    """Write the photograph, and the overlay of each method."""
    from PIL import Image
    from skimage.data import chelsea

    FOLDER.mkdir(exist_ok=True)
    photograph = Image.fromarray(chelsea())
    size = (WIDTH, WIDTH * photograph.height // photograph.width)
    photograph.resize(size).save(FOLDER / "photograph.jpg", quality=85)
    with tempfile.TemporaryDirectory() as folder:
        classifier: Classifier = models(Path(folder))["squeezenet1_0"]
    if not names or "concepts" in names:
        draw_concepts(classifier)
    for method in shown():
        name = method.name
        if names and name not in names:
            continue
        layer = None if method.across is not None else LAYERS.get(name, LAYER)
        options = OPTIONS.get(name, {})
        maps = explain(classifier, photograph, name, layer=layer, options=options)
        overlay = Image.fromarray(maps.overlay(photograph)[0]).resize(size)
        overlay.save(FOLDER / f"{name}.jpg", quality=85)
        print(f"{name:20} {maps.names()[0]}, {float(maps.probability[0]):.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
