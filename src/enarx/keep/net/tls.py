"""A TLS connection after its handshake: a stream like a plain one.

OpenSSL reads and writes the non-blocking socket itself.

What OpenSSL has begun to write it must finish with the same bytes, so a block that did not fit
counts as sent, is kept, and goes out before anything else: on the next call, while the guest
waits, or after it has closed the stream (`Background.linger`).
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import time

from OpenSSL import SSL

from enarx.keep.net.plain import SHUTDOWN_BOTH, SHUTDOWN_READ, SHUTDOWN_WRITE
from enarx.keep.net.tls_errors import as_os_error, wanted_events
from enarx.keep.net.wait import poll_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.net.wait import Background

_RECORD = 16_384  # RFC 8446, section 5.1: the most one record, so one read, can hold
_BLOCK = 65_536  # one SSL_write: four records; more gains nothing, and a block may be copied
_PEEK = int(socket.MSG_PEEK)
_DONTWAIT = int(socket.MSG_DONTWAIT)
_DISCARDED = 16  # blocks thrown away at close, so that unread bytes do not reset the connection
LINGER_S = 5.0  # how long a closed stream may take to deliver what the guest has written


class TlsStream:
    """One TLS connection, after its handshake.

    Attributes:
        peer: host and port of the other side, as the broker says.
        fileno: ``() -> int``.
    """

    __slots__ = (
        "_background",
        "_connection",
        "_more",
        "_notified",
        "_read_ended",
        "_read_failure",
        "_reading_wants",
        "_sock",
        "_unflushed",
        "_write_ended",
        "_write_failure",
        "peer",
    )

    def __init__(
        self,
        sock: socket.socket,
        connection: SSL.Connection,
        peer: tuple[str, int],
        background: Background,
    ) -> None:
        self.peer = peer
        self._sock = sock
        self._connection = connection
        self._background = background
        self._unflushed: bytes | None = None  # what OpenSSL still has to write
        self._reading_wants = select.POLLIN
        self._read_failure: OSError | None = None  # nothing can be received after it
        self._write_failure: OSError | None = None  # nothing can be sent after it
        self._more = True  # whether OpenSSL is likely to have something to read
        self._read_ended = False
        self._write_ended = False
        self._notified = False  # close_notify was sent

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def recv_into(self, view: memoryview, peek: bool = False) -> int:  # noqa: FBT001, FBT002 - the net contract
        """Receive from at most one record; 0 after close_notify.

        Raises:
            BlockingIOError: no whole record is there yet.
            ConnectionResetError: TCP ended without close_notify: bytes may be missing.
            OSError: an alert, or no TLS.
        """
        if self._read_failure is not None:
            raise _again(self._read_failure)
        if not view or self._read_ended:
            return 0
        if self._unflushed is not None:
            self._flush()
        try:
            count = self._connection.recv_into(view, _RECORD, _PEEK if peek else None)
            self._more = peek or count == len(view) or count == _RECORD
        except SSL.ZeroReturnError:
            self._end_reading()
            return 0
        except SSL.Error as e:
            failure = as_os_error(e)
            if isinstance(failure, BlockingIOError):
                self._reading_wants = wanted_events(e)
            else:
                self._end_reading()
                self._read_failure = failure
            raise failure from e
        return count

    def recv_into_blocking(self, view: memoryview) -> int:
        """Receive, waiting for at least one byte or the end."""
        if not self._more and not self._read_ended and view:
            # Most often nothing is there yet: asking the kernel first is cheaper than OpenSSL.
            self._background.wait(((self._sock.fileno(), self.wants()),))
        while True:
            try:
                return self.recv_into(view)
            except BlockingIOError:
                self.wait(self.wants())

    def send(self, view: memoryview) -> int:
        """Send what fits now, and up to 64 KiB more that are kept and count as sent.

        Raises:
            BlockingIOError: kept bytes still wait for room.
            BrokenPipeError: this side has ended writing.
        """
        if not self._flush():
            raise BlockingIOError(errno.EAGAIN, "TLS waits for the socket")
        self._check_writable()
        done, size = 0, len(view)
        while done < size:
            done += self._send_block(view[done : done + _BLOCK])
            if self._unflushed is not None:
                break
        return done

    def _send_block(self, block: memoryview) -> int:
        """Send what fits; if nothing does, all is kept and counts as sent."""
        try:
            return self._connection.send(block)
        except SSL.Error as e:
            if not wanted_events(e):
                raise self._write_failed(e) from e
            self._unflushed = bytes(block)
            return len(block)

    def send_blocking(self, view: memoryview) -> int:
        """Send all of *view*, waiting for room; kept bytes go first."""
        done, size = 0, len(view)
        if self._unflushed is None and 0 < size <= _BLOCK:  # most often one block fits at once
            self._check_writable()
            done = self._send_block(view)
        while True:
            while self._unflushed is not None and not self._flush():
                self.wait(select.POLLOUT)
            self._check_writable()
            if done == size:
                return done
            done += self.send(view[done:] if done else view)

    def wants(self) -> int:
        """The poll mask to wait for before receiving again."""
        if self._unflushed is not None:
            return self._reading_wants | select.POLLOUT
        return self._reading_wants

    def wait(self, mask: int, deadline: float | None = None) -> bool:
        """Sleep until the socket is ready for *mask*; False when *deadline* passed."""
        return bool(self._background.wait(((self._sock.fileno(), mask),), deadline))

    def pending(self) -> int:
        """Bytes that can be received without the socket."""
        return self._connection.pending()

    def poll_ready(self, *, write: bool) -> int | None:
        """Bytes that can be received at once, 0 for end, error or room to write; None to wait."""
        try:
            if write:
                if not self._flush():
                    return None
                return 0 if poll_now(self._sock.fileno(), select.POLLOUT) else None
            if not self._connection.pending() and not self.recv_into(
                memoryview(bytearray(1)), peek=True
            ):
                return 0
        except BlockingIOError:
            return None
        except OSError:
            return 0  # the next call says which error
        return self._connection.pending()

    def poll_fired(self, *, write: bool) -> int | None:
        """The same, where `poll` has just said that something came: perhaps not a whole record."""
        return self.poll_ready(write=write)

    def poll_interest(self, *, write: bool) -> tuple[tuple[int, int], ...]:
        """What to wait for when `poll_ready` said None."""
        return ((self._sock.fileno(), select.POLLOUT if write else self.wants()),)

    def shutdown(self, how: int) -> None:
        """End reading (1), writing (2) or both (3); the end of writing sends close_notify."""
        if not SHUTDOWN_READ <= how <= SHUTDOWN_BOTH:
            raise OSError(errno.EINVAL, "shutdown takes read, write or both")
        if how & SHUTDOWN_READ:
            self._end_reading()
        if how & SHUTDOWN_WRITE and not self._write_ended:
            self._write_ended = True
            if not self.finish_writing():
                self._background.linger(_Ending(self, self._background, closes=False))

    def close(self) -> None:
        """End the stream; what was written is still delivered, in the background if need be."""
        if self._sock.fileno() < 0:
            return
        self._write_ended = True
        if self.finish_writing():
            self.drop()
        else:
            self._background.linger(_Ending(self, self._background, closes=True))

    def finish_writing(self) -> bool:
        """Write what is kept, then close_notify; False if it must go on when there is room."""
        if not self._flush():
            return False
        if self._notified or self._write_failure is not None:
            return True
        try:
            self._connection.shutdown()
        except SSL.Error as e:
            return not wanted_events(e)
        self._notified = True
        return True

    def drop(self) -> None:
        """Close the socket as it is.  Used by `close`; the guest's view of the stream is gone."""
        sock = self._sock
        try:
            sock.shutdown(socket.SHUT_WR)
            for _ in range(_DISCARDED):
                if not sock.recv(_BLOCK, _DONTWAIT):
                    break
        except OSError:
            pass  # nothing is left to read, or the other side has gone: both are the end
        sock.close()

    def alpn(self) -> bytes:
        """The application protocol agreed on, empty if none was."""
        return self._connection.get_alpn_proto_negotiated()

    def group(self) -> str | None:
        """The key exchange, such as "X25519MLKEM768"."""
        return self._connection.get_group_name()

    def exporter(self, label: bytes, size: int, context: bytes | None = None) -> bytes:
        """Keying material bound to this connection (RFC 8446, section 7.5)."""
        return self._connection.export_keying_material(label, size, context)

    def _end_reading(self) -> None:
        """From now on every read is the end (or the failure) and every poll says so at once.

        The end of TLS is not the end of TCP: a peer may keep that open, and the kernel would not
        wake a guest that polls.
        """
        self._read_ended = True
        with contextlib.suppress(OSError):  # TCP has ended already
            self._sock.shutdown(socket.SHUT_RD)

    def _check_writable(self) -> None:
        if self._write_failure is not None:
            raise _again(self._write_failure)
        if self._write_ended:
            raise BrokenPipeError(errno.EPIPE, "this side has ended TLS")

    def _flush(self) -> bool:
        """Let OpenSSL finish the block it has begun; False if there is still no room.

        A failure is remembered for the next call that sends.
        """
        if self._unflushed is None:
            return True
        try:
            self._connection.send(self._unflushed)
        except SSL.Error as e:
            if wanted_events(e):
                return False
            self._write_failed(e)
        self._unflushed = None
        return True

    def _write_failed(self, error: SSL.Error) -> OSError:
        self._unflushed = None
        self._write_failure = as_os_error(error)
        return self._write_failure


class _Ending:
    """A stream that still owes bytes or close_notify; a task of `Background`."""

    __slots__ = ("_background", "_closes", "_deadline", "_stream")

    def __init__(self, stream: TlsStream, background: Background, *, closes: bool) -> None:
        self._stream = stream
        self._background = background
        self._closes = closes
        self._deadline = time.monotonic() + LINGER_S

    def interest(self) -> tuple[tuple[int, int], ...]:
        """Room in the socket."""
        fd = self._stream.fileno()
        return ((fd, select.POLLOUT),) if fd >= 0 else ()

    def deadline(self) -> float | None:
        """When a peer that takes nothing is given up."""
        return self._deadline

    def pump(self) -> None:
        """Write what there is room for."""
        stream = self._stream
        is_open = stream.fileno() >= 0
        if is_open and not stream.finish_writing() and time.monotonic() < self._deadline:
            return
        self._background.discard(self)
        if self._closes:
            stream.drop()


def _again(failure: OSError) -> OSError:
    """A fresh exception like *failure*, so that tracebacks do not pile up on one object."""
    return OSError(failure.errno, failure.strerror)
