"""The accept channel: how the broker hands over the connections it accepted.

A SEQPACKET socket; each message is ``{"peer": [host, port]}`` and carries one connected
descriptor.  The broker belongs to the untrusted host, so whatever else arrives is dropped, with
every descriptor in it, and the keep goes on.
"""

from __future__ import annotations

import errno
import json
import os
import socket

_LARGEST = 4096  # bytes of one message: a host name has at most 255, the rest is slack
_MOST_DESCRIPTORS = 4  # one is right; room to see, and close, what is too many
_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_LARGEST_PORT = 0xFFFF


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
            data, descriptors, flags, _ = socket.recv_fds(
                self._sock, _LARGEST, _MOST_DESCRIPTORS, _FLAGS
            )
            if not data and not descriptors:
                self.ended = True
                raise OSError(errno.EINVAL, "the host has closed this listening socket")
            whole = not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
            peer = _peer(data) if whole and len(descriptors) == 1 else None
            if peer is not None:
                return descriptors[0], peer
            for fd in descriptors:
                os.close(fd)

    def close(self) -> None:
        """Take no more connections; those still in the channel are reset by the kernel."""
        self.ended = True
        self._sock.close()


def _peer(data: bytes) -> tuple[str, int] | None:
    """Host and port out of a message, None if it has another shape."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"peer": [str(host), int(port)]} if 0 <= port <= _LARGEST_PORT:
            return host, port
        case _:
            return None
