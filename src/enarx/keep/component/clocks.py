"""``wasi:clocks`` and ``wasi:random``: the kernel's clocks and its random numbers.

What is called insecure in ``wasi:random`` is as random as the rest: there is no reason to keep a
worse source.
"""

from __future__ import annotations

import os
import time

from enarx.keep.component.interface import Interface, func
from enarx.keep.component.pollable import Instant, Pollable
from enarx.keep.component.types import BYTES, U32, U64, Own, Record, Tuple
from enarx.keep.engine.trap import Trap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System

NS_PER_S = 1_000_000_000
_MAX_INSTANT = (1 << 64) - 1
# One request's values are 32 bytes a byte; more at once is a mistake or an attack.
_MAX_RANDOM = 1 << 20

DATETIME = Record(seconds=U64, nanoseconds=U32)


class _Monotonic:
    def __init__(self, _system: System) -> None:
        pass

    def now(self) -> int:
        return time.monotonic_ns()

    def resolution(self) -> int:
        return _resolution(time.CLOCK_MONOTONIC)

    def subscribe_instant(self, when: int) -> Instant:
        return Instant(when)

    def subscribe_duration(self, duration: int) -> Instant:
        return Instant(min(time.monotonic_ns() + duration, _MAX_INSTANT))


class _Wall:
    def __init__(self, system: System) -> None:
        self._clock = system.clock

    def now(self) -> tuple[int, int]:
        return divmod(self._clock.now_ns(), NS_PER_S)

    def resolution(self) -> tuple[int, int]:
        return divmod(_resolution(time.CLOCK_REALTIME), NS_PER_S)


class _Random:
    def __init__(self, _system: System) -> None:
        pass

    def get_random_bytes(self, size: int) -> bytes:
        if size > _MAX_RANDOM:
            raise Trap(f"get-random-bytes: {size} bytes at once, at most {_MAX_RANDOM}")
        return os.urandom(size)

    def get_random_u64(self) -> int:
        return int.from_bytes(os.urandom(8), "little")

    def get_insecure_random_bytes(self, size: int) -> bytes:
        return self.get_random_bytes(size)

    def get_insecure_random_u64(self) -> int:
        return self.get_random_u64()

    def insecure_seed(self) -> tuple[int, int]:
        return self.get_random_u64(), self.get_random_u64()


def _resolution(clock: int) -> int:
    return max(1, round(time.clock_getres(clock) * NS_PER_S))


INTERFACES = (
    Interface(
        "wasi:clocks/monotonic-clock",
        _Monotonic,
        functions={
            "now": func(returns=U64),
            "resolution": func(returns=U64),
            "subscribe-instant": func(U64, returns=Own(Pollable)),
            "subscribe-duration": func(U64, returns=Own(Pollable)),
        },
    ),
    Interface(
        "wasi:clocks/wall-clock",
        _Wall,
        functions={"now": func(returns=DATETIME), "resolution": func(returns=DATETIME)},
    ),
    Interface(
        "wasi:random/random",
        _Random,
        functions={
            "get-random-bytes": func(U64, returns=BYTES),
            "get-random-u64": func(returns=U64),
        },
    ),
    Interface(
        "wasi:random/insecure",
        _Random,
        functions={
            "get-insecure-random-bytes": func(U64, returns=BYTES),
            "get-insecure-random-u64": func(returns=U64),
        },
    ),
    Interface(
        "wasi:random/insecure-seed",
        _Random,
        functions={"insecure-seed": func(returns=Tuple(U64, U64))},
    ),
)
