"""Carries links over a pipe: one process, one loop, nothing in it blocks.

The pipe is a character device or a stream socket, and whoever is at its other end is not trusted.
What waits in memory is bounded whatever that side does, and whatever those at the near ends of
links and streams do: nothing is read that there is no credit and no room for.  All take turns.

After its start it opens nothing but files in memory and socket pairs.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import time
from collections import deque

from enarx.errors import MalformedError, UnavailableError
from enarx.protocol.agent_link import MAX_FILE_BYTES
from enarx.tunnel.frame_link import FramesEnd
from enarx.tunnel.records import CREDIT, DATA, FRAME, HOST
from enarx.tunnel.state import Tunnel

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from enarx.tunnel.channel import Channel
    from enarx.tunnel.files import FileIn, FileOut
    from enarx.tunnel.stream import StreamEnd

    NearEnd: TypeAlias = StreamEnd | FramesEnd | FileIn | FileOut

FINISHED, LOST, VIOLATION, FAILED = "finished", "lost", "violation", "failed"
"""How a tunnel ends: in order; without the other side; by its fault; by this machine's."""

LINGER_S = 60.0
"""How long bytes for somebody who takes none are kept, and a tunnel whose links are closed."""

_FULL = 128 * 1024  # bytes to be sent, beyond which nothing more is read from near ends
_STALLED = 1 << 20  # likewise, and nothing from the pipe: the other side answers nothing
_PIECE = 128 * 1024
_SHORT_READ = 4096  # a page, which is all that a virtio port gives at a time
_PAUSE_S = 0.1
_HANG_UP_S = 5.0
_MOST_LINGERING = 1024
_EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET
_GONE = select.EPOLLHUP | select.EPOLLERR


