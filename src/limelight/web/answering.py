"""What is answered where a request cannot be served."""

from __future__ import annotations

import math
from typing import Any

from limelight.errors import LimelightError


class Refusal(LimelightError):
    """A request that is not served.

    Attributes:
        status: of HTTP.
        retry_after: seconds after which the same request may be served; None: never.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


def number(value: Any) -> float | None:
    """`value` as JSON has it, which has no infinity: None where it is not finite."""
    return float(value) if math.isfinite(value) else None
