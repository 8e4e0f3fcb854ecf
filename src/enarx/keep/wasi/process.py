"""Arguments, environment, clocks, randomness and the end of the program."""

from __future__ import annotations

import os
import struct
import time

from enarx.keep.engine.trap import ProcExit
from enarx.keep.wasi import abi
from enarx.keep.wasi.errno import INVAL, NOTSUP, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System

# getrandom(2) fills at most this many bytes without being cut short by a signal
_RANDOM_PIECE = 1 << 20
_NAME_CLOCKS = {
    abi.REALTIME: time.CLOCK_REALTIME,
    abi.MONOTONIC: time.CLOCK_MONOTONIC,
    abi.PROCESS_CPUTIME: time.CLOCK_PROCESS_CPUTIME_ID,
    abi.THREAD_CPUTIME: time.CLOCK_THREAD_CPUTIME_ID,
}


def args_sizes_get(system: System, count: int, size: int) -> int:
    """Number of arguments, and bytes with their terminators."""
    return _sizes(system, system.args, count, size)


def args_get(system: System, pointers: int, buffer: int) -> int:
    """Pointers to the arguments, and the arguments themselves."""
    return _strings(system, system.args, pointers, buffer)


def environ_sizes_get(system: System, count: int, size: int) -> int:
    """Number of variables, and bytes with their terminators."""
    return _sizes(system, _environment(system), count, size)


def environ_get(system: System, pointers: int, buffer: int) -> int:
    """Pointers to the variables, and the variables as NAME=value."""
    return _strings(system, _environment(system), pointers, buffer)


def clock_res_get(system: System, clock: int, out: int) -> int:
    """Resolution in ns."""
    system.memory.put_u64(out, max(1, round(time.clock_getres(_clock(clock)) * 1e9)))
    return 0


def clock_time_get(system: System, clock: int, _precision: int, out: int) -> int:
    """Time in ns."""
    if clock == abi.REALTIME:
        system.memory.put_u64(out, system.now_ns())
    else:
        system.memory.put_u64(out, time.clock_gettime_ns(_clock(clock)))
    return 0


def random_get(system: System, buffer: int, size: int) -> int:
    """Fill from the kernel's generator."""
    view = system.memory.span(buffer, size)
    for at in range(0, size, _RANDOM_PIECE):
        piece = view[at : at + _RANDOM_PIECE]
        piece[:] = os.urandom(len(piece))
    return 0


def proc_exit(_system: System, code: int) -> int:
    """End the program.

    Raises:
        ProcExit: always.
    """
    raise ProcExit(code)


def proc_raise(_system: System, _signal: int) -> int:
    """Refused: there are no signals in a keep."""
    raise WasiError(NOTSUP)


def _clock(clock: int) -> int:
    found = _NAME_CLOCKS.get(clock)
    if found is None:
        raise WasiError(INVAL)
    return found


def _environment(system: System) -> tuple[bytes, ...]:
    return tuple(name + b"=" + value for name, value in system.env)


def _sizes(system: System, strings: tuple[bytes, ...], count: int, size: int) -> int:
    system.memory.put_u32(count, len(strings))
    system.memory.put_u32(size, sum(len(string) + 1 for string in strings))
    return 0


def _strings(system: System, strings: tuple[bytes, ...], pointers: int, buffer: int) -> int:
    joined = b"".join(string + b"\0" for string in strings)
    at, table = buffer, []
    for string in strings:
        table.append(at)
        at += len(string) + 1
    system.memory.put(buffer, joined)
    system.memory.put(pointers, struct.pack(f"<{len(table)}I", *table))
    return 0
