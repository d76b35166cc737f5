"""The pictures of the tutorials that the examples make, on drawn objects and random weights.

    PYTHONPATH=tests python tests/examples/pictures.py [NAME ...]

writes docs/images/tutorials/NAME.png. No photograph of a data set is shown, for none may be copied.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from examples import miniatures
from examples.conftest import EXAMPLES, START

PICTURES = EXAMPLES.parent / "docs" / "images" / "tutorials"
WIDEST = 800


def stanford_dogs(folder: Path) -> Path:
    """The first blocks: layers × items."""
    data = miniatures.stanford_dogs(folder / "dogs", train=16, test=4)
    run("stanford_dogs_keras", folder, DOGS=f"stanford_dogs:{data}", EPOCHS=1, SIDE=128)
    return folder / "out" / "blocks.png"


def keras_nested(folder: Path) -> Path:
    """Two layers inside the nested model, for four images at once."""
    data = miniatures.cars196(folder / "cars", train=4, test=4)
    run("keras_nested", folder, CARS196=f"cars196:{data}", BATCH=4, SIDE=128)
    return folder / "out" / "nested.png"


def transfer(folder: Path) -> Path:
    """Trained on labels alone by `limelight train`; the class map and its box."""
    import limelight

    cars = miniatures.cars196(folder / "cars", train=160, test=8)
    train, test = (limelight.data.open(cars, split) for split in ("train", "test"))
    classifier = limelight.train_classifier(
        train, size=128, validation=test, epochs=12, batch_size=16, augment=["flip", "light"]
    )
    items = [test[i] for i in range(4)]
    photographs = [item.read() for item in items]
    found = limelight.explain(
        classifier, photographs, ["cam", "layercam"], target=[item.label for item in items]
    )
    figure = limelight.draw.grid(
        photographs,
        {name: list(maps.resized("max")) for name, maps in found.items()},
        columns=[item.id for item in items],
        boxes={name: list(maps.boxes(0.3)) for name, maps in found.items()},
        true_boxes=[item.boxes for item in items],
    )
    limelight.draw.save(figure, folder / "transfer.png")
    return folder / "transfer.png"


MAKERS: dict[str, Callable[[Path], Path]] = {
    "stanford-dogs": stanford_dogs,
    "keras-nested": keras_nested,
    "transfer": transfer,
}


def run(example: str, folder: Path, **settings: object) -> None:
    variables = {key: str(value) for key, value in settings.items()}
    subprocess.run(
        [sys.executable, "-c", START, str(EXAMPLES / f"{example}.py")],
        cwd=folder,
        env=os.environ | {"WEIGHTS": "none", "OUT": str(folder / "out")} | variables,
        check=True,
    )


def main(names: list[str]) -> None:
    for name in names or MAKERS:
        with tempfile.TemporaryDirectory() as folder:
            picture = Image.open(MAKERS[name](Path(folder))).convert("RGB")
            picture.thumbnail((WIDEST, 2 * WIDEST))
            picture.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
