"""Frames with descriptors on a SEQPACKET socket that the caller owns.

One call sends or receives one frame; what is in it is decided elsewhere.  It opens nothing and
imports no socket module: both ends of a link share it, and neither blocks the other through it
beyond what the caller asked for.
"""

from __future__ import annotations

import array
import os

from enarx.errors import MalformedError
from enarx.protocol.launch import MAX_DESCRIPTORS, MAX_FRAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence

# Linux, include/linux/socket.h and include/uapi/asm-generic/socket.h
_SOL_SOCKET = 1
_SCM_RIGHTS = 1
_MSG_CTRUNC = 0x8
_MSG_TRUNC = 0x20
_MSG_DONTWAIT = 0x40
_MSG_NOSIGNAL = 0x4000
_MSG_CMSG_CLOEXEC = 0x4000_0000

_DESCRIPTOR_BYTES = 4
_HEADER_BYTES = 32  # a control message's header, with room for alignment


def send(sock: socket.socket, data: bytes, fds: Sequence[int] = (), *, wait: bool = True) -> None:
    """Send one frame; it goes whole or not at all.

    Raises:
        BlockingIOError: it does not fit now and *wait* is false.
        OSError: the other end is gone (EPIPE, ECONNRESET), or a descriptor is bad.
    """
    ancillary = [(_SOL_SOCKET, _SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([data], ancillary, _MSG_NOSIGNAL | (0 if wait else _MSG_DONTWAIT))


def receive(
    sock: socket.socket, *, descriptors: int = MAX_DESCRIPTORS, wait: bool = True
) -> tuple[bytes, list[int]]:
    """Receive one frame and the at most *descriptors* descriptors beside it (close-on-exec).

    An empty frame means that the other end is gone.  The caller owns the descriptors.

    Raises:
        BlockingIOError: nothing is there now and *wait* is false.
        MalformedError: the frame is too long or has too many descriptors; all are closed.
    """
    flags = _MSG_CMSG_CLOEXEC | (0 if wait else _MSG_DONTWAIT)
    room = _HEADER_BYTES + descriptors * _DESCRIPTOR_BYTES
    try:
        data, ancillary, got, _ = sock.recvmsg(MAX_FRAME, room, flags)
    except ConnectionResetError:  # said once, by a peer that left a frame unread, before its last
        data, ancillary, got, _ = sock.recvmsg(MAX_FRAME, room, flags)
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == _SOL_SOCKET and kind == _SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    if got & (_MSG_TRUNC | _MSG_CTRUNC) or len(fds) > descriptors:
        close(fds)
        problem = "is too long" if got & _MSG_TRUNC else "has descriptors that were not expected"
        raise MalformedError("frame", problem)
    return data, fds.tolist()


def close(fds: Iterable[int]) -> None:
    """Close descriptors that nobody took."""
    for fd in fds:
        os.close(fd)
