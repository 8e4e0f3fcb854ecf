"""Numbers: which are given out, moved, refused; what a descriptor says of itself."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enarx.keep.vfs.memory import scratch
from enarx.keep.wasi import abi, errno
from enarx.keep.wasi.directories import DirectoryDescriptor
from enarx.keep.wasi.stdio import Null, Stdio

if TYPE_CHECKING:
    import socket

    from tests.keep.wasi.conftest import Door, Probe

EXIST, NOENT, NOTEMPTY = 20, 44, 55
OUT = 64
# Calls that begin with a descriptor, and arguments that are fine otherwise.
ON_DESCRIPTOR = {
    "fd_advise": (0, 0, 0),
    "fd_allocate": (0, 1),
    "fd_close": (),
    "fd_datasync": (),
    "fd_fdstat_get": (OUT,),
    "fd_fdstat_set_flags": (0,),
    "fd_fdstat_set_rights": (0, 0),
    "fd_filestat_get": (OUT,),
    "fd_filestat_set_size": (0,),
    "fd_filestat_set_times": (0, 0, 0),
    "fd_pread": (1024, 1, 0, OUT),
    "fd_prestat_dir_name": (OUT, 8),
    "fd_prestat_get": (OUT,),
    "fd_pwrite": (1024, 1, 0, OUT),
    "fd_read": (1024, 1, OUT),
    "fd_readdir": (2048, 64, 0, OUT),
    "fd_renumber": (3,),
    "fd_seek": (0, 0, OUT),
    "fd_sync": (),
    "fd_tell": (OUT,),
    "fd_write": (1024, 1, OUT),
    "path_create_directory": (512, 1),
    "path_filestat_get": (0, 512, 1, OUT),
    "path_filestat_set_times": (0, 512, 1, 0, 0, 0),
    "path_link": (0, 512, 1, 3, 512, 1),
    "path_open": (0, 512, 1, 0, 0, 0, 0, OUT),
    "path_readlink": (512, 1, 2048, 64, OUT),
    "path_remove_directory": (512, 1),
    "path_rename": (512, 1, 3, 512, 1),
    "path_unlink_file": (512, 1),
    "sock_accept": (0, OUT),
    "sock_recv": (1024, 1, 0, OUT, OUT + 8),
    "sock_send": (1024, 1, 0, OUT),
    "sock_shutdown": (1,),
}


def fdstat(probe: Probe, fd: int) -> tuple[int, int, int, int]:
    """File type, flags, rights, inheriting rights."""
    assert probe.call("fd_fdstat_get", fd, OUT) == 0
    found: tuple[int, int, int, int] = struct.unpack("<BxH4xQQ", probe.get(OUT, 24))
    return found


@pytest.mark.parametrize("fd", [4, 63, 64, 1 << 31, (1 << 32) - 1])
@pytest.mark.parametrize("name", sorted(ON_DESCRIPTOR))
def test_a_number_that_is_not_open_is_badf(probe: Probe, name: str, fd: int) -> None:
    """Every function that takes a descriptor says so before anything else."""
    probe.iovecs((8192, 8))
    probe.put(512, b"f")
    assert probe.call(name, fd, *ON_DESCRIPTOR[name]) == errno.BADF


def test_the_lowest_free_number_from_3_on(probe: Probe) -> None:
    """Closed numbers are given out again; those below 3 are not."""
    first, second = probe.open(b"a", abi.O_CREAT), probe.open(b"b", abi.O_CREAT)
    assert (first, second) == (4, 5)
    for fd in (0, first):
        assert probe.call("fd_close", fd) == 0
    assert probe.open(b"c", abi.O_CREAT) == first
    assert probe.call("fd_write", 0, *probe.iovecs((8192, 1)), OUT) == errno.BADF


def test_closing_twice_is_badf(probe: Probe) -> None:
    """A number that was closed is not open."""
    fd = probe.open(b"a", abi.O_CREAT)
    assert [probe.call("fd_close", fd) for _ in range(2)] == [0, errno.BADF]


def test_the_limit_is_emfile(probe: Probe) -> None:
    """The table holds 64 here; the next is EMFILE, and a number that is freed can be had."""
    fds = [probe.open(b"a", abi.O_CREAT) for _ in range(60)]
    probe.put(4096, b"a")
    arguments = (3, 0, 4096, 1, 0, abi.FD_READ, 0, 0, OUT)
    assert probe.call("path_open", *arguments) == errno.MFILE
    probe.call("fd_close", fds[7])
    assert probe.call("path_open", *arguments) == 0
    assert probe.u32(OUT) == fds[7]


def test_a_file_that_finds_no_number_is_not_left_open(probe: Probe) -> None:
    """EMFILE a hundred times leaves the table as it was."""
    for _ in range(60):
        probe.open(b"a", abi.O_CREAT)
    probe.put(4096, b"a")
    for _ in range(100):
        assert probe.call("path_open", 3, 0, 4096, 1, 0, 0, 0, 0, OUT) == errno.MFILE
    assert len(probe.table) == 64


def test_renumber_moves_and_closes(probe: Probe) -> None:
    """The target's old descriptor is closed, the source's number is free."""
    source, target = probe.open(b"a", abi.O_CREAT), probe.open(b"b", abi.O_CREAT)
    probe.write(source, b"from a")
    assert probe.call("fd_renumber", source, target) == 0
    assert probe.call("fd_tell", source, OUT) == errno.BADF
    assert probe.call("fd_tell", target, OUT) == 0
    assert probe.u64(OUT) == 6


def test_renumber_onto_itself_does_nothing(probe: Probe) -> None:
    """The descriptor stays open."""
    fd = probe.open(b"a", abi.O_CREAT)
    assert probe.call("fd_renumber", fd, fd) == 0
    assert probe.write(fd, b"x") == (0, 1)


@pytest.mark.parametrize(("source", "target"), [(4, 0), (0, 4), (4, 4), (0, 1 << 31)])
def test_renumber_wants_both_open(probe: Probe, source: int, target: int) -> None:
    """A closed number at either side is BADF, and nothing is closed."""
    assert probe.call("fd_renumber", source, target) == errno.BADF
    assert len(probe.table) == 4


def test_a_folder_can_be_moved_to_another_number(probe: Probe) -> None:
    """A pre-opened folder works, and is found, at its new number."""
    assert probe.call("fd_renumber", 3, 0) == 0
    assert probe.call("fd_prestat_get", 0, OUT) == 0
    assert probe.open(b"a", abi.O_CREAT, fd=0) == 3


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_moves_keep_every_file_once(probe: Probe, moves: list[tuple[int, int, bool]]) -> None:
    """After any moves and closes, what is open is what a plain model of numbers says."""
    probe.table.close_all()
    probe.table.place(3, DirectoryDescriptor.preopened(scratch(1 << 20, device=1), b"/"))
    model = {3: b""}
    for name in (b"a", b"b", b"c", b"d"):
        model[probe.open(name, abi.O_CREAT)] = name
        probe.write(max(model), name)
    for source, target, close in moves:
        if close:
            want = 0 if model.pop(source, None) is not None else errno.BADF
            assert probe.call("fd_close", source) == want
        elif source in model and target in model:
            assert probe.call("fd_renumber", source, target) == 0
            model[target] = model[source]
            if source != target:
                del model[source]
        else:
            assert probe.call("fd_renumber", source, target) == errno.BADF
    for fd, name in model.items():
        if name:
            assert probe.call("fd_pread", fd, *probe.iovecs((8192, 4)), 0, OUT) == 0
            assert probe.get(8192, probe.u32(OUT)) == name
    assert len(probe.table) == len(model)


def test_folders_are_found_behind_sockets(bare: Probe, door: Door) -> None:
    """A loop that stops at the first BADF finds a folder that comes after a socket."""
    for fd in range(3):
        bare.table.place(fd, Null())
    bare.table.insert(DirectoryDescriptor.preopened(scratch(1, device=1), b"/data"))
    found, fd = [], 3
    while bare.call("fd_prestat_get", fd, OUT) == 0:
        tag, size = bare.get(OUT, 1)[0], bare.u32(OUT + 4)
        if tag == abi.PREOPEN_DIR:
            assert bare.call("fd_prestat_dir_name", fd, 2048, size) == 0
            found.append((fd, bare.get(2048, size)))
        fd += 1
    assert (door.fd, found) == (3, [(4, b"/data")])


def test_the_name_of_a_folder_needs_room(probe: Probe) -> None:
    """A buffer that is too short is NAMETOOLONG; a socket or stream has no name."""
    assert probe.call("fd_prestat_dir_name", 3, 2048, 0) == errno.NAMETOOLONG
    assert probe.call("fd_prestat_dir_name", 0, 2048, 9) == errno.NOTDIR


@pytest.mark.parametrize("want", [abi.FD_READ, abi.FD_WRITE, 0])
def test_rights_can_only_be_given_up(probe: Probe, want: int) -> None:
    """What was given up cannot be had back, nor used."""
    fd = probe.open(b"a", abi.O_CREAT)
    assert probe.call("fd_fdstat_set_rights", fd, want, 0) == 0
    assert fdstat(probe, fd)[2] == want
    assert probe.call("fd_fdstat_set_rights", fd, want | abi.FD_SYNC, 0) == errno.NOTCAPABLE
    assert probe.write(fd, b"x")[0] == (0 if want & abi.FD_WRITE else errno.BADF)
    assert probe.call("fd_tell", fd, OUT) == errno.NOTCAPABLE


def test_the_kinds_of_standard_streams(bare: Probe, stdin: tuple[int, int], tmp_path: Path) -> None:
    """A pipe is unknown, /dev/null a character device, a file a regular file that can seek."""
    null = os.open(os.devnull, os.O_RDWR)
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    fds = [stdin[0], *(bare.table.insert(Stdio(fd, writable=True)) for fd in (null, file))]
    assert [fdstat(bare, fd)[0] for fd in fds] == [
        abi.UNKNOWN,
        abi.CHARACTER_DEVICE,
        abi.REGULAR_FILE,
    ]
    assert [bool(fdstat(bare, fd)[2] & abi.FD_SEEK) for fd in fds] == [False, False, True]
    bare.write(fds[2], b"0123456789")
    assert bare.call("fd_seek", fds[2], 3, 0, OUT) == 0
    assert bare.write(fds[2], b"xx") == (0, 2)
    assert (tmp_path / "file").read_bytes() == b"012xx56789"
    os.close(null)
    os.close(file)


def test_nothing_swallows_everything(probe: Probe) -> None:
    """The kind "null", and a stream that is not configured: end of input, no output."""
    assert probe.write(1, b"x" * 100) == (0, 100)
    assert probe.read(0, 10) == (0, b"")
    assert probe.call("fd_sync", 1) == 0
    assert probe.call("fd_seek", 1, 0, 1, OUT) in {errno.SPIPE, errno.NOTCAPABLE}


def test_input_is_not_output(bare: Probe, stdin: tuple[int, int]) -> None:
    """Writing to standard input is BADF."""
    assert bare.write(stdin[0], b"x")[0] == errno.BADF


def test_output_is_not_input(bare: Probe, stdout: tuple[int, int]) -> None:
    """Reading from standard output is BADF."""
    assert bare.read(stdout[0], 1)[0] == errno.BADF


def test_input_without_waiting(bare: Probe, stdin: tuple[int, int]) -> None:
    """NONBLOCK on standard input: AGAIN while the pipe is empty, then what is there."""
    fd, writer = stdin
    assert bare.call("fd_fdstat_set_flags", fd, abi.NONBLOCK) == 0
    assert fdstat(bare, fd)[1] == abi.NONBLOCK
    assert bare.read(fd, 8)[0] == errno.AGAIN
    os.write(writer, b"abc")
    assert bare.read(fd, 8) == (0, b"abc")


def test_the_hosts_flags_are_not_touched(bare: Probe, stdin: tuple[int, int]) -> None:
    """A guest's NONBLOCK must not reach the pipe, which other processes share."""
    bare.call("fd_fdstat_set_flags", stdin[0], abi.NONBLOCK)
    assert os.get_blocking(bare.table.get(stdin[0])._fd)


