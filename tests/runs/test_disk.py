"""Disks that are full, small or closed: one sentence, and what was finished stays whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from limelight.models import Classifier
from limelight.runs import Run, open, run
from runs import examples, processes
from runs.test_kill import same

pytest.importorskip("pyarrow")
IMAGES = 48


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    pytest.importorskip("torch")
    return run(
        examples.classifier(), examples.dataset(IMAGES), processes.METHODS,
        out=tmp_path_factory.mktemp("whole") / "run", batch_size=processes.BATCH,
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_disk_that_fills_up(classifier: Classifier, whole: Run, tmp_path: Path) -> None:
    disk, keep = tmp_path / "disk", tmp_path / "keep"
    disk.mkdir()
    keep.mkdir()
    words = processes.command(disk / "run", IMAGES)
    code, said = processes.finish(processes.on_small_disk(words, disk, "160k", keep))
    assert code == 2, said
    assert "RunError" in said and "cannot be written" in said and "No space left" in said
    out = keep / "run"
    found = open(out)
    assert 0 < len(found) < IMAGES
    for row, expected in zip(found, whole, strict=False):
        assert row.as_dict() == expected.as_dict()
    assert list(out.rglob("*.draft")) == []
    before = {name: data for name, data in files(out).items() if name.startswith("rows")}
    code, said = processes.finish(processes.command(out, IMAGES))
    assert code == 0, said
    same(open(out), whole)
    assert {name: files(out)[name] for name in before} == before


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """What a quota does: the configuration fits, the rows of a shard do not."""
    out = tmp_path / "run"
    code, said = processes.finish(processes.command(out, IMAGES, largest=4096))
    assert code == 2, said
    assert "RunError" in said and "cannot be written" in said and "File too large" in said
    assert not [name for name in files(out) if "rows" in name or "draft" in name]
    assert len(open(out)) == 0


def test_a_folder_that_is_read_only(whole: Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    processes.killed_after(out, IMAGES, 3)
    folders = [out, out / "rows", out / "maps"]
    before = files(out)
    for folder in folders:
        folder.chmod(0o555)
    try:
        code, said = processes.finish(processes.bound(processes.command(out, IMAGES)))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert code == 2, said
    assert "RunError" in said and "cannot be written" in said and "Permission denied" in said
    assert files(out) == before
    code, said = processes.finish(processes.command(out, IMAGES))
    assert code == 0, said
    same(open(out), whole)
