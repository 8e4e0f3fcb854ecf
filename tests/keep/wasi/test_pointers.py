"""Whatever numbers a guest passes, it gets one of WASI's errnos back and the keep lives on."""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enarx.keep.engine.trap import ProcExit
from enarx.keep.net.plain import PlainStream
from enarx.keep.wasi import errno
from enarx.keep.wasi.errno import WasiError
from enarx.keep.wasi.memory import GuestMemory
from enarx.keep.wasi.preview1 import FUNCTIONS
from enarx.keep.wasi.sockets import StreamDescriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.keep.wasi.conftest import Door, Probe

LARGEST_ERRNO = 76  # NOTCAPABLE, the last of WASI's
SIZE = 2 * 65536
OUTSIDE = (SIZE, SIZE + 8, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF)
# May wait for something that never comes: it has a test of its own.
WAITING = {"poll_oneoff"}
WITHOUT_POINTERS = {
    "fd_advise",
    "fd_allocate",
    "fd_close",
    "fd_datasync",
    "fd_fdstat_set_flags",
    "fd_fdstat_set_rights",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_renumber",
    "fd_sync",
    "proc_exit",
    "proc_raise",
    "sched_yield",
    "sock_shutdown",
}
O_CREAT, NONBLOCK = 1, 4
NOENT = 44

POINTERS = {
    "args_get": (0, 1),
    "args_sizes_get": (0, 1),
    "clock_res_get": (1,),
    "clock_time_get": (2,),
    "environ_get": (0, 1),
    "environ_sizes_get": (0, 1),
    "fd_fdstat_get": (1,),
    "fd_filestat_get": (1,),
    "fd_pread": (1, 4),
    "fd_prestat_dir_name": (1,),
    "fd_prestat_get": (1,),
    "fd_pwrite": (1, 4),
    "fd_read": (1, 3),
    "fd_readdir": (1, 4),
    "fd_seek": (3,),
    "fd_tell": (1,),
    "fd_write": (1, 3),
    "path_create_directory": (1,),
    "path_filestat_get": (2, 4),
    "path_filestat_set_times": (2,),
    "path_link": (2, 5),
    "path_open": (2, 8),
    "path_readlink": (1, 3, 5),
    "path_remove_directory": (1,),
    "path_rename": (1, 4),
    "path_symlink": (0, 3),
    "path_unlink_file": (1,),
    "poll_oneoff": (0, 1, 3),
    "random_get": (0,),
    "sock_accept": (2,),
    "sock_recv": (1, 4, 5),
    "sock_send": (1, 4),
}
"""Which arguments of a function are pointers."""

DIRECTORY, FILE, STREAM, LISTENER = 3, 4, 5, 6
# Arguments with which every function gets as far as its pointers.
GOOD: dict[str, tuple[int, ...]] = {
    "args_get": (64, 256),
    "args_sizes_get": (64, 72),
    "clock_res_get": (0, 64),
    "clock_time_get": (0, 0, 64),
    "environ_get": (64, 256),
    "environ_sizes_get": (64, 72),
    "fd_fdstat_get": (DIRECTORY, 64),
    "fd_filestat_get": (DIRECTORY, 64),
    "fd_pread": (FILE, 1024, 1, 0, 64),
    "fd_prestat_dir_name": (DIRECTORY, 64, 1),
    "fd_prestat_get": (DIRECTORY, 64),
    "fd_pwrite": (FILE, 1024, 1, 0, 64),
    "fd_read": (FILE, 1024, 1, 64),
    "fd_readdir": (DIRECTORY, 2048, 256, 0, 64),
    "fd_seek": (FILE, 0, 0, 64),
    "fd_tell": (FILE, 64),
    "fd_write": (FILE, 1024, 1, 64),
    "path_create_directory": (DIRECTORY, 512, 3),
    "path_filestat_get": (DIRECTORY, 0, 520, 1, 64),
    "path_filestat_set_times": (DIRECTORY, 0, 520, 1, 0, 0, 0),
    "path_link": (DIRECTORY, 0, 520, 1, DIRECTORY, 528, 1),
    "path_open": (DIRECTORY, 0, 520, 1, 0, 0, 0, 0, 64),
    "path_readlink": (DIRECTORY, 536, 1, 2048, 64, 64),
    "path_remove_directory": (DIRECTORY, 512, 3),
    "path_rename": (DIRECTORY, 528, 1, DIRECTORY, 528, 1),
    "path_symlink": (520, 1, DIRECTORY, 544, 1),
    "path_unlink_file": (DIRECTORY, 528, 1),
    "poll_oneoff": (3072, 3200, 1, 64),
    "random_get": (64, 16),
    "sock_accept": (LISTENER, 4, 64),
    "sock_recv": (STREAM, 1024, 1, 0, 64, 72),
    "sock_send": (STREAM, 1024, 1, 0, 64),
}