class End:
    """How a tunnel ended, and why, in one line."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text


def carry(
    pipe: int, links: Sequence[socket.socket], role: int, files_bytes: int = MAX_FILE_BYTES
) -> End:
    """Carry *links* over *pipe* until they are closed, or the other side is; see `Carrier`."""
    carrier = Carrier(pipe, links, role, files_bytes)
    while carrier.end is None:
        carrier.step()
    return carrier.end


class Carrier:
    """One end of a tunnel.

    Call ``step`` until ``end`` is set.  To be part of another loop, poll ``fileno()`` for reading
    and call ``step(0)`` then, and after ``patience_s()`` at the latest.

    Args:
        pipe: descriptor of the byte pipe, owned from here on.
        links: SEQPACKET sockets, owned from here on; the other side gives as many, in this order.
        role: HOST or KEEP of ``tunnel.records``; the other side has the other one.
        files_bytes: the most bytes of files that may be on their way to this side.
        linger_s: how long to wait for somebody who takes no bytes, once nobody else waits for it.

    Attributes:
        end: how it ended; everything is closed then, the pipe too.
        problem: what a near end did that cannot be carried, if that is why its link was closed.
    """

    def __init__(
        self,
        pipe: int,
        links: Sequence[socket.socket],
        role: int,
        files_bytes: int = MAX_FILE_BYTES,
        *,
        linger_s: float = LINGER_S,
    ) -> None:
        self.end: End | None = None
        self.problem = ""
        self.tunnel = Tunnel(role, len(links), files_bytes)
        self._pipe = pipe
        self._linger_s = linger_s
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._ends: dict[Channel, NearEnd] = {}
        self._ready: deque[NearEnd] = deque()
        self._blocked: set[NearEnd] = set()
        self._paused: set[NearEnd] = set()
        self._resume = math.inf
        self._lingering: dict[NearEnd, float] = {}
        self._closing = math.inf
        self._hangs_up = False
        self._mask = select.EPOLLIN
        self._read_into = memoryview(bytearray(_PIECE))
        os.set_blocking(pipe, False)
        self.watch(pipe, self._mask, self._pipe_ready)
        for channel, sock in zip(self.tunnel.links, links, strict=True):
            self.add_end(FramesEnd(self, channel, sock))

    def fileno(self) -> int:
        """Readable when ``step`` has something to do, but for what ``patience_s`` knows."""
        return self._epoll.fileno()

    def watch(self, fd: int, mask: int, callback: Callable[[int], None]) -> None:
        """Call *callback* in ``step`` with the epoll events of *fd*, as long as there are some.

        Replaces an earlier watch; errors and hang-ups are reported whatever *mask* says.
        """
        if fd in self._callbacks:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.register(fd, mask)
        self._callbacks[fd] = callback

    def watch_edges(self, fd: int, callback: Callable[[int], None]) -> None:
        """Call *callback* when *fd* has become readable or writable, once each time."""
        self.watch(fd, _EDGES, callback)

    def forget(self, fd: int) -> None:
        """Stop watching *fd*, before it is closed."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def patience_s(self) -> float | None:
        """Seconds after which ``step`` is to be called even if nothing happens; None for ever."""
        if self._ready and self._may_send:
            return 0.0
        due = min(self._resume, self._closing, min(self._lingering.values(), default=math.inf))
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def step(self, timeout_s: float | None = None) -> None:
        """Wait until something happens, at most *timeout_s*, and do what there is to do."""
        patience = self.patience_s()
        if patience is None or (timeout_s is not None and timeout_s < patience):
            patience = timeout_s
        for fd, events in self._epoll.poll(patience):
            callback = self._callbacks.get(fd)
            if callback is not None:
                callback(events)
            if self.end is not None:
                return
        try:
            self._pump()
            self._flush()
        except (OSError, UnavailableError) as error:
            self.close(FAILED, str(error))
            return
        self._look_at_the_clock()
        self._finish()

    def close(self, kind: str = FAILED, text: str = "was closed on this side") -> None:
        """End the tunnel now: every near end sees that it broke."""
        if self.end is not None:
            return
        self.end = End(kind, text)
        for end in tuple(self._ends.values()):
            end.abort()
        self._close_pipe()
        self._epoll.close()

    # what near ends call

    @property
    def closing(self) -> bool:
        """No link is left: what is not to be delivered any more is to end."""
        return self._closing != math.inf

    def add_end(self, end: NearEnd) -> None:
        """Serve a channel by *end*."""
        self._ends[end.channel] = end

    def end_of(self, channel: Channel) -> NearEnd | None:
        """Who serves *channel*; None if nobody does any more."""
        return self._ends.get(channel)

    def forget_end(self, end: NearEnd) -> None:
        """*end* has closed what it had."""
        self._ends.pop(end.channel, None)
        self._lingering.pop(end, None)
        self.tunnel.released(end.channel)
        if not self.closing and not any(one in self._ends for one in self.tunnel.links):
            self._closing = time.monotonic() + self._linger_s
            for other in tuple(self._ends.values()):
                other.flush()

    def drop(self, channel: Channel) -> None:
        """Nobody will take a channel that came beside a frame."""
        self.tunnel.drop(channel)
        end = self._ends.get(channel)
        if end is not None:
            end.abort()

    def wake(self, end: NearEnd) -> None:
        """Let *end* have its turn."""
        if not end.queued:
            end.queued = True
            self._ready.append(end)

    def wait_for_room(self, end: NearEnd) -> None:
        """Let *end* have its turn when a channel has ended, or more credit came."""
        self._blocked.add(end)

    def pause(self, end: NearEnd) -> None:
        """Try again a little later, when the machine may have descriptors or memory again."""
        self._paused.add(end)
        self._resume = min(self._resume, time.monotonic() + _PAUSE_S)

    def linger(self, end: NearEnd, *, patient: bool) -> None:
        """Break *end* off if it does not get rid of what it has, unless *patient*, in time."""
        self._lingering.pop(end, None)  # the first is who has moved nothing for the longest time
        self._lingering[end] = math.inf if patient else time.monotonic() + self._linger_s
        while len(self._lingering) > _MOST_LINGERING:
            self._give_up(next(iter(self._lingering)))

    def note(self, problem: str) -> None:
        """Remember why a link was closed."""
        self.problem = self.problem or problem

    # the pipe

    @property
    def _may_send(self) -> bool:
        return self.tunnel.greeted and len(self.tunnel.output) < _FULL

    def _pipe_ready(self, events: int) -> None:
        if not events & (select.EPOLLIN | _GONE):
            return
        try:
            data = self._read()
            if data is None:
                self._pipe_ended()
            else:
                self._receive(data)
        except MalformedError as error:
            self.close(VIOLATION, str(error))
        except OSError as error:
            self.close(FAILED, str(error))

    def _read(self) -> bytes | None:
        """What has come, up to a bound that lets others have their turn; None at the end."""
        size = 0
        while size < _PIECE:
            try:
                got = os.readv(self._pipe, [self._read_into[size:]])
            except BlockingIOError:
                break
            except OSError:
                got = 0
            if not got:
                return bytes(self._read_into[:size]) if size else None
            size += got
            if got < _SHORT_READ:
                break
        return bytes(self._read_into[:size])

    def _receive(self, data: bytes) -> None:
        for kind, channel, content in self.tunnel.receive(data):
            end = self._ends.get(channel)
            if end is None:
                continue
            if kind == DATA:
                end.push(content)  # type: ignore[arg-type]  # as the event says
            elif kind == CREDIT:
                self.wake(end)
            elif kind == FRAME and isinstance(end, FramesEnd):
                end.push_frame(*content)  # type: ignore[misc]
            else:
                end.far_end()

    def _pipe_ended(self) -> None:
        if not self.tunnel.over:
            self.close(LOST, "the other side closed the tunnel")
        elif not self._lingering:
            self.close(FINISHED, "all links were closed")
        else:
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            with contextlib.suppress(OSError):
                self.forget(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
            self.tunnel.output.clear()

    def _pump(self) -> None:
        """Read from near ends, by turns, what there is room for."""
        while self._may_send:
            if self._blocked and self.tunnel.freed:
                self.tunnel.freed = False
                blocked, self._blocked = self._blocked, set()
                for end in blocked:
                    self.wake(end)
            if not self._ready:
                return
            end = self._ready.popleft()
            end.queued = False
            if end.pull():
                self.wake(end)

    def _flush(self) -> None:
        """Send what the pipe takes."""
        output = self.tunnel.output
        if self._pipe < 0:
            return
        try:
            while output:
                with memoryview(output) as whole, whole[:_PIECE] as piece:
                    sent = os.write(self._pipe, piece)
                del output[:sent]
        except BlockingIOError:
            pass
        except OSError:
            output.clear()  # it is gone: reading says so, after what it said last
        reads = 0 if len(output) > _STALLED else select.EPOLLIN
        mask = reads | (select.EPOLLOUT if output else 0)
        if mask != self._mask:
            self._mask = mask
            self.watch(self._pipe, mask, self._pipe_ready)

    # ends

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        if now >= self._resume:
            self._resume = math.inf
            paused, self._paused = self._paused, set()
            for end in paused:
                end.flush()
        if self._lingering:
            for end in [one for one, due in self._lingering.items() if now >= due]:
                self._give_up(end)
        if now >= self._closing and self.tunnel.over:
            self.close(FINISHED, "all links were closed")
        elif now >= self._closing:
            self.close(LOST, "the other side did not finish")

    def _give_up(self, end: NearEnd) -> None:
        self.tunnel.reset(end.channel)
        end.abort()

    def _finish(self) -> None:
        """End once everything is over and sent; the keep lets the host hang up first."""
        if self.end is not None or not self.tunnel.over or self.tunnel.output or self._lingering:
            return
        if self._pipe < 0 or self.tunnel.role == HOST:
            self.close(FINISHED, "all links were closed")
        elif not self._hangs_up:
            self._hangs_up = True
            self._closing = time.monotonic() + min(_HANG_UP_S, self._linger_s)
