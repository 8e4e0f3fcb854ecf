"""Connections and listening sockets as the guest's descriptors.

A stream never blocks by itself; a guest that asked for blocking is made to wait here, and while
it waits the handshakes of other connections go on (keep/net/wait).
"""

from __future__ import annotations

import errno

from enarx.keep.wasi import abi
from enarx.keep.wasi.descriptors import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.net.listener import Listener
    from enarx.keep.net.plain import PlainStream
    from enarx.keep.net.tls import TlsStream
    from enarx.keep.net.tls_listener import TlsListener

    Stream = PlainStream | TlsStream


class StreamDescriptor(Descriptor):
    """One connection, plain or TLS."""

    filetype = abi.SOCKET_STREAM

    def __init__(self, stream: Stream, fdflags: int = 0) -> None:
        super().__init__(abi.RIGHTS_STREAM, fdflags=fdflags)
        self._stream = stream
        self._shorten()

    def _shorten(self) -> None:
        """Let the two calls that a server makes most often be the stream's own."""
        stream = self._stream
        nonblock = self.fdflags & abi.NONBLOCK
        self.read_one = stream.recv_into if nonblock else stream.recv_into_blocking  # type: ignore[method-assign, assignment]
        self.write_one = stream.send if nonblock else stream.send_blocking  # type: ignore[method-assign]

    def read(self, views: Sequence[memoryview]) -> int:
        """Receive into the first buffer that has room; 0 at the end of the stream."""
        if not views:
            return 0
        return self._receive(views[0], peek=False)

    def _receive(self, view: memoryview, *, peek: bool) -> int:
        stream = self._stream
        if self.fdflags & abi.NONBLOCK:
            return stream.recv_into(view, peek)
        if not peek:
            return stream.recv_into_blocking(view)
        while True:
            try:
                return stream.recv_into(view, peek)
            except BlockingIOError:
                stream.wait(stream.wants())

    def write(self, views: Sequence[memoryview]) -> int:
        """Send; a blocking guest's bytes are all taken, a non-blocking one's as far as they fit."""
        sent = 0
        for view in views:
            try:
                sent += self._transmit(view)
            except BlockingIOError:
                if not sent:
                    raise
                return sent
            if sent and self.fdflags & abi.NONBLOCK and len(views) > 1:
                return sent
        return sent

    def _transmit(self, view: memoryview) -> int:
        stream = self._stream
        return stream.send(view) if self.fdflags & abi.NONBLOCK else stream.send_blocking(view)

    def recv(self, views: Sequence[memoryview], riflags: int) -> tuple[int, int]:
        """``sock_recv``: PEEK leaves the bytes, WAITALL fills every buffer unless the peer ends."""
        if riflags & ~(abi.RECV_PEEK | abi.RECV_WAITALL):
            raise OSError(errno.EINVAL, "unknown receive flags")
        peek = bool(riflags & abi.RECV_PEEK)
        if not views:
            return 0, 0
        if not riflags & abi.RECV_WAITALL or peek:
            return self._receive(views[0], peek=peek), 0
        total = 0
        for view in views:
            filled = 0
            while filled < len(view):
                try:
                    count = self._receive(view[filled:], peek=False)
                except BlockingIOError:
                    if total + filled:
                        return total + filled, 0
                    raise
                if not count:
                    return total + filled, 0
                filled += count
            total += filled
        return total, 0

    def send(self, views: Sequence[memoryview]) -> int:
        """``sock_send``."""
        return self.write(views)

    def shutdown(self, how: int) -> None:
        """``sock_shutdown``; over TLS, ending the writing side sends close_notify."""
        self._stream.shutdown(how)

    def set_flags(self, fdflags: int) -> None:
        """Only non-blocking means anything on a socket."""
        if fdflags & ~abi.NONBLOCK:
            raise OSError(errno.EINVAL, "only nonblock can be set on a socket")
        self.fdflags = fdflags
        self._shorten()

    def poll_ready(self, *, write: bool) -> int | None:
        """Bytes that TLS has decrypted and holds."""
        return None if write else self._stream.pending() or None

    def poll_interest(self, *, write: bool) -> tuple[tuple[int, int], ...]:
        """The socket, for what the stream needs next."""
        return self._stream.poll_interest(write=write)

    def poll_fired(self, *, write: bool) -> int | None:
        """Bytes to read, 0 at the end of the stream; over TLS a record may still be incomplete."""
        return self._stream.poll_fired(write=write)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()


class ListenerDescriptor(Descriptor):
    """A listening socket; its finished connections are accepted."""

    filetype = abi.SOCKET_STREAM

    def __init__(self, listener: Listener | TlsListener) -> None:
        super().__init__(abi.RIGHTS_LISTENER, abi.RIGHTS_STREAM)
        self._listener = listener

    def accept(self, fdflags: int) -> Descriptor:
        """The next connection whose handshake is done."""
        if fdflags & ~abi.NONBLOCK:
            raise OSError(errno.EINVAL, "only nonblock can be set on a socket")
        while True:
            try:
                return StreamDescriptor(self._listener.accept(), fdflags)
            except BlockingIOError:
                if self.fdflags & abi.NONBLOCK:
                    raise
                self._listener.wait()

    def set_flags(self, fdflags: int) -> None:
        """Only non-blocking means anything on a socket."""
        if fdflags & ~abi.NONBLOCK:
            raise OSError(errno.EINVAL, "only nonblock can be set on a socket")
        self.fdflags = fdflags

    def poll_ready(self, *, write: bool) -> int | None:
        """1 when a connection is known to be there; else what comes is looked at when it fires."""
        return 1 if not write and self._listener.known() else None

    def poll_interest(self, *, write: bool) -> tuple[tuple[int, int], ...]:
        """The accept channel, and every connection in its handshake."""
        return () if write else self._listener.interest()

    def poll_fired(self, *, write: bool) -> int | None:
        """Let handshakes go on; 1 when a connection is there to accept."""
        return 1 if self._listener.ready() else None

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
