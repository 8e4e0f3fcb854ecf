"""The near end of a link: a SEQPACKET socket here, a channel of frames in the tunnel.

A frame that came waits until its files are whole and the socket takes it; those behind it wait
too.  A frame that is to go is taken from the socket one at a time, and held until the tunnel takes
it with all that is beside it.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
from collections import deque

from enarx import frames
from enarx.errors import MalformedError
from enarx.tunnel.channel import BROKEN, OPEN
from enarx.tunnel.files import FileIn, FileOut
from enarx.tunnel.records import FILE, FRAMES, STREAM
from enarx.tunnel.state import cost
from enarx.tunnel.stream import StreamEnd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from enarx.tunnel.carrier import Carrier
    from enarx.tunnel.channel import Channel

    Came: TypeAlias = tuple[bytes, tuple[Channel, ...]]
    Held: TypeAlias = tuple[bytes, list[int], list[tuple[int, int]]]

_STREAMS = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
_OUT_OF_RESOURCES = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS)
)
_TYPES = {STREAM: socket.SOCK_STREAM, FRAMES: socket.SOCK_SEQPACKET}


class FramesEnd:
    """Moves frames between the socket and the channel.

    Args:
        sock: owned from here on; None while the frame that brings it is not delivered.
    """

    __slots__ = ("_came", "_carrier", "_held", "_readable", "_ready_fds", "channel", "queued",
                 "sock")  # fmt: skip

    def __init__(
        self, carrier: Carrier, channel: Channel, sock: socket.socket | None = None
    ) -> None:
        self.channel = channel
        self.queued = False
        self.sock: socket.socket | None = None
        self._carrier = carrier
        self._came: deque[Came] = deque()
        self._ready_fds: list[int] = []  # of the first frame that came, once they are made
        self._held: Held | None = None
        self._readable = False
        if sock is not None:
            self.attach(sock)

    def attach(self, sock: socket.socket) -> None:
        """Begin to serve *sock*."""
        self.sock = sock
        self._carrier.watch_edges(sock.fileno(), self._ready)
        self._readable = True
        self._carrier.wake(self)
        self.flush()

    def pull(self) -> bool:
        """Send one frame of the socket's; whether there may be more."""
        channel, sock = self.channel, self.sock
        if sock is None or channel.out != OPEN:
            return False
        if self._held is None and self._readable:
            self._held = self._take(sock)
        if self._held is None:
            return False
        data, fds, wanted = self._held
        if not self._carrier.tunnel.takes(channel, data, wanted):
            self._carrier.wait_for_room(self)
            return False
        self._held = None
        opened = self._carrier.tunnel.frame(channel, data, wanted)
        for one, fd in zip(opened, fds, strict=True):
            self._carrier.add_end(_near_end(self._carrier, one, fd))
        return True

    def push_frame(self, data: bytes, opened: tuple[Channel, ...]) -> None:
        """Take a frame that came.

        Raises:
            OSError: there is no descriptor for one of its files.
        """
        for one in opened:
            self._carrier.add_end(self._far_end_of(one))
        self._came.append((data, opened))
        self.flush()

    def flush(self) -> None:
        """Deliver the frames that are whole, as many as the socket takes; then the end."""
        sock = self.sock
        while sock is not None and self._came:
            data, opened = self._came[0]
            if any(one.kind == FILE and one.left for one in opened):
                return
            try:
                if len(self._ready_fds) < len(opened):
                    self._make_descriptors(opened)
                frames.send(sock, data, self._ready_fds, wait=False)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._carrier.pause(self)
                    return
                self._gone()
                return
            frames.close(self._ready_fds)
            self._ready_fds = []
            self._came.popleft()
            for one in opened:
                if one.kind == FILE:
                    self._carrier.tunnel.taken(one)
            self._carrier.tunnel.grant(self.channel, cost(data, len(opened)))
        if not self._came and self.channel.into != OPEN:
            self._gone()

    def far_end(self) -> None:
        """The other side has closed the link, after what it sent before, or broken it off."""
        if self.channel.into == BROKEN:
            self.abort()
        else:
            self.flush()

    def push(self, _data: memoryview) -> None:
        """No stream comes here, as the state machine sees to."""

    def refuse(self, problem: str) -> None:
        """Break the link off: what the socket brought cannot be carried."""
        self._carrier.note(problem)
        self._carrier.tunnel.reset(self.channel)
        self.abort()

    def abort(self) -> None:
        """Let go of the socket, and of everything that waits."""
        came, self._came = self._came, deque()
        for _, opened in came:
            for one in opened:
                self._carrier.drop(one)
        frames.close(self._ready_fds)
        self._ready_fds = []
        if self._held is not None:
            frames.close(self._held[1])
            self._held = None
        self._carrier.forget_end(self)
        if self.sock is not None:
            self._carrier.forget(self.sock.fileno())
            self.sock.close()
            self.sock = None

    def _ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self.flush()
        self._readable = True
        self._carrier.wake(self)

    def _take(self, sock: socket.socket) -> Held | None:
        """Take one frame of the socket, and see what is beside it; None if there is none."""
        try:
            data, fds = frames.receive(sock, wait=False)
        except BlockingIOError:
            self._readable = False
            return None
        except MalformedError as error:
            self.refuse(str(error))
            return None
        except OSError:
            data, fds = b"", []
        try:
            wanted = [_kind(fd) for fd in fds]
        except MalformedError as error:
            frames.close(fds)
            self.refuse(str(error))
            return None
        if not data or not self._carrier.tunnel.could_take(wanted):
            frames.close(fds)
            if data:
                self.refuse("the files beside a frame are larger than the other side takes")
            else:
                self._gone()
            return None
        return data, fds, wanted

    def _gone(self) -> None:
        """Whoever had the other end of the socket has closed it, or is to see ours closed."""
        self._carrier.tunnel.close(self.channel)
        self.abort()

    def _far_end_of(self, channel: Channel) -> StreamEnd | FramesEnd | FileIn:
        """Serve a channel that came beside a frame, before the frame is delivered."""
        if channel.kind == FILE:
            return FileIn(self._carrier, channel, self)
        return (StreamEnd if channel.kind == STREAM else FramesEnd)(self._carrier, channel)

    def _make_descriptors(self, opened: tuple[Channel, ...]) -> None:
        """Make what goes beside a frame; what was made stays if the rest cannot be.

        Raises:
            OSError: there are no descriptors left.
        """
        for one in opened[len(self._ready_fds) :]:
            end = self._carrier.end_of(one)
            if isinstance(end, FileIn):
                self._ready_fds.append(end.detach())
                continue
            ours, theirs = socket.socketpair(socket.AF_UNIX, _TYPES[one.kind])
            self._ready_fds.append(theirs.detach())
            if isinstance(end, StreamEnd | FramesEnd):
                end.attach(ours)
            else:  # it is over before it was delivered
                ours.close()


def _kind(fd: int) -> tuple[int, int]:
    """What a descriptor is carried as, and its size.

    Raises:
        MalformedError: it cannot be carried.
    """
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode):
        return FILE, status.st_size
    if stat.S_ISSOCK(status.st_mode):
        with socket.socket(fileno=os.dup(fd)) as sock:
            listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if sock.type == socket.SOCK_STREAM and sock.family in _STREAMS and not listens:
                return STREAM, 0
            if sock.type == socket.SOCK_SEQPACKET and sock.family == socket.AF_UNIX and not listens:
                return FRAMES, 0
    raise MalformedError(
        "descriptor beside a frame", "is no regular file, connected stream or link"
    )


def _near_end(carrier: Carrier, channel: Channel, fd: int) -> StreamEnd | FramesEnd | FileOut:
    """Serve a descriptor that came beside a frame of ours."""
    if channel.kind == FILE:
        return FileOut(carrier, channel, fd)
    sock = socket.socket(fileno=fd)
    return (StreamEnd if channel.kind == STREAM else FramesEnd)(carrier, channel, sock)
