"""What users install: wheel and sdist are whole, and work where nothing else is installed."""

from __future__ import annotations

import email
import os
import re
import resource
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from extras_at_work import LONG
from optional import brought_by, modules_of, top_level

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
    kept |= {"OMP_NUM_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [str(python.parent / words[0]), *map(str, words[1:])]
    return subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False
    )


def test_the_base_is_under_280_megabytes_and_has_no_framework(base: Path) -> None:
    library = library_of(base)
    assert sum(p.stat().st_size for p in library.rglob("*") if p.is_file()) < 280e6
    installed = {path.name.partition("-")[0].lower() for path in library.glob("*.dist-info")}
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


def link(distributions: Iterable[Distribution], library: Path) -> None:
    """Put distributions of this environment, and nothing else of it, into another's library."""
    for each in distributions:
        for name in top_level(each):
            path = Path(str(each.locate_file(name)))
            if path.is_file() or (path / "__init__.py").is_file() or path.suffix == ".dist-info":
                (library / name).symlink_to(path)
                continue
            # A folder that several may share: file by file.
            for file in each.files or ():
                if file.parts[0] == name:
                    (library / file).parent.mkdir(parents=True, exist_ok=True)
                    (library / file).symlink_to(path.parent / file)


@pytest.fixture(scope="module")
def requirements(wheel: Path) -> list[str]:
    """What the wheel asks for, under which extras."""
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(packed.read(name)).get_all("Requires-Dist", [])


def versions(distributions: Iterable[Distribution]) -> dict[str, str]:
    """By name, without the local part, which says for what processor a build is."""
    found = {canonicalize_name(d.name): d.version.partition("+")[0] for d in distributions}
    return {name.removesuffix("-cpu"): version for name, version in found.items()}


def library_of(python: Path) -> Path:
    (library,) = (python.parents[1] / "lib").glob("python*/site-packages")
    return library


def test_pip_installs_what_the_metadata_ask_for(base: Path, requirements: list[str]) -> None:
    installed = versions(distributions(path=[str(library_of(base))]))
    del installed["limelight"]
    assert installed == versions(brought_by("", requirements).values())


def check_extra(extra: str, python: Path, folder: Path, requirements: list[str]) -> None:
    """It brings what the package imports and is enough for what it is for."""
    script = Path(__file__).with_name("extras_at_work.py")
    modules = modules_of(extra, requirements)
    done = run(python, folder, "python", "-I", script, extra, folder, *modules)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_brings_something_that_the_package_imports(
    extra: str, requirements: list[str]
) -> None:
    modules = modules_of(extra, requirements)
    assert modules
    brought = brought_by(extra, requirements).values()
    roots = {name.removesuffix(".py") for each in brought for name in top_level(each)}
    assert {module.partition(".")[0] for module in modules} <= roots


@pytest.mark.parametrize(
    "extra", [pytest.param(e, marks=pytest.mark.soak) if e in LONG else e for e in EXTRAS]
)
def test_each_extra_alone_is_enough_for_what_it_is_for(
    extra: str, wheel: Path, requirements: list[str], tmp_path: Path
) -> None:
    """With nothing but what pip installs for it, as the next test shows."""
    python = empty_environment(tmp_path / "alone")
    link(brought_by(extra, requirements).values(), library_of(python))
    zipfile.ZipFile(wheel).extractall(library_of(python))
    check_extra(extra, python, tmp_path, requirements)


@pytest.mark.soak
@pytest.mark.parametrize("extra", EXTRAS)
def test_pip_installs_each_extra_alone(
    extra: str, base: Path, wheel: Path, requirements: list[str], tmp_path: Path
) -> None:
    """Beside the base and nothing else, which saves to install that again for each."""
    python = empty_environment(tmp_path / "alone")
    (library_of(python) / "base.pth").write_text(str(library_of(base)))
    pip(python, "--no-compile", f"{wheel}[{extra}]")
    libraries = [str(library_of(each)) for each in (python, base)]
    installed = versions(distributions(path=libraries))
    del installed["limelight"]
    assert installed == versions(brought_by(extra, requirements).values())
    check_extra(extra, python, tmp_path, requirements)
