"""This machine's clock (``ports.Clock``), and chance for spreading retries."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after *seconds*."""
        time.sleep(seconds)


def chance() -> float:
    """A number from 0 to 1, for jitter; nothing secret may be made of it."""
    return random.random()  # noqa: S311 - jitter
