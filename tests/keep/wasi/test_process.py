"""Arguments, environment, clocks, randomness, the end of the program, and memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.keep.engine.trap import ProcExit
from enarx.keep.wasi import errno
from enarx.keep.wasi.errno import WasiError, from_os_error
from enarx.keep.wasi.memory import MAX_IOVECS, GuestMemory

if TYPE_CHECKING:
    from tests.keep.wasi.conftest import Probe

CLOCKS = {0: time.time_ns, 1: time.monotonic_ns, 2: time.process_time_ns, 3: time.thread_time_ns}


@pytest.mark.parametrize("what", ["args", "environ"])
def test_strings_are_laid_out_as_c_wants_them(probe: Probe, what: str) -> None:
    """Pointers, then the strings they point to, each with its terminator; sizes agree."""
    want = {"args": [b"main.wasm", b"one"], "environ": [b"A=1", b"B="]}[what]
    assert probe.call(f"{what}_sizes_get", 64, 72) == 0
    assert probe.call(f"{what}_get", 256, 512) == 0
    count, size = probe.u32(64), probe.u32(72)
    assert probe.get(512, size) == b"".join(string + b"\0" for string in want)
    pointers = [probe.u32(256 + 4 * k) for k in range(count)]
    assert [probe.get(at, len(s)) for at, s in zip(pointers, want, strict=True)] == want


@pytest.mark.parametrize("clock", sorted(CLOCKS))
def test_a_clock_goes_with_the_hosts(probe: Probe, clock: int) -> None:
    """All four clocks are between two readings of the host's, and have a resolution."""
    before = CLOCKS[clock]()
    assert probe.call("clock_time_get", clock, 0, 64) == 0
    assert before <= probe.u64(64) <= CLOCKS[clock]()
    assert probe.call("clock_res_get", clock, 64) == 0
    assert 1 <= probe.u64(64) <= 1_000_000_000


@pytest.mark.parametrize("clock", [4, (1 << 32) - 1])
def test_an_unknown_clock_is_inval(probe: Probe, clock: int) -> None:
    """There are four."""
    assert probe.call("clock_time_get", clock, 0, 64) == errno.INVAL
    assert probe.call("clock_res_get", clock, 64) == errno.INVAL


def test_randomness_fills_exactly_what_was_asked(probe: Probe) -> None:
    """Bytes before and after stay as they were; two answers differ; none is fine."""
    probe.put(4096, bytes(96))
    assert probe.call("random_get", 4112, 64) == 0
    first = probe.get(4096, 96)
    assert (first[:16], first[80:]) == (bytes(16), bytes(16))
    assert probe.call("random_get", 4112, 64) == 0
    assert probe.get(4096, 96) != first
    assert probe.call("random_get", 0, 0) == 0


@pytest.mark.parametrize("code", [0, 1, 255, 256, 0x8000_0000, 0xFFFF_FFFF])
def test_the_exit_status_is_passed_on_whole(probe: Probe, code: int) -> None:
    """All 32 bits reach the host, which decides what a shell can show."""
    with pytest.raises(ProcExit) as ended:
        probe.call("proc_exit", code)
    assert ended.value.code == code


def test_the_guest_lives_on_after_an_exit(probe: Probe) -> None:
    """The engine's state is sound after an exception went through it."""
    for _ in range(3):
        with pytest.raises(ProcExit):
            probe.call("proc_exit", 7)
        assert probe.call("random_get", 64, 8) == 0


def test_there_are_no_signals(probe: Probe) -> None:
    """``proc_raise`` is refused."""
    assert probe.call("proc_raise", 9) == errno.NOTSUP


def test_yielding_works(probe: Probe) -> None:
    """``sched_yield`` has neither arguments nor a way to fail."""
    assert probe.call("sched_yield") == 0


def test_a_path_longer_than_any_is_nametoolong(probe: Probe) -> None:
    """Nothing of that length is copied, inside memory or not."""
    assert probe.call("path_unlink_file", 3, 0, 1 << 30) == errno.NAMETOOLONG


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 50).map(lambda n: 4 * n))
def test_a_span_is_inside_or_refused(at: int, size: int, end: int) -> None:
    """A view is exactly as long as asked for; one byte more than there is is FAULT."""
    import ctypes

    array = (ctypes.c_char * max(end, 1))()
    memory = GuestMemory(ctypes.addressof(array), lambda: end)
    try:
        assert len(memory.span(at, size)) == size
        assert at + size <= end
    except WasiError as error:
        assert (error.code, at + size > end) == (errno.FAULT, True)  # noqa: PT017 - either is right


@pytest.mark.parametrize("at", [64, 65, 66, 67, 2 * 65536 - 8, 2 * 65536 - 9])
def test_results_need_no_alignment(probe: Probe, at: int) -> None:
    """Numbers of 4 and 8 bytes are stored little-endian at any address, and nothing beside them."""
    probe.put(at - 1, b"\xaa" * 9)
    assert probe.call("args_sizes_get", at, 4096) == 0
    assert probe.get(at - 1, 6) == b"\xaa\x02\x00\x00\x00\xaa"
    assert probe.call("clock_res_get", 1, at) == 0
    assert probe.u64(at) > 0


def test_more_iovecs_than_the_table_holds() -> None:
    """A count whose table would end outside is FAULT; one beyond IOV_MAX is INVAL."""
    import ctypes

    array = (ctypes.c_char * 64)()
    memory = GuestMemory(ctypes.addressof(array), lambda: 64)
    assert memory.spans(0, 8) == []
    for count, code in ((9, errno.FAULT), (MAX_IOVECS + 1, errno.INVAL)):
        with pytest.raises(WasiError) as refused:
            memory.spans(0, count)
        assert refused.value.code == code


@pytest.mark.parametrize("number", range(1, 134))
def test_every_errno_of_the_kernel_has_one_of_wasi(number: int) -> None:
    """What has no counterpart becomes IO; nothing is SUCCESS or out of range."""
    assert 0 < from_os_error(OSError(number, "")) <= errno.NOTCAPABLE


def test_the_numbers_of_wasi() -> None:
    """A sample of the specification's numbers, and of the kernel's as WASI's."""
    import errno as linux

    table = {linux.EPERM: 63, linux.ENOENT: 44, linux.EAGAIN: 6, linux.EXDEV: 75, linux.ELOOP: 32}
    assert {number: from_os_error(OSError(number, "")) for number in table} == table
    assert (errno.NOTCAPABLE, errno.FAULT, errno.SPIPE) == (76, 21, 70)
