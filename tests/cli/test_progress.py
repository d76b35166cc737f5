"""Plain lines of progress: how many, how fast, how much longer."""

from __future__ import annotations

import pytest
import typer

from limelight.cli import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_now_and_then_and_at_the_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.counted("evaluating") as report:
        for done in range(1, 101):
            clock[0] += 0.5
            report(done, 100)
    assert capsys.readouterr().err.splitlines() == [
        "evaluating: 20 of 100 images, 2.0 a second, 0:40 left",
        "evaluating: 40 of 100 images, 2.0 a second, 0:30 left",
        "evaluating: 60 of 100 images, 2.0 a second, 0:20 left",
        "evaluating: 80 of 100 images, 2.0 a second, 0:10 left",
        "evaluating: 100 of 100 images, 2.0 a second",
    ]


def test_what_was_done_before_does_not_count_for_the_rate(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.counted("evaluating") as report:
        report(5000, 6000)
        for done in range(5001, 5021):
            clock[0] += 1
            report(done, 6000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "evaluating: 5,020 of 6,000 images, 1.0 a second, 16:20 left"


def test_the_first_image_after_a_start_says_no_rate(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A Ray that takes 13 seconds to start is not 13 seconds an image."""
    with progress.counted("explaining") as report:
        report(64, 3000)
        clock[0] += 13
        report(65, 3000)
        report(66, 3000)
        clock[0] += 13
        report(67, 3000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "explaining: 65 of 3,000 images"
    assert lines[1].startswith("explaining: 67 of 3,000 images, 0.1 a second, ")


def test_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress.counted("evaluating") as report:
        report(40, 100)
        for done in range(41, 101):
            report(done, 100)
    printed = capsys.readouterr()
    assert "evaluating" in printed.err and "100/100" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3725, "1:02:05")]
)
def test_clock(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text


def test_an_interrupted_run_says_how_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, progress.resumable("explaining") as report:
        report(1, 3)
        raise KeyboardInterrupt
    assert stopped.value.exit_code == 130
    assert "interrupted; the same call goes on from here" in capsys.readouterr().err
