"""The hierarchy of errors is the one drawn in its docstring, and the messages help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from limelight import errors
from limelight.errors import LimelightError, MissingExtra, did_you_mean, require

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, LimelightError)
}


def test_the_drawing_shows_the_hierarchy() -> None:
    drawn: dict[str, str] = {}
    open_: list[str] = []
    assert errors.__doc__ is not None
    for line in errors.__doc__.splitlines():
        if found := re.match(r"    ([ │├└─]*)(\w*(?:Error|NotFound|Layer|Extra))\b", line):
            depth = len(found[1]) // 4
            open_[depth:] = [found[2]]
            if depth:
                drawn[found[2]] = open_[depth - 1]
    actual = {name: cls.__bases__[0].__name__ for name, cls in CLASSES.items()}
    del actual["LimelightError"]
    assert drawn == actual


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
def test_who_knows_nothing_of_limelight_still_catches_them(cls: type[LimelightError]) -> None:
    if cls is MissingExtra:
        assert issubclass(cls, ImportError)
    elif cls is not LimelightError:
        assert issubclass(cls, ValueError)


def test_require_gives_the_module() -> None:
    import json.decoder

    assert require("json.decoder", "extra", "nothing") is json.decoder


@pytest.mark.parametrize("module", ["absent_module", "absent_module.inner"])
def test_require_says_how_to_install_what_is_missing(module: str) -> None:
    with pytest.raises(MissingExtra) as caught:
        require(module, "opencv", "rotated boxes")
    assert str(caught.value) == (
        f'rotated boxes need {module}, which is not installed: pip install "limelight[opencv]"'
    )


def test_require_does_not_hide_what_an_installed_module_misses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed_but_broken.py").write_text("import absent_module")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("installed_but_broken", "opencv", "rotated boxes")
    assert caught.value.name == "absent_module"
    assert not isinstance(caught.value, MissingExtra)


METHODS = ["cam", "gradcam", "gradcam++", "hirescam", "layercam"]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("gradcan", "; did you mean 'gradcam' or 'gradcam++'?"),
        ("GRADCAM", "; did you mean 'gradcam' or 'gradcam++' or 'cam'?"),
        ("layer-cam", "; did you mean 'layercam' or 'gradcam' or 'cam'?"),
        ("occlusion", ""),
    ],
)
def test_did_you_mean_offers_the_closest(name: str, answer: str) -> None:
    assert did_you_mean(name, METHODS) == answer


def test_did_you_mean_keeps_the_spelling_and_the_count() -> None:
    assert did_you_mean("layer4.CONV1", iter(["layer4.conv1", "Layer4.Conv2"]), count=1) == (
        "; did you mean 'layer4.conv1'?"
    )
    assert did_you_mean("anything", []) == ""
