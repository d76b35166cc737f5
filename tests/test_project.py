"""What is installed: imports cost nothing, the exact versions are exact."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from optional import required_modules

ROOT = Path(__file__).parents[1]

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
    open_, named = ["dev"], set(project["dependencies"])
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
    named = {extra: file for _, extra, file in required_modules()}
    assert {"torch", "opencv", "torchvision", "timm"} <= set(named)
    assert {extra: file for extra, file in named.items() if extra not in project["optional-dependencies"]} == {}  # fmt: skip
