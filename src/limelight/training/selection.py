"""What the best epoch of a training is best at, on the held-out images."""

from __future__ import annotations

from limelight.errors import RunError, did_you_mean

SELECTIONS = ("accuracy", "localization")


def check(select: str) -> None:
    """Raise `RunError` where `select` is none of `SELECTIONS`."""
    if select not in SELECTIONS:
        raise RunError(
            f"select is {' or '.join(SELECTIONS)}, not {select!r}{did_you_mean(select, SELECTIONS)}"
        )
