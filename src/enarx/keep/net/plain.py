"""A connected TCP stream without TLS.

This is the hottest path of a keep: a one-byte read of the guest is one method call and one
system call.  So the socket's own methods are used as attributes where their signature allows
it, and nothing here keeps state beside the descriptor's.

In a virtual machine the descriptor is one end of a local pair, whose other end the tunnel holds.
It tells an orderly end by ending its direction alone, and a reset by closing the pair.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
import termios

from enarx.keep.net.wait import poll_now, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.net.wait import Background

# `socket` has these as enum members, whose `|` costs more than the system call it prepares.
_DONTWAIT = int(socket.MSG_DONTWAIT)
_PEEK_DONTWAIT = int(socket.MSG_DONTWAIT | socket.MSG_PEEK)
_NOSIGNAL = int(socket.MSG_NOSIGNAL)
_NOSIGNAL_DONTWAIT = int(socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)

_int = struct.Struct("i")

SHUTDOWN_READ, SHUTDOWN_WRITE, SHUTDOWN_BOTH = 1, 2, 3  # WASI preview 1, `sdflags`


def open_stream_socket(fd: int) -> socket.socket:
    """Take over *fd* as a connected stream socket; it is closed if it is none.

    Raises:
        OSError: *fd* is no stream socket, or not open.
    """
    try:
        sock = socket.socket(fileno=fd)
    except OSError:
        _close_quietly(fd)
        raise
    if sock.type != socket.SOCK_STREAM:
        sock.close()
        raise OSError(errno.EPROTOTYPE, "not a stream socket")
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class PlainStream:
    """One connected socket.

    Args:
        fd: the descriptor, owned from here on (closed even if this raises).
        peer: host and port of the other side, as the broker says.
        background: what must go on while the guest blocks; None where no TLS is configured,
            and then a blocking call is the kernel's own.

    Attributes:
        recv_into_blocking: ``(view) -> int``, 0 at the end of the stream.
        fileno: ``() -> int``.
    """

    __slots__ = (
        "_background",
        "_recv_into",
        "_said_all",
        "_send",
        "_sendall",
        "_sock",
        "fileno",
        "peer",
        "recv_into_blocking",
    )

    if TYPE_CHECKING:
        recv_into_blocking: Callable[[memoryview], int]
        fileno: Callable[[], int]

    def __init__(
        self, fd: int, peer: tuple[str, int], background: Background | None = None
    ) -> None:
        sock = open_stream_socket(fd)
        sock.setblocking(True)
        self.peer = peer
        self._sock = sock
        self._background = background
        self._said_all = False
        is_local = sock.family == socket.AF_UNIX
        self._recv_into: Callable[..., int] = self._recv_local if is_local else sock.recv_into
        self._send = sock.send
        self._sendall = sock.sendall
        self.fileno = sock.fileno
        self.recv_into_blocking = self._recv_into if background is None else self._recv_waiting

    def recv_into(self, view: memoryview, peek: bool = False) -> int:  # noqa: FBT001, FBT002 - the net contract; keywords cost on this path
        """Receive what is there; 0 at the end of the stream.

        Raises:
            BlockingIOError: nothing is there yet.
        """
        return self._recv_into(view, 0, _PEEK_DONTWAIT if peek else _DONTWAIT)

    def send(self, view: memoryview) -> int:
        """Send what fits now.

        Raises:
            BlockingIOError: nothing fits.
        """
        return self._send(view, _NOSIGNAL_DONTWAIT)

    def send_blocking(self, view: memoryview) -> int:
        """Send all of *view*, waiting for room."""
        size = len(view)
        if self._background is None:
            self._sendall(view, _NOSIGNAL)
            return size
        done = 0
        while done < size:
            try:
                done += self._send(view[done:] if done else view, _NOSIGNAL_DONTWAIT)
            except BlockingIOError:
                self.wait(select.POLLOUT)
        return done

    def wants(self) -> int:
        """The poll mask to wait for before receiving again."""
        return select.POLLIN

    def wait(self, mask: int, deadline: float | None = None) -> bool:
        """Sleep until the socket is ready for *mask*; False when *deadline* passed."""
        if self._background is None:
            return bool(wait(self.fileno(), mask, deadline))
        return bool(self._background.wait(((self.fileno(), mask),), deadline))

    def pending(self) -> int:
        """Bytes readable without the socket: none."""
        return 0

    def poll_ready(self, *, write: bool) -> int | None:
        """Bytes that can be read at once, 0 for end, error or room to write; None to wait."""
        if not poll_now(self.fileno(), select.POLLOUT if write else select.POLLIN):
            return None
        return 0 if write else _readable(self.fileno())

    def poll_fired(self, *, write: bool) -> int:
        """The same, where `poll` has just said that there is something."""
        return 0 if write else _readable(self.fileno())

    def poll_interest(self, *, write: bool) -> tuple[tuple[int, int], ...]:
        """What to wait for when `poll_ready` said None."""
        return ((self.fileno(), select.POLLOUT if write else select.POLLIN),)

    def shutdown(self, how: int) -> None:
        """End reading (1), writing (2) or both (3)."""
        if not SHUTDOWN_READ <= how <= SHUTDOWN_BOTH:
            raise OSError(errno.EINVAL, "shutdown takes read, write or both")
        self._sock.shutdown(how - 1)  # SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2
        self._said_all |= how != SHUTDOWN_READ

    def close(self) -> None:
        """Close; bytes already sent are still delivered by the kernel."""
        self._sock.close()

    def _recv_local(self, view: memoryview, size: int = 0, flags: int = 0) -> int:
        """Receive from a local pair: an end that is none by the other side's word is a reset."""
        count = self._sock.recv_into(view, size, flags)
        if not count and view and not self._said_all and poll_now(self.fileno(), 0):
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return count

    def _recv_waiting(self, view: memoryview) -> int:
        while True:
            try:
                return self._recv_into(view, 0, _DONTWAIT)
            except BlockingIOError:
                self.wait(select.POLLIN)


def _readable(fd: int) -> int:
    """Bytes in the socket's receive buffer (FIONREAD)."""
    size: int
    (size,) = _int.unpack(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))
    return size


def _close_quietly(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return  # it was not open: nothing is lost
