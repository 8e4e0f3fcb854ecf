"""The rules of a tunnel: what may be sent when, and what the other side may send.

Pure: bytes in, events out; commands in, bytes out (``output``).  The other side is not trusted:
every record is checked against the state of its channel, and the first that does not fit raises.

Channels 0, 2, 4... up to the number of links exist from the start.  All others are opened by being
named beside a frame, by the host with even numbers and by the keep with odd ones, in order and
each once.
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.tunnel import records
from enarx.tunnel.channel import (
    BROKEN,
    CLOSED,
    ENDED,
    FRAME_OVERHEAD,
    OPEN,
    SMALL_WINDOW,
    STREAM_WINDOW,
    Channel,
)
from enarx.tunnel.records import (
    CLOSE,
    CREDIT,
    DATA,
    END,
    FILE,
    FRAME,
    FRAMES,
    HELLO,
    NAMES,
    RESET,
    STREAM,
    WHERE,
    Descriptor,
    Hello,
    Splitter,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    Wanted: TypeAlias = Sequence[tuple[int, int]]
    """Kind and size of what is to go beside a frame."""
    Event: TypeAlias = tuple[int, Channel, object]
    """Type of a record, its channel, and

    * of FRAME: the data, and the channels beside it, which are new;
    * of DATA: a memoryview that is good until the next event is asked for;
    * of CREDIT, END, CLOSE, RESET: None.
    """

MAX_CHANNELS = 4096
"""Most streams and links that one side may have opened at a time."""
MAX_FRAMES_CHANNELS = 128
"""Most of them that carry frames."""
MAX_FILES = 128
"""Most files of one side that may be on their way."""
MAX_LINKS = 16
MAX_CREDIT = 1 << 20
"""Most bytes that one channel may be granted at a time."""
LARGE_WINDOWS = 256
"""How many streams have a large window at a time; the others have a small one."""


class Tunnel:
    """One end of a tunnel, without its pipe.

    Args:
        role: HOST or KEEP.
        links: how many links there are; both sides must say the same.
        files_bytes: the most bytes of files that may be on their way to this side.

    Attributes:
        output: what is to be sent; the caller takes it from the front.
        channels: those that are not over, by number.
        greeted: the other side has said HELLO; nothing may be sent before.
        freed: set whenever a channel is over: what ``takes`` refused may be allowed now.
    """

    def __init__(self, role: int, links: int, files_bytes: int) -> None:
        if not 0 < links <= MAX_LINKS:
            raise ValueError(f"links: need 1 to {MAX_LINKS}, got {links}")
        self.role = role
        self._most_files = 0
        self.greeted = False
        self.freed = False
        self.links = tuple(Channel(2 * n, FRAMES) for n in range(links))
        self.channels = {one.number: one for one in self.links}
        self.output = bytearray(records.encode_hello(Hello(role, links, files_bytes)))
        self._splitter = Splitter()
        self._next = [2 * links, 1]
        self._open = [{FRAMES: 0, STREAM: 0, FILE: 0}, {FRAMES: 0, STREAM: 0, FILE: 0}]
        self._room = [files_bytes, files_bytes]  # of files, to each side
        self._large = LARGE_WINDOWS

    @property
    def over(self) -> bool:
        """No channel is left, and none will come."""
        return not self.channels

    def receive(self, data: bytes) -> Iterator[Event]:
        """What the next *data* of the other side means, one event at a time.

        Commands may be given between events.

        Raises:
            MalformedError: the other side broke the rules; the tunnel must end.
        """
        for kind, number, payload in self._splitter.feed(data):
            if not self.greeted or kind == HELLO:
                self._greet(kind, number, payload)
                continue
            channel = self._find(kind, number)
            if channel is None:
                continue
            content = _RULES[kind](self, channel, payload)
            if content is not _NOTHING:
                yield kind, channel, content

    # commands: the caller respects credit, room, and the states of directions

    def takes(self, channel: Channel, data: bytes, wanted: Wanted) -> bool:
        """Whether a frame with such descriptors may be sent now."""
        if channel.out != OPEN or channel.credit < cost(data, len(wanted)):
            return False
        room = self._room[1 - self.role] - sum(size for _, size in wanted)
        return room >= 0 and self._has_room(self.role, [kind for kind, _ in wanted])

    def could_take(self, wanted: Wanted) -> bool:
        """Whether a frame with such descriptors will ever be allowed."""
        return sum(size for _, size in wanted) <= self._most_files

    def frame(self, channel: Channel, data: bytes, wanted: Wanted) -> tuple[Channel, ...]:
        """Send a frame that ``takes`` allows: the channels beside it, in the same order."""
        channel.credit -= cost(data, len(wanted))
        opened = tuple(self._opened(self.role, kind, size) for kind, size in wanted)
        named = [Descriptor(one.kind, one.number, one.size) for one in opened]
        self.output += records.encode_frame(channel.number, data, named)
        for one in opened:
            self._widen(one)
            if one.kind == FILE and not one.left:
                one.out = ENDED
        return opened

    def data(self, channel: Channel, data: bytes) -> None:
        """Send a part of a stream (at most its credit) or of a file (at most what is left)."""
        self.output += records.header(DATA, channel.number, len(data))
        self.output += data
        if channel.kind == STREAM:
            channel.credit -= len(data)
            return
        channel.left -= len(data)
        if not channel.left:
            channel.out = ENDED

    def grant(self, channel: Channel, amount: int) -> None:
        """*amount* bytes of what came are out of the way: the other side may send as many more."""
        channel.owed += amount
        if 2 * channel.owed >= channel.most and channel.into == OPEN and not channel.discards:
            channel.window += channel.owed
            self.output += records.encode_credit(channel.number, channel.owed)
            channel.owed = 0

    def end(self, channel: Channel) -> None:
        """All of a stream was sent."""
        self._end(channel, END, ENDED)

    def close(self, channel: Channel) -> None:
        """All was sent, and nobody reads what comes."""
        self._end(channel, CLOSE, CLOSED)

    def reset(self, channel: Channel) -> None:
        """Break the channel off."""
        self._end(channel, RESET, BROKEN)

    def drop(self, channel: Channel) -> None:
        """Have nothing to do with a channel beside a frame that nobody takes."""
        if channel.kind != FILE:
            self.reset(channel)
        elif channel.into == OPEN:
            channel.unwanted = True
        else:
            self.taken(channel)

    def taken(self, channel: Channel) -> None:
        """A file is out of the way, and others may come."""
        self._end(channel, END, ENDED)

    def released(self, channel: Channel) -> None:
        """Nothing of a channel waits in memory any more."""
        if channel.kind == STREAM and channel.most == STREAM_WINDOW:
            channel.most = SMALL_WINDOW
            self._large += 1

    # what the other side sends

    def _greet(self, kind: int, number: int, payload: memoryview) -> None:
        if self.greeted or kind != HELLO or number:
            problem = f"got {NAMES[kind]} on channel {number}, want one HELLO before all others"
            raise MalformedError(WHERE, problem)
        hello = records.decode_hello(payload)
        if hello.role == self.role or hello.links != len(self.links):
            got, want = f"role {hello.role}, {hello.links} links", f"{1 - self.role}"
            raise MalformedError(WHERE, f"got {got}, want role {want}, {len(self.links)} links")
        self._room[hello.role] = hello.files_bytes
        self._most_files = hello.files_bytes
        self.greeted = True

    def _find(self, kind: int, number: int) -> Channel | None:
        """The channel of a record; None for what was sent before its sender knew of the end."""
        channel = self.channels.get(number)
        if channel is None:
            if number < self._next[number & 1] and kind in _MAY_BE_LATE:
                return None
            raise MalformedError(WHERE, f"got {NAMES[kind]} on channel {number}, which is not open")
        if kind not in _ALLOWED[channel.kind] or channel.into not in _ALLOWED_IN[kind]:
            problem = f"got {NAMES[kind]} on channel {number} of kind {channel.kind}"
            raise MalformedError(WHERE, f"{problem} in state {channel.into}")
        return channel

    def _take_frame(self, channel: Channel, payload: memoryview) -> object:
        _spend(channel, len(payload) + FRAME_OVERHEAD)
        data, named = records.decode_frame(payload)
        self._check_named(named)
        opened = tuple(self._opened(1 - self.role, one.kind, one.size) for one in named)
        for one in opened:
            if one.kind == FILE and not one.left:
                one.into = ENDED
            self._widen(one)
        if channel.discards:
            for one in opened:
                self.drop(one)
                self.released(one)
            return _NOTHING
        return data, opened

    def _check_named(self, named: Sequence[Descriptor]) -> None:
        """Descriptors beside a frame must have the next numbers, and be no more than is allowed."""
        number = self._next[1 - self.role]
        for n, one in enumerate(named):
            if one.channel != number + 2 * n:
                problem = f"got a new channel {one.channel}, want {number + 2 * n}"
                raise MalformedError(WHERE, problem)
        if not self._has_room(1 - self.role, [one.kind for one in named]):
            raise MalformedError(WHERE, "got a frame with too many new channels or files")
        if sum(one.size for one in named) > self._room[self.role]:
            raise MalformedError(WHERE, "got a frame with files that are too large")

    def _take_data(self, channel: Channel, payload: memoryview) -> object:
        if channel.kind == STREAM:
            _spend(channel, len(payload))
            return _NOTHING if channel.discards else payload
        if channel.parity == self.role or len(payload) > channel.left:
            problem = f"got {len(payload)} bytes of a file, want at most {channel.left}"
            raise MalformedError(WHERE, problem)
        channel.left -= len(payload)
        if not channel.left:
            channel.into = ENDED
        if channel.unwanted:
            if not channel.left:
                self.taken(channel)
            return _NOTHING
        return payload

    def _take_credit(self, channel: Channel, payload: memoryview) -> object:
        channel.credit += records.decode_credit(payload)
        if channel.credit > MAX_CREDIT:
            raise MalformedError(WHERE, f"got a credit of {channel.credit} bytes")
        return None

    def _take_end(self, channel: Channel, _payload: memoryview) -> object:
        if channel.kind == FILE and (channel.parity != self.role or channel.out == OPEN):
            raise MalformedError(WHERE, f"got END of the file {channel.number} too early")
        channel.into = ENDED
        self._finish(channel)
        return None

    def _take_close(self, channel: Channel, _payload: memoryview) -> object:
        channel.into = CLOSED
        self._finish(channel)
        return None

    def _take_reset(self, channel: Channel, _payload: memoryview) -> object:
        channel.into = BROKEN
        if channel.out == OPEN:
            self.reset(channel)
        else:
            self._finish(channel)
        return None

    # bookkeeping

    def _opened(self, parity: int, kind: int, size: int) -> Channel:
        channel = Channel(self._next[parity], kind, size)
        self._next[parity] += 2
        self._open[parity][kind] += 1
        if kind == FILE:
            self._room[1 - parity] -= size
        self.channels[channel.number] = channel
        return channel

    def _has_room(self, parity: int, kinds: Sequence[int]) -> bool:
        now = self._open[parity]
        links = now[FRAMES] + kinds.count(FRAMES)
        return (
            self._next[parity] + 2 * len(kinds) < _NUMBERS
            and now[FILE] + kinds.count(FILE) <= MAX_FILES
            and links <= MAX_FRAMES_CHANNELS
            and links + now[STREAM] + kinds.count(STREAM) <= MAX_CHANNELS
        )

    def _widen(self, channel: Channel) -> None:
        """Give a new stream a large window, while there are some."""
        if channel.kind == STREAM and self._large:
            self._large -= 1
            self.output += records.encode_credit(channel.number, STREAM_WINDOW - SMALL_WINDOW)
            channel.window = channel.most = STREAM_WINDOW

    def _end(self, channel: Channel, kind: int, state: int) -> None:
        """Say that this side's direction has ended so, unless it has said as much before."""
        if channel.over or channel.out >= min(state, CLOSED):
            return
        self.output += records.record(kind, channel.number)
        channel.out = state
        self._finish(channel)

    def _finish(self, channel: Channel) -> None:
        """Forget a channel whose directions have both ended."""
        if not channel.over:
            return
        del self.channels[channel.number]
        self.freed = True
        if channel in self.links:
            return
        self._open[channel.parity][channel.kind] -= 1
        if channel.kind == FILE:
            self._room[1 - channel.parity] += channel.size


