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
import struct

_LARGEST = 4096  # bytes of one message: a host name has at most 255, the rest is slack
_FD = struct.Struct("i")
_ANCILLARY = socket.CMSG_SPACE(4 * _FD.size)  # one is right; room to see, and close, too many
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
            # Not socket.recv_fds: it ignores its flags, and would block.
            data, ancillary, flags, _ = self._sock.recvmsg(_LARGEST, _ANCILLARY, _FLAGS)
            descriptors = _descriptors(ancillary)
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


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """Every descriptor that came with a message; the kernel may have cut the last entry."""
    found: list[int] = []
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            whole = data[: len(data) - len(data) % _FD.size]
            found.extend(fd for (fd,) in _FD.iter_unpack(whole))
    return found


def _peer(data: bytes) -> tuple[str, int] | None:
    """Host and port out of a message, None if it has another shape."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"peer": [str(host), int(port)]} if type(port) is int and 0 <= port <= _LARGEST_PORT:
            return host, port  # (`True` is an int, too)
        case _:
            return None
