"""The picture of each method on docs/methods.md: one photograph, one network, one class.

    PYTHONPATH=tests:benchmarks python docs/pictures.py [method …] [concepts] [report]

The photograph is `chelsea` of scikit-image (Stéfan van der Walt, CC0), the network SqueezeNet with
its real weights (LIMELIGHT_TEST_DATA), the class its first. Layer and options are those of the
pointing game that stands below on the same page. The methods of transformers have no picture.
`concepts` is the picture of docs/concepts.md, with `coffee` (Rachel Michetti, CC0) beside it, and
`report` that of docs/report.md, of the same two, as Chromium shows them.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from pointing import LAYER, layer_of, options_of, shown

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


def draw_report(classifier: Classifier) -> None:
    """The cases of a report: two photographs, three methods, one threshold for all."""
    from PIL import Image
    from playwright.sync_api import sync_playwright
    from skimage.data import chelsea, coffee

    from limelight import report

    photographs = [Image.fromarray(chelsea()), Image.fromarray(coffee())]
    found = explain(classifier, photographs, ["gradcam", "layercam", "xgradcam"], layer=LAYER)
    page = report.compare(found, photographs, ["chelsea.png", "coffee.png"], "Side by side")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = report.write(page, Path(folder) / "report.html", figures=False)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        view = browser.new_page(viewport={"width": 1000, "height": 1200})
        view.goto(path.as_uri())
        view.locator("#threshold").fill("0.4")
        view.locator("#list canvas").nth(5).wait_for()
        picture = FOLDER.parent / "report.jpg"
        view.locator("#cases").screenshot(path=picture, type="jpeg", quality=85)
        browser.close()


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
    if not names or "report" in names:
        draw_report(classifier)
    for method in shown():
        name = method.name
        if names and name not in names:
            continue
        options = options_of(method)
        maps = explain(classifier, photograph, name, layer=layer_of(method), options=options)
        overlay = Image.fromarray(maps.overlay(photograph)[0]).resize(size)
        overlay.save(FOLDER / f"{name}.jpg", quality=85)
        print(f"{name:20} {maps.names()[0]}, {float(maps.probability[0]):.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
