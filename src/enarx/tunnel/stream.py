"""The near end of a stream: a socket here, a channel in the tunnel.

What comes waits in memory, at most the channel's window, until the socket takes it.  What the
socket has is only read when the tunnel takes it.  Orderly ends stay orderly, and a broken
connection breaks at the other end: a TCP connection by RST, a local socket by hanging up.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct

from enarx.tunnel.channel import BROKEN, CLOSED, ENDED, OPEN
from enarx.tunnel.records import PIECE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.tunnel.carrier import Carrier
    from enarx.tunnel.channel import Channel

_DONTWAIT = int(socket.MSG_DONTWAIT)
_SEND = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close that breaks off
_GONE = select.EPOLLHUP | select.EPOLLERR


class StreamEnd:
    """Moves bytes between the socket and the channel.

    Args:
        sock: connected; None while the frame that brings it is not delivered.

    Attributes:
        queued: it waits for its turn to ``pull``.
    """

    __slots__ = (
        "_broken", "_buffer", "_carrier", "_end_said", "_hung_up", "_readable", "_undeliverable",
        "channel", "queued", "sock",
    )  # fmt: skip

    def __init__(
        self, carrier: Carrier, channel: Channel, sock: socket.socket | None = None
    ) -> None:
        self.channel = channel
        self.queued = False
        self.sock: socket.socket | None = None
        self._carrier = carrier
        self._buffer = bytearray()
        self._readable = False
        self._hung_up = False
        self._undeliverable = False  # the socket takes no more; what it has is still read
        self._broken = False  # and that is no orderly end
        self._end_said = False  # to the socket
        if sock is not None:
            self.attach(sock)

    def attach(self, sock: socket.socket) -> None:
        """Begin to serve *sock*."""
        self.sock = sock
        self._carrier.watch_edges(sock.fileno(), self._ready)
        self._read_on()
        self.flush()

    def pull(self) -> bool:
        """Send a piece of what the socket has; whether there may be more."""
        channel, sock = self.channel, self.sock
        if sock is None or channel.out != OPEN or not self._readable:
            return False
        deaf = channel.deaf
        size = (not self._buffer) if deaf else min(channel.credit, PIECE)
        if not size:
            return False
        try:
            data = sock.recv(size, _DONTWAIT)
        except BlockingIOError:
            self._readable = False
            return False
        except OSError:
            self.reset()
            return False
        if not data:
            self._ended()
        elif deaf:  # as a kernel answers what is sent to a socket that was closed
            self.reset()
        else:
            self._carrier.tunnel.data(channel, data)
            self._linger()
            return True
        return False

    def push(self, data: memoryview) -> None:
        """Take what came for the socket."""
        sent = 0
        if self.sock is not None and not self._buffer:
            sent = self._send(data)
        if sent < len(data):
            self._buffer += data[sent:]

    def flush(self) -> None:
        """Give the socket what it takes, and after the last of it the end."""
        if self.sock is None:
            return
        if self._buffer:
            with memoryview(self._buffer) as view:
                sent = self._send(view)
            del self._buffer[:sent]
            if sent:
                self._linger()
        if not self._buffer and self.channel.into != OPEN:
            self._deliver_end()

    def far_end(self) -> None:
        """The other side sends no more."""
        if self.channel.into == BROKEN:
            self.abort()
            return
        self._read_on()  # nobody may want it any more
        self.flush()
        self._linger()

    def reset(self) -> None:
        """Break off on both sides."""
        self._carrier.tunnel.reset(self.channel)
        self.abort()

    def abort(self) -> None:
        """Let go of the socket so that whoever has the other end sees that it broke."""
        self._buffer.clear()
        if self.sock is not None and not self._is_local:
            with contextlib.suppress(OSError):  # it is broken already
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._release()

    @property
    def _is_local(self) -> bool:
        return self.sock is not None and self.sock.family == socket.AF_UNIX

    def _ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self.flush()
        if events & _GONE and self.sock is not None and _hung_up(self.sock):
            self._hung_up = True
            if self.channel.out == ENDED:
                self._gone()
            else:
                self._linger()
        if events & ~select.EPOLLOUT:
            self._read_on()

    def _read_on(self) -> None:
        self._readable = True
        self._carrier.wake(self)

    def _ended(self) -> None:
        """The socket has no more to send; perhaps nobody reads it either."""
        if self._hung_up or self._undeliverable:
            self._gone()
            return
        self._carrier.tunnel.end(self.channel)
        if self.channel.over:
            self._linger()
            self.flush()

    def _gone(self) -> None:
        """Whoever had the other end of the socket has closed it."""
        sock = self.sock
        if sock is None or self.channel.over:
            return
        if self._broken or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.reset()
        else:
            self._carrier.tunnel.close(self.channel)
            self._buffer.clear()
            self._release()

    def _send(self, data: memoryview) -> int:
        """Send what fits: how much of *data* is done with.

        What nobody takes any more is thrown away: two sides that both do so must not wait for each
        other before each has said its last.
        """
        sock = self.sock
        try:
            sent = len(data) if self._undeliverable or sock is None else sock.send(data, _SEND)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._undeliverable = True
            self._broken = error.errno != errno.EPIPE
            self._read_on()
            sent = len(data)
        self._carrier.tunnel.grant(self.channel, sent)
        return sent

    def _deliver_end(self) -> None:
        """Everything was delivered: say that it was all."""
        sock, channel = self.sock, self.channel
        if sock is None:
            return
        if channel.into == CLOSED and (self._carrier.closing or not self._is_local):
            self._carrier.tunnel.end(channel)  # the kernel does the rest, as for a closed socket
        if channel.over:
            self._release()
            return
        if not self._end_said:  # doing it again would call for us again
            self._end_said = True
            with contextlib.suppress(OSError):  # it is closed already
                sock.shutdown(socket.SHUT_WR)
            self._read_on()

    def _linger(self) -> None:
        """Nobody waits for what is still on its way here, so that there must be a bound."""
        if self.sock is None:
            return
        if self._hung_up:
            self._carrier.linger(self, patient=False)
        elif self._buffer and self.channel.over:
            self._carrier.linger(self, patient=self._is_local)
        elif self._buffer and self.channel.into == CLOSED and not self._is_local:
            self._carrier.linger(self, patient=False)

    def _release(self) -> None:
        """Have no socket any more."""
        self._carrier.forget_end(self)
        if self.sock is not None:
            self._carrier.forget(self.sock.fileno())
            self.sock.close()
            self.sock = None


def _hung_up(sock: socket.socket) -> bool:
    """Whether an event of the kernel is about this socket, and not one closed before it."""
    poll = select.poll()
    poll.register(sock, 0)
    return bool(poll.poll(0))
