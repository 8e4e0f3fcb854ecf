"""Streams and pollables, without a guest: permits, ends, waiting."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator

import pytest

from enarx.keep.component import pollable
from enarx.keep.component.pollable import Instant, Pollable, Readiness, wait
from enarx.keep.component.streams import (
    CHUNK,
    STREAM_ERROR,
    DescriptorInput,
    DescriptorOutput,
    StreamClosedError,
)
from enarx.keep.engine.trap import Trap
from enarx.keep.system import System
from enarx.keep.wasi.stdio import Null, Stdio


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe; the test may close them."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError as error:
            assert error.errno == errno.EBADF  # noqa: PT017 - the test closed it


def source(pipe: tuple[int, int]) -> DescriptorInput:
    """Input from the pipe."""
    return DescriptorInput(Stdio(pipe[0], writable=False))


def test_reading_without_waiting(pipe: tuple[int, int]) -> None:
    """An empty pipe gives nothing, which is not the end; a closed one gives the end."""
    stream = source(pipe)
    assert bytes(stream.read(10)) == b""
    os.write(pipe[1], b"abc")
    assert bytes(stream.read(2)) == b"ab"
    assert bytes(stream.blocking_read(10)) == b"c"
    os.close(pipe[1])
    for read in (stream.read, stream.blocking_read, stream.skip, stream.blocking_skip):
        with pytest.raises(StreamClosedError):
            read(1)
    assert bytes(stream.read(0)) == b""


def test_a_read_is_bounded(pipe: tuple[int, int]) -> None:
    """However much a guest asks for, one read takes a chunk."""
    os.set_blocking(pipe[1], False)
    os.write(pipe[1], bytes(CHUNK))
    assert len(source(pipe).blocking_read(1 << 63)) <= CHUNK


def test_skipping_counts(pipe: tuple[int, int]) -> None:
    """Skipped bytes are gone."""
    os.write(pipe[1], b"abcdef")
    stream = source(pipe)
    assert (stream.skip(2), stream.blocking_skip(2)) == (2, 2)
    assert bytes(stream.read(10)) == b"ef"


def test_writing_needs_a_permit(pipe: tuple[int, int]) -> None:
    """A write beyond the last permit is the guest's error."""
    stream = DescriptorOutput(Stdio(pipe[1], writable=True))
    with pytest.raises(Trap, match="permitted 0"):
        stream.write(b"a")
    assert stream.check_write() >= 3
    stream.write(b"abc")
    with pytest.raises(Trap, match="write-zeroes"):
        stream.write_zeroes(1 << 40)
    stream.write_zeroes(2)
    stream.flush()
    stream.blocking_flush()
    assert os.read(pipe[0], 10) == b"abc\0\0"


def test_blocking_writes_are_small(pipe: tuple[int, int]) -> None:
    """More than 4096 bytes at once is the guest's error, as the interface says."""
    stream = DescriptorOutput(Stdio(pipe[1], writable=True))
    stream.blocking_write_and_flush(b"abc")
    stream.blocking_write_zeroes_and_flush(1)
    assert os.read(pipe[0], 10) == b"abc\0"
    for call in (
        lambda: stream.blocking_write_and_flush(bytes(4097)),
        lambda: stream.blocking_write_zeroes_and_flush(4097),
    ):
        with pytest.raises(Trap):
            call()


def test_splicing(pipe: tuple[int, int]) -> None:
    """Bytes move from one stream to the other."""
    stream = source(pipe)
    sink = DescriptorOutput(Null())
    assert sink.splice(stream, 10) == 0
    os.write(pipe[1], b"abcdef")
    assert sink.splice(stream, 4) == 4
    assert sink.blocking_splice(stream, 4) == 2


def test_a_reader_that_left_is_the_end(pipe: tuple[int, int]) -> None:
    """A broken pipe is `closed`; anything else is an error object that keeps its number."""
    stream = DescriptorOutput(Stdio(pipe[1], writable=True))
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError) as broken:
        stream.blocking_write_and_flush(b"a")
    assert STREAM_ERROR.of(broken.value) == ("closed", None)
    case, error = STREAM_ERROR.of(OSError(errno.ENOSPC, "secret/path"))
    assert case == "last-operation-failed"
    assert error is not None
    assert error.to_debug_string() == os.strerror(errno.ENOSPC)


def test_waiting_for_the_first(pipe: tuple[int, int]) -> None:
    """Of a far timer, a near timer and a silent pipe, the near timer is ready."""
    now = time.monotonic_ns()
    far, near = Instant(now + 10**12), Instant(now + 5_000_000)
    silent = Readiness(Stdio(pipe[0], writable=False), write=False)
    assert wait((far, near, silent)) == [1]
    assert time.monotonic_ns() >= now + 5_000_000
    assert wait((far, Pollable(), silent)) == [1]


def test_waiting_for_a_pipe(pipe: tuple[int, int]) -> None:
    """Bytes, and the end, make a pipe ready."""
    reading = Readiness(Stdio(pipe[0], writable=False), write=False)
    assert not reading.ready()
    os.write(pipe[1], b"a")
    reading.block()
    assert wait((reading, Instant(0))) == [0, 1]
    os.read(pipe[0], 1)
    assert not reading.ready()
    os.close(pipe[1])
    assert reading.ready()


def test_polling_nothing_is_the_guests_error(system: System) -> None:
    """`poll` of an empty list."""
    poll = pollable.INTERFACE.bind(system)["poll"]
    with pytest.raises(Trap, match="empty"):
        poll.call(())


def test_what_never_waits_is_ready() -> None:
    """The descriptor that is nothing takes and gives at once."""
    assert DescriptorOutput(Null()).subscribe().ready()
    assert DescriptorInput(Null()).subscribe().ready()
