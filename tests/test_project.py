"""What is installed: imports cost nothing, the wheel is whole, the exact versions are exact."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"

HEAVY = {
    *("numpy", "scipy", "PIL", "cmap", "matplotlib", "cv2", "pyarrow", "sklearn", "jinja2"),
    *("torch", "keras", "tensorflow", "jax", "fastapi", "uvicorn", "ray"),
}


def modules_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has imported after running `code`."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(['', *sys.modules]))"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return set(result.stdout.splitlines())


def test_importing_the_package_imports_nothing() -> None:
    imported = modules_after("import limelight") - modules_after("")
    foreign = {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"limelight", "limelight._version"}


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from limelight.cli import main
sys.argv = ["limelight", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
"""
    assert {name.partition(".")[0] for name in modules_after(code)} & HEAVY == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (path,) = folder.iterdir()
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    own = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "limelight").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == own
    assert "limelight/py.typed" in packed


def test_the_wheel_states_licence_and_command(wheel: zipfile.ZipFile) -> None:
    info = {name.partition(".dist-info/")[2]: name for name in wheel.namelist()}
    assert {"licenses/LICENSE", "licenses/NOTICE"} <= set(info)
    assert "License-Expression: Apache-2.0" in wheel.read(info["METADATA"]).decode()
    assert "limelight = limelight.cli:main" in wheel.read(info["entry_points.txt"]).decode()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonical(name): version for name, _, version in (x.partition("==") for x in lines)}


def test_constraints_are_plain_exact_versions() -> None:
    """No path, no index and no local version, so that they hold on any machine."""
    wrong = [name for name, version in pins().items() if not re.fullmatch(r"[\w.]+", version)]
    assert wrong == []
    assert "limelight" not in pins()


def test_everything_that_make_installs_has_its_exact_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    open_, named = ["dev", "docs"], set(project["dependencies"])
    while open_:
        for requirement in extras[open_.pop()]:
            if own := re.fullmatch(r"limelight\[(.+)\]", requirement):
                open_.extend(own[1].split(","))
            else:
                named.add(requirement)
    names = {canonical(re.split(r"[^\w.-]", requirement)[0]) for requirement in named}
    assert names - set(pins()) == set()


def test_every_extra_that_an_error_names_can_be_installed() -> None:
    """`require(module, extra, purpose)` tells the user to install limelight[extra]."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {}
    for file in (SOURCE / "limelight").rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""  # fmt: skip
            if name in ("require", "importing") and isinstance(call.args[1], ast.Constant):
                named[call.args[1].value] = file.name
    assert {"torch", "opencv", "torchvision", "timm"} <= set(named)
    assert {extra: file for extra, file in named.items() if extra not in project["optional-dependencies"]} == {}  # fmt: skip