GOOD_FAILS = {"path_remove_directory": NOENT, "path_rename": NOENT, "path_unlink_file": NOENT}


@pytest.fixture
def world(probe: Probe, door: Door) -> Iterator[Probe]:
    """A guest with what GOOD names: a file, a stream with something to read, a listener."""
    probe.table.place(LISTENER, probe.table.get(door.fd))
    probe.table.place(FILE, probe.table.get(probe.open(b"f", O_CREAT)))
    ours, theirs = socket.socketpair()
    probe.table.place(STREAM, StreamDescriptor(PlainStream(ours.detach(), ("::1", 1))))
    for fd in (STREAM, LISTENER):
        probe.call("fd_fdstat_set_flags", fd, NONBLOCK)
    theirs.sendall(b"x" * 64)
    for at, text in ((512, b"dir"), (520, b"f"), (528, b"g"), (536, b"l"), (544, b"n")):
        probe.put(at, text)
    probe.call("path_symlink", 520, 1, DIRECTORY, 536, 1)
    probe.iovecs((8192, 8))
    probe.put(3072, bytes(48))  # a clock that has run out
    with theirs:
        yield probe


@pytest.mark.parametrize("name", sorted(POINTERS))
def test_a_pointer_outside_memory_is_efault(world: Probe, door: Door, name: str) -> None:
    """Each pointer of each function, just outside and far outside, is FAULT and does no harm."""
    with door.knock():
        for place in POINTERS[name]:
            for outside in OUTSIDE:
                arguments = list(GOOD[name])
                arguments[place] = outside
                assert world.call(name, *arguments) == errno.FAULT, (place, hex(outside))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_the_good_arguments_are_good(world: Probe, door: Door, name: str) -> None:
    """The arguments that the test above spoils succeed as they are."""
    with door.knock():
        assert world.call(name, *GOOD[name]) == GOOD_FAILS.get(name, 0)


def test_every_function_is_covered() -> None:
    """Every function with pointers is in the table above, and there are 46 in all."""
    without = {name for name, (params, _) in FUNCTIONS.items() if name not in POINTERS}
    assert len(FUNCTIONS) == 46
    assert without == WITHOUT_POINTERS


NUMBERS = st.one_of(
    st.integers(0, 8),
    st.sampled_from([64, 512, 520, 1024, 2048, 4096, *OUTSIDE]),
    st.integers(0, (1 << 64) - 1),
)


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from(sorted(set(FUNCTIONS) - WAITING)),
            st.lists(NUMBERS, min_size=9, max_size=9),
        ),
        min_size=1,
        max_size=30,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_no_numbers_harm_the_keep(world: Probe, calls: list[tuple[str, list[int]]]) -> None:
    """Any function with any arguments in any order answers with an errno of WASI's."""
    for name, numbers in calls:
        params = FUNCTIONS[name][0]
        try:
            answer = world.call(name, *numbers[: len(params)])
        except ProcExit:
            answer = 0 if name == "proc_exit" else LARGEST_ERRNO + 1
        assert answer <= LARGEST_ERRNO, name


@given(subscriptions=st.binary(min_size=48, max_size=480), count=st.integers(1, 10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_subscriptions_harm_the_keep(world: Probe, subscriptions: bytes, count: int) -> None:
    """Any bytes may be subscriptions; a clock that has run out keeps the call from waiting."""
    world.put(3072, bytes(48) + subscriptions)
    assert world.call("poll_oneoff", 3072, 8192, count, 64) in {0, errno.INVAL}
    assert world.u32(64) <= count


def test_views_see_memory_that_has_grown(world: Probe) -> None:
    """A pointer into pages that the guest has only just got is good."""
    assert world.call("random_get", SIZE, 8) == errno.FAULT
    world.call("grow")
    assert world.call("random_get", SIZE, 8) == 0
    assert world.call("random_get", SIZE + 65536 - 8, 8) == 0
    assert world.call("random_get", SIZE + 65536 - 7, 8) == errno.FAULT


def test_a_bad_result_pointer_takes_nothing(world: Probe) -> None:
    """A seek whose result has nowhere to go does not move."""
    world.write(FILE, b"0123456789")
    world.call("fd_seek", FILE, 2, 0, 64)
    assert world.call("fd_seek", FILE, 3, 1, SIZE - 4) == errno.FAULT
    assert world.read(FILE, 1) == (0, b"2")


def test_more_bytes_than_a_result_can_say() -> None:
    """Overlapping buffers can be more together than 32 bits count: EINVAL, and nothing moves."""
    size = 8 << 20
    buffer = (ctypes.c_char * size)()
    memory = GuestMemory(ctypes.addressof(buffer), lambda: size)
    table = memory.span(0, 8 * 1024)
    for at in range(0, len(table), 8):
        table[at : at + 8] = struct.pack("<II", 0, size)
    assert len(memory.spans(0, 511)) == 511
    with pytest.raises(WasiError, match="INVAL"):
        memory.spans(0, 512)
