"""What users install: wheel and sdist are whole, and work where nothing else is installed."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from optional import required_modules

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = [e for e in PROJECT["optional-dependencies"] if e not in ("dev", "docs")]
FRAMEWORKS = ["torch", "keras", "tensorflow", "jax"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (path,) = folder.iterdir()
    return path


def own_files() -> set[str]:
    """The package's files, from the source folder's parent on."""
    return {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "limelight").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == own_files()
    assert "limelight/py.typed" in names
    assert wheel.stat().st_size < 1e6


def test_the_wheel_states_licence_command_and_python(wheel: Path) -> None:
    packed = zipfile.ZipFile(wheel)
    info = {name.partition(".dist-info/")[2]: name for name in packed.namelist()}
    assert {"licenses/LICENSE", "licenses/NOTICE"} <= set(info)
    metadata = packed.read(info["METADATA"]).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    versions = re.findall(r"Python :: (3\.\d+)", metadata)
    assert versions == [f"{sys.version_info.major}.{sys.version_info.minor}"]  # what tests run on
    assert "limelight = limelight.cli:main" in packed.read(info["entry_points.txt"]).decode()


def test_the_sdist_holds_what_builds_the_wheel_and_no_test_or_data(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    (path,) = tmp_path.iterdir()
    with tarfile.open(path) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path / "source", filter="data")
    beside = {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO"}
    assert files == {f"src/{name}" for name in own_files()} | beside | {".gitignore"}
    (unpacked,) = (tmp_path / "source").iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=unpacked, check=True, stderr=subprocess.DEVNULL)
    (built,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(built).namelist()
    assert {name for name in names if ".dist-info/" not in name} == own_files()


def pip(python: Path, *words: str) -> str:
    """What pip says when it installs into the environment of `python`, which needs no pip."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *words]
    constraints = os.environ | {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    done = subprocess.run(command, env=constraints, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def empty_environment(folder: Path) -> Path:
    """The Python of a new environment with nothing in it."""
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment into which only the wheel was installed, without an extra."""
    python = empty_environment(tmp_path_factory.mktemp("base"))
    pip(python, str(wheel))
    return python


def run(python: Path, folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command of the environment, in a folder of its own, without this process's settings."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "LIMELIGHT_CACHE": str(folder)}
    command = [str(python.parent / words[0]), *map(str, words[1:])]
    return subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False
    )


def test_the_base_is_under_280_megabytes_and_has_no_framework(base: Path) -> None:
    library = base.parents[1] / "lib"
    assert sum(p.stat().st_size for p in library.rglob("*") if p.is_file()) < 280e6
    (packages,) = library.glob("python*/site-packages")
    installed = {path.name.partition("-")[0].lower() for path in packages.glob("*.dist-info")}
    assert installed & {*FRAMEWORKS, "matplotlib", "opencv_python_headless", "pyarrow"} == set()


def test_importing_it_there_imports_nothing(base: Path, tmp_path: Path) -> None:
    code = "import sys; a = set(sys.modules); import limelight; print(*set(sys.modules) - a)"
    done = run(base, tmp_path, "python", "-I", "-c", code)
    assert done.returncode == 0, done.stderr
    foreign = {name.partition(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names
    assert foreign == {"limelight"}


def test_help_takes_less_than_half_a_second_there(base: Path, tmp_path: Path) -> None:
    """In time of the processor, which does not depend on what else this machine does."""
    run(base, tmp_path, "limelight", "--help")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(base, tmp_path, "limelight", "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and "explain" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def photographs(folder: Path) -> None:
    """A data set of two classes."""
    from PIL import Image

    for label in ("cat", "dog"):
        (folder / "photos" / label).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (64, 48), (50 * i, 99, 0)).save(folder / f"photos/{label}/{i}.png")


def test_what_needs_no_framework_works_there(base: Path, tmp_path: Path) -> None:
    done = run(base, tmp_path, "limelight", "methods")
    assert done.returncode == 0 and "gradcam++" in done.stdout
    photographs(tmp_path)
    done = run(base, tmp_path, "limelight", "data", "folder:photos")
    assert done.returncode == 0, done.stderr
    assert "contact-sheet.png" in done.stdout


@pytest.mark.parametrize(
    ("words", "install"),
    [
        (("explain", "photos/cat/0.png", "--model", "model.keras"), '"limelight[tensorflow]"'),
        (("explain", "photos/cat/0.png", "--model", "keras:MobileNetV2"), '"limelight[jax]"'),
        (
            ("explain", "photos/cat/0.png", "--model", "timm:resnet18"),
            'pip install "limelight[timm]"',
        ),
        (("layers", "torchvision:resnet18"), 'pip install "limelight[torchvision]"'),
        (
            ("explain", "photos/cat/0.png", "--model", "w.pt", "--arch", "timm:x"),
            '"limelight[torch]"',
        ),
        (("train", "folder:photos", "--out", "RUN"), 'pip install "limelight[torch]"'),
        (("demo",), 'pip install "limelight[demo]"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_missing_framework_is_one_sentence_with_the_command_that_installs_it(
    words: Sequence[str], install: str, base: Path, tmp_path: Path
) -> None:
    photographs(tmp_path)
    for name in ("model.keras", "w.pt"):
        (tmp_path / name).write_bytes(b"PK\x03\x04")
    done = run(base, tmp_path, "limelight", *words)
    assert done.returncode == 2
    (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("limelight: "))
    assert install in sentence
    assert "Traceback" not in done.stderr


@pytest.mark.soak
@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_alone_brings_what_the_package_asks_of_it(
    extra: str, wheel: Path, tmp_path: Path
) -> None:
    python = empty_environment(tmp_path / "alone")
    pip(python, "--no-compile", f"{wheel}[{extra}]")
    modules = sorted({module for module, name, _ in required_modules() if name == extra})
    code = "import sys, importlib.util as u; print([m for m in sys.argv[1:] if not u.find_spec(m)])"
    done = run(python, tmp_path, "python", "-I", "-c", code, *modules)
    assert done.stdout.strip() == "[]", done.stderr
    help_ = run(python, tmp_path, "limelight", "--help")
    assert help_.returncode == 0, help_.stderr
