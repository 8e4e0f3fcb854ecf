"""The accept channel: how the broker hands over the connections it accepted.

The broker belongs to the untrusted host, so whatever arrives that is not a peer and its one
descriptor (``protocol.link``) is dropped, with every descriptor in it, and the keep goes on.
"""

from __future__ import annotations

import errno
import socket

from enarx import frames
from enarx.errors import MalformedError
from enarx.protocol.link import decode_peer


class AcceptChannel:
    """Connections from the broker.

    Args:
        fd: the SEQPACKET socket, owned from here on.
    """

    __slots__ = ("_sock", "ended")

    def __init__(self, fd: int) -> None:
        self._sock = socket.socket(fileno=fd)
        self.ended = False

    def fileno(self) -> int:
        """The descriptor to poll for new connections."""
        return self._sock.fileno()

    def receive(self) -> tuple[int, tuple[str, int]]:
        """The next connection's descriptor, owned by the caller, and its peer.

        Raises:
            BlockingIOError: none is waiting.
            OSError: EINVAL, as Linux says for a listening socket that was shut down, when the
                broker has closed the channel.
        """
        while True:
            try:
                data, fds = frames.receive(self._sock, descriptors=1, wait=False)
            except MalformedError:
                continue
            if not data and not fds:
                self.ended = True
                raise OSError(errno.EINVAL, "the host has closed this listening socket")
            try:
                peer = decode_peer(data, len(fds))
            except MalformedError:
                frames.close(fds)
                continue
            return fds[0], peer

    def close(self) -> None:
        """Take no more connections; those still in the channel are reset by the kernel."""
        self.ended = True
        self._sock.close()