def test_a_hosts_nonblocking_pipe_still_blocks(bare: Probe, stdin: tuple[int, int]) -> None:
    """A guest that did not ask for AGAIN does not get it because of the host's flags."""
    import threading

    fd, writer = stdin
    os.set_blocking(bare.table.get(fd)._fd, False)
    threading.Timer(0.02, os.write, (writer, b"abc")).start()
    assert bare.read(fd, 8) == (0, b"abc")


def test_a_reader_that_went_away_is_epipe(bare: Probe, stdout: tuple[int, int]) -> None:
    """The guest is told, and so is the host's report."""
    fd, reader = stdout
    os.close(reader)
    assert bare.write(fd, b"x")[0] == errno.PIPE
    assert bare.table.get(fd).broken


@pytest.mark.parametrize("flags", [abi.DSYNC, abi.SYNC, abi.RSYNC, 32, 1 << 15])
def test_flags_that_cannot_be_set(bare: Probe, stdin: tuple[int, int], flags: int) -> None:
    """Only APPEND and NONBLOCK change; anything else is INVAL."""
    assert bare.call("fd_fdstat_set_flags", stdin[0], flags) == errno.INVAL


@pytest.mark.parametrize("count", [0, 1, 2, 1024])
def test_counts_of_buffers(probe: Probe, count: int) -> None:
    """None, one, two, and as many as IOV_MAX."""
    fd = probe.open(b"a", abi.O_CREAT)
    probe.put(8192, (ord("x").to_bytes(1, "little")))
    table = struct.pack("<II", 8192, 1) * count
    assert probe.call("fd_write", fd, probe.put(16384, table), count, OUT) == 0
    assert probe.u32(OUT) == count


def test_more_buffers_than_iov_max(probe: Probe) -> None:
    """1025 are INVAL, as in the kernel, even if all are empty."""
    assert probe.call("fd_write", 1, 16384, 1025, OUT) == errno.INVAL
    assert probe.call("fd_write", 1, 16384, (1 << 32) - 1, OUT) == errno.INVAL


def test_socket_calls_want_a_socket(probe: Probe) -> None:
    """On a folder and on a standard stream they are NOTSOCK."""
    for fd in (0, 3):
        for name in ("sock_accept", "sock_recv", "sock_send", "sock_shutdown"):
            assert probe.call(name, fd, *ON_DESCRIPTOR[name]) == errno.NOTSOCK


def test_what_a_connection_says_of_itself(
    bare: Probe, pair: tuple[int, socket.socket], door: Door
) -> None:
    """Streams and listeners are stream sockets; only listeners accept."""
    stream, listener = fdstat(bare, pair[0]), fdstat(bare, door.fd)
    assert stream[0] == listener[0] == abi.SOCKET_STREAM
    assert stream[2] & abi.SOCK_ACCEPT == 0
    assert listener[2] & abi.SOCK_ACCEPT
    assert listener[3] == stream[2]
