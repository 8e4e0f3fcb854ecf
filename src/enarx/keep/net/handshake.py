"""A TLS handshake that never blocks: advanced whenever its socket is ready."""

from __future__ import annotations

import errno
import select
import time

from OpenSSL import SSL

from enarx.keep.net.plain import open_stream_socket
from enarx.keep.net.tls import TlsStream
from enarx.keep.net.tls_errors import as_os_error, wanted_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.net.tls_context import TlsContext
    from enarx.keep.net.wait import Background


class Handshake:
    """One handshake that has not ended.

    Args:
        fd: a connected socket, owned from here on (closed even if this raises).
        peer: host and port of the other side.
        context: for a server's or a client's side.
        deadline: an instant of `time.monotonic` after which it is dropped.
        now_s: seconds since 1970, for certificates.
        server_name: the client's side: whom to ask for and verify.
    """

    __slots__ = ("_connection", "_sock", "_verdict", "deadline", "peer", "wants")

    def __init__(
        self,
        fd: int,
        peer: tuple[str, int],
        context: TlsContext,
        *,
        deadline: float,
        now_s: float,
        server_name: str | None = None,
    ) -> None:
        sock = open_stream_socket(fd)
        sock.setblocking(False)
        self._sock = sock
        self.peer = peer
        self.deadline = deadline
        self.wants = select.POLLIN if server_name is None else select.POLLOUT
        try:
            self._connection, self._verdict = context.connection(sock, now_s, server_name)
        except ValueError as e:  # of `to_ascii`
            sock.close()
            raise OSError(errno.EINVAL, f"not a server name: {server_name!r}") from e

    def fileno(self) -> int:
        """The descriptor to poll for `wants`."""
        return self._sock.fileno()

    def advance(self) -> bool:
        """Go on as far as possible; True when the handshake is complete.

        Raises:
            OSError: it failed; the text says why.  The caller closes it.
        """
        failure: SSL.Error | None = None
        try:
            self._connection.do_handshake()
        except SSL.Error as e:
            failure = e
        if self._verdict.problem is not None:
            raise OSError(errno.EPROTO, self._verdict.problem) from failure
        if failure is None:
            return True
        self.wants = wanted_events(failure)
        if self.wants:
            return False
        raise as_os_error(failure) from failure

    def complete(self, background: Background) -> TlsStream:
        """Advance until the end, sleeping in between, and return the stream.

        Raises:
            OSError: it failed, or ran past the deadline.  The caller closes it.
        """
        while not self.advance():
            background.wait(((self.fileno(), self.wants),), self.deadline)
            if time.monotonic() >= self.deadline:  # also for a peer that sends byte by byte
                raise timed_out()
        return self.stream(background)

    def stream(self, background: Background) -> TlsStream:
        """The stream, after `advance` returned True; the handshake is used up."""
        return TlsStream(self._sock, self._connection, self.peer, background)

    def close(self) -> None:
        """Give up."""
        self._sock.close()


def timed_out() -> TimeoutError:
    """What ends a handshake at its deadline."""
    return TimeoutError(errno.ETIMEDOUT, "the TLS handshake timed out")
