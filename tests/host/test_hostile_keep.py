"""Whatever a keep sends, the broker answers, refuses or closes, and leaks nothing."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enarx import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.host.conftest import Pair

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70_000),
    st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "", "\0", "ab" * 32, "x" * 300, "no name"]),
    st.lists(st.integers(), max_size=2),
)
MESSAGES = st.fixed_dictionaries(
    {
        "op": st.sampled_from(
            ["cached", "store", "listen", "connect", "resolve", "prove", "vouch", "exec"]
        )
    },
    optional={
        "id": st.integers(0, 3) | VALUES,
        "key": VALUES,
        "sha256": VALUES,
        "size": VALUES,
        "name": VALUES,
        "host": VALUES,
        "port": VALUES,
        "timeout_s": st.floats() | VALUES,
        "event": st.sampled_from(["ended", "running", "log"]),
        "outcome": VALUES,
    },
).map(lambda fields: json.dumps(fields).encode())


PATIENCE_S = 10.0


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(MESSAGES | st.binary(min_size=1), st.integers(0, 2)), max_size=8))
def test_no_sequence_of_frames_raises_or_leaks(
    pair: Callable[..., Pair], sequence: list[tuple[bytes, int]]
) -> None:
    """Frames with any content and any number of descriptors: served, refused or cut off."""
    before = descriptors()
    made = pair()
    file = os.memfd_create("file")
    for data, count in sequence:
        with suppress(OSError):  # the broker may have closed nothing yet, but the buffer is small
            frames.send(made.raw, data, (file,) * count, wait=False)
        made.reactor.once(0)
    os.close(file)
    made.reactor.once(0)
    made.close()
    end = time.monotonic() + PATIENCE_S
    while descriptors() > before:  # the thread that looks names up may have a socket yet
        assert time.monotonic() < end, "descriptors leak"
