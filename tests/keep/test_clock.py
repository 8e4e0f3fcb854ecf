"""The keep's wall clock goes forward, whatever the host's does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from enarx.keep.clock import Clock

SECOND = 1_000_000_000


@given(st.lists(st.integers(0, 1 << 62), min_size=1), st.integers(0, 1 << 32))
def test_time_never_goes_back(told: list[int], not_before_s: int) -> None:
    """Attack: the host's clock is set back; what it says then is not believed."""
    host = iter(told)
    clock = Clock(not_before_s, lambda: next(host))
    seen = [clock.now_ns() for _ in told]
    assert seen == sorted(seen)
    assert seen[0] == max(told[0], not_before_s * SECOND)
    assert seen[-1] == max(*told, not_before_s * SECOND)


def test_seconds_are_those_of_the_same_clock() -> None:
    """To the nanosecond, as far as a float has it."""
    clock = Clock(0, lambda: 5 * SECOND // 2)
    assert clock.now_s() == 2.5
