"""Maps in a folder: whole, or not there.

Everything is written to a folder beside the one asked for, the manifest last, and then renamed: a
folder with a manifest is complete.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight._version import __version__
from limelight.arrays import to_numpy
from limelight.errors import RunError
from limelight.frames import Frame

if TYPE_CHECKING:
    import numpy as np

    from limelight.maps.result import Maps

_MANIFEST = "manifest.json"
_FACT = "fact."  # before the names of `Maps.facts` in the npz
_FIELDS = ("method", "layer", "class_names", "channels_last", "score")


def save_maps(maps: Maps, folder: str | Path, images: Any, overwrite: bool) -> Path:
    """See `Maps.save`."""
    import numpy as np
    from PIL import Image

    from limelight.maps.result import ARRAYS

    folder = Path(folder)
    _check_free(folder, overwrite)
    pictures = _pictures(maps, images)
    arrays = {name: getattr(maps, name) for name in ARRAYS}
    arrays |= {_FACT + name: array for name, array in maps.facts.items()}
    kept: dict[str, Any] = {n: to_numpy(a) for n, a in arrays.items() if a is not None}
    manifest = {
        "limelight": __version__,
        **{name: getattr(maps, name) for name in _FIELDS},
        "frames": [asdict(frame) for frame in maps.frames],
        "classes": maps.names(),
        "diagnosis": maps.diagnosis,
        "pictures": list(pictures),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            np.savez_compressed(new / "maps.npz", **kept)
            for name, picture in pictures.items():
                Image.fromarray(picture).save(new / name)
            (new / _MANIFEST).write_text(text, encoding="utf-8")
            _replace(folder, new, Path(scratch) / "old")
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error}") from error
    return folder


def _check_free(folder: Path, overwrite: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / _MANIFEST).is_file():
        raise RunError(f"{folder} exists and holds something else than maps; give another folder")
    if not overwrite:
        raise RunError(f"{folder} exists already; give overwrite=True to replace it")


def _replace(folder: Path, new: Path, old: Path) -> None:
    """Put `new` in the place of `folder`, which goes to `old`; or leave all as it is."""
    if not folder.exists():
        new.rename(folder)
        return
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise


def _pictures(maps: Maps, images: Any) -> dict[str, np.ndarray]:
    from limelight import draw

    if images is not None:
        drawn = list(maps.overlay(images))
    else:
        drawn = [_colored(to_numpy(each), draw.colorize) for each in maps.resized("max")]
    named: dict[str, Any] = {}
    for i, picture in enumerate(drawn):
        if picture.ndim == 3:
            named[f"{i:04}.png"] = picture
        else:
            named |= {f"{i:04}-{k:02}.png": each for k, each in enumerate(picture)}
    return named


def _colored(maps: np.ndarray, colorize: Any) -> np.ndarray:
    import numpy as np

    return colorize(maps) if maps.ndim == 2 else np.stack([colorize(map_) for map_ in maps])


def load_maps(folder: str | Path) -> Maps:
    """See `Maps.load`."""
    import numpy as np

    from limelight.maps.result import ARRAYS, Maps

    folder = Path(folder)
    path = folder / _MANIFEST
    if not path.is_file():
        raise RunError(f"{folder} holds no maps: it has no {_MANIFEST}, which `save` writes last")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        with (
            (folder / "maps.npz").open("rb") as stream,
            np.load(stream, allow_pickle=False) as stored,
        ):
            arrays = {name: stored.get(name) for name in ARRAYS} | {"values": stored["values"]}
            facts = {n.removeprefix(_FACT): stored[n] for n in stored if n.startswith(_FACT)}
        frames = tuple(_frame(**frame) for frame in manifest["frames"])
        fields = {name: manifest[name] for name in _FIELDS}
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise RunError(f"{folder} holds no complete set of maps: {error}") from error
    if fields["class_names"] is not None:
        fields["class_names"] = tuple(fields["class_names"])
    return Maps(**arrays, frames=frames, facts=facts, **fields)


def _frame(matrix: Any, input_size: Any, original_size: Any) -> Frame:
    """A frame from JSON, which has lists for tuples."""
    first, second = matrix
    return Frame((tuple(first), tuple(second)), tuple(input_size), tuple(original_size))
