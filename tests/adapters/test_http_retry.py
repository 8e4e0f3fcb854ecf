"""How long a server is left alone: what its header says, and what we choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enarx.adapters.http_retry import Backoff, retry_after_s

if TYPE_CHECKING:
    from tests.adapters.conftest import FakeClock


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Sun, 01 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Nov 2026 12:00:30 -0000", 30.0),
        ("Sun, 01 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("9" * 400, None),
        ("²", None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(
    clock: FakeClock, value: str | None, seconds: float | None
) -> None:
    """Anything else says nothing, and a date that has passed means now."""
    assert retry_after_s(value, clock.at) == seconds


def test_waits_grow_to_a_limit_and_end() -> None:
    """Each wait is at most twice the one before, none is above the limit, the last is None."""
    backoff = Backoff(attempts=6, first_s=1.0, most_s=5.0)
    waits = [backoff.wait_s(attempt, 1.0, None) for attempt in range(1, 7)]
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0, None]
    assert backoff.wait_s(1, 0.0, None) == 0.0