def cost(data: bytes, descriptors: int) -> int:
    """What a frame takes of its channel's credit, in bytes."""
    return len(data) + 4 + 16 * descriptors + FRAME_OVERHEAD


def _spend(channel: Channel, amount: int) -> None:
    if amount > channel.window:
        problem = f"got {amount} bytes on channel {channel.number}, want at most {channel.window}"
        raise MalformedError(WHERE, problem)
    channel.window -= amount


_NOTHING = object()
_NUMBERS = 1 << 32
_MAY_BE_LATE = frozenset((CREDIT, CLOSE, RESET))
_ALLOWED = {
    FRAMES: frozenset((FRAME, CREDIT, CLOSE, RESET)),
    FILE: frozenset((DATA, END)),
    STREAM: frozenset((DATA, CREDIT, END, CLOSE, RESET)),
}
"""By kind of channel, what may be on it."""
_ALLOWED_IN = {
    FRAME: (OPEN,),
    DATA: (OPEN,),
    CREDIT: (OPEN, ENDED),
    END: (OPEN,),
    CLOSE: (OPEN, ENDED),
    RESET: (OPEN, ENDED),
}
"""By type of record, in which states of the direction it may come."""
_RULES: dict[int, Callable[[Tunnel, Channel, memoryview], object]] = {
    FRAME: Tunnel._take_frame,  # noqa: SLF001 - the class's own table
    DATA: Tunnel._take_data,  # noqa: SLF001
    CREDIT: Tunnel._take_credit,  # noqa: SLF001
    END: Tunnel._take_end,  # noqa: SLF001
    CLOSE: Tunnel._take_close,  # noqa: SLF001
    RESET: Tunnel._take_reset,  # noqa: SLF001
}
