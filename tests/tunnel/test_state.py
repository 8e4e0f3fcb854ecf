"""The rules, without a byte of I/O: two tunnels back to back, whatever is asked of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tunnel import records
from enarx.tunnel.channel import CLOSED, ENDED, FRAMES_WINDOW, OPEN, Channel
from enarx.tunnel.records import (
    DATA,
    END,
    FILE,
    FRAME,
    FRAMES,
    HOST,
    KEEP,
    RESET,
    STREAM,
    Hello,
)
from enarx.tunnel.state import MAX_CREDIT, Tunnel, cost

FILES_BYTES = 1 << 16


class Side:
    """A tunnel, and somebody who uses it as a carrier does.

    Attributes:
        log: by channel, what arrived: bytes, then how it ended.
        sent: by channel, what was sent.
    """

    def __init__(self, role: int) -> None:
        self.tunnel = Tunnel(role, 2, FILES_BYTES)
        self.live: dict[int, Channel] = dict(self.tunnel.channels)
        self.log: dict[int, list[object]] = {}
        self.sent: dict[int, list[object]] = {}
        self.frames: list[tuple[int, bytes, tuple[int, ...]]] = []

    def receive(self, data: bytes) -> None:
        """Take what came, and give credit for it at once."""
        for kind, channel, content in self.tunnel.receive(data):
            log = self.log.setdefault(channel.number, [])
            if kind == FRAME:
                frame, opened = content  # type: ignore[misc]
                self.live |= {one.number: one for one in opened}
                self.frames.append((channel.number, frame, tuple(one.number for one in opened)))
                log.append(frame)
                self.tunnel.grant(channel, cost(frame, len(opened)))
                for one in opened:
                    if one.kind == FILE and not one.left:
                        self.tunnel.taken(one)
            elif kind == DATA:
                log.append(bytes(content))  # type: ignore[call-overload]
                if channel.kind == STREAM:
                    self.tunnel.grant(channel, len(log[-1]))  # type: ignore[arg-type]
                elif not channel.left:
                    self.tunnel.taken(channel)
            elif kind in (END, records.CLOSE, RESET):
                log.append(kind)

    def said(self, channel: Channel, what: object) -> None:
        """Remember what was sent."""
        self.sent.setdefault(channel.number, []).append(what)

    def frame(self, channel: Channel, data: bytes, wanted: list[tuple[int, int]]) -> None:
        """Send a frame, if it may be sent."""
        if channel.kind == FRAMES and self.tunnel.takes(channel, data, wanted):
            opened = self.tunnel.frame(channel, data, wanted)
            self.live |= {one.number: one for one in opened}
            self.said(channel, data)

    def data(self, channel: Channel, data: bytes) -> None:
        """Send data, as much as there is credit for, or as the file has."""
        room = channel.credit if channel.kind == STREAM else channel.left
        mine = channel.kind == STREAM or channel.parity == self.tunnel.role
        if channel.kind != FRAMES and mine and channel.out == OPEN and (part := data[:room]):
            self.tunnel.data(channel, part)
            self.said(channel, part)

    def end(self, channel: Channel, how: int) -> None:
        """End this side's direction."""
        if channel.kind == FILE or (channel.kind == FRAMES and how == ENDED):
            return
        if channel.out < CLOSED and channel.out != how:
            self.said(channel, (None, END, records.CLOSE, RESET)[how])
            (None, self.tunnel.end, self.tunnel.close, self.tunnel.reset)[how](channel)  # type: ignore[misc]

    def output(self, most: int) -> bytes:
        """At most so many bytes of what is to be sent."""
        data = bytes(self.tunnel.output[:most])
        del self.tunnel.output[:most]
        return data


def exchange(one: Side, other: Side) -> None:
    """Everything that is to be sent is sent and taken, both ways."""
    while one.tunnel.output or other.tunnel.output:
        other.receive(one.output(1 << 20))
        one.receive(other.output(1 << 20))


def greeted() -> tuple[Side, Side]:
    """Two sides that know each other."""
    sides = Side(HOST), Side(KEEP)
    exchange(*sides)
    return sides


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(("frame", "frame", "data", "data", "data", "end", "pass", "pass")),
        st.integers(0, 1),
        st.integers(0, 200),
        st.integers(1, 30_000),
        st.lists(st.sampled_from((FRAMES, FILE, STREAM)), max_size=3),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(OPERATIONS)
def test_what_one_side_sends_the_other_gets(
    operations: list[tuple[str, int, int, int, list[int]]],
) -> None:
    """In order, once, on its channel; neither ever takes the other for hostile; nothing is left."""
    sides = greeted()
    for what, who, which, size, kinds in operations:
        side, other = sides[who], sides[1 - who]
        live = [one for one in side.live.values() if not one.over]
        channel = live[which % len(live)] if live else None
        if what == "pass":
            other.receive(side.output(size))
        elif channel is not None and what == "frame":
            wanted = [(kind, size if kind == FILE else 0) for kind in kinds]
            side.frame(channel, b"f" * (size % 3000 + 1), wanted)
        elif channel is not None and what == "data":
            side.data(channel, bytes((which,)) * size)
        elif channel is not None:
            side.end(channel, 1 + size % 3)
    finish(*sides)


def finish(*sides: Side) -> None:
    """Send the rest of files, close everything, and compare what was sent with what came."""
    exchange(*sides)
    for side in sides:
        for channel in tuple(side.live.values()):
            while channel.kind == FILE and channel.parity == side.tunnel.role and channel.left:
                side.data(channel, bytes(30_000))
    exchange(*sides)
    broken = {
        number
        for side in sides
        for number, log in (*side.log.items(), *side.sent.items())
        if {records.CLOSE, RESET} & {one for one in log if isinstance(one, int)}
    }
    for side in sides:
        for channel in tuple(side.live.values()):
            side.end(channel, CLOSED)
    exchange(*sides)
    known = sides[0].live | sides[1].live
    for side, far in (sides, sides[::-1]):
        assert side.tunnel.over
        assert not any(
            side.tunnel._open[n][kind] for n in (0, 1) for kind in (FRAMES, FILE, STREAM)
        )
        assert side.tunnel._room == [FILES_BYTES, FILES_BYTES]
        for number, said in side.sent.items():
            got = far.log.get(number, [])
            assert is_beginning(got, said)
            dropped = known[number].kind == FILE and any(
                known[other].kind == FRAMES for other in broken
            )
            assert dropped or number in broken or joined(got) == joined(said)


def is_beginning(got: list[object], said: list[object]) -> bool:
    """What came is what was said, up to where one of the two sides broke off."""
    return joined(said).startswith(joined(got))


def joined(log: list[object]) -> bytes:
    """The bytes of a log."""
    return b"".join(one for one in log if isinstance(one, bytes))


@settings(deadline=None)
@given(OPERATIONS, st.integers(0, 1 << 30))
def test_a_pipe_that_is_cut_anywhere(
    operations: list[tuple[str, int, int, int, list[int]]], seed: int
) -> None:
    """What came until then is the beginning of what was sent, and nothing raises."""
    sides = greeted()
    chance = random.Random(seed)  # noqa: S311 - the same again with the same seed
    for what, who, which, size, kinds in operations:
        side = sides[who]
        channel = list(side.live.values())[which % len(side.live)]
        if what == "frame":
            side.frame(channel, b"f" * size, [(k, size if k == FILE else 0) for k in kinds])
        elif what == "data":
            side.data(channel, bytes((which,)) * size)
    cut = chance.randrange(1 + len(sides[0].tunnel.output))
    sides[1].receive(sides[0].output(cut))
    for number, got in sides[1].log.items():
        assert is_beginning(got, sides[0].sent.get(number, []))


def attacks() -> Iterator[bytes]:
    """Well-formed records with numbers near those that exist."""
    for kind in range(1, 8):
        for number in (0, 1, 2, 3, 4, 6):
            for payload in (b"", b"x", b"\1\0\0\0", b"\0\0\0\0x", bytes(32)):
                yield records.record(kind, number, payload)


@settings(deadline=None)
@given(st.lists(st.sampled_from(tuple(attacks())) | st.binary(max_size=40), max_size=12))
def test_whatever_is_said_is_taken_or_refused(said: list[bytes]) -> None:
    """MalformedError or nothing; and credit, windows and room stay in their bounds."""
    side, _ = greeted()
    side.frame(side.tunnel.links[0], b"x", [(STREAM, 0), (FILE, 5), (FRAMES, 0)])
    side.output(1 << 20)
    try:
        for one in said:
            side.receive(one)
    except MalformedError:
        pass
    for channel in side.tunnel.channels.values():
        assert 0 <= channel.credit <= MAX_CREDIT + (1 << 32)
        assert 0 <= channel.window <= channel.most
        assert channel.left >= 0
    assert all(0 <= room <= FILES_BYTES for room in side.tunnel._room)


def test_a_reset_is_answered_by_one() -> None:
    """Whoever is told that all is lost ends its own direction too, and the channel is over."""
    host, keep = greeted()
    host.frame(host.tunnel.links[0], b"x", [(STREAM, 0)])
    exchange(host, keep)
    host.tunnel.reset(host.live[4])
    assert 4 in host.tunnel.channels
    exchange(host, keep)
    assert 4 not in host.tunnel.channels
    assert 4 not in keep.tunnel.channels


@pytest.mark.parametrize("how", ["end", "close", "reset"])
def test_what_is_over_is_not_ended_again(how: str) -> None:
    """A command too late is nothing, and says nothing."""
    host, keep = greeted()
    host.frame(host.tunnel.links[0], b"x", [(STREAM, 0)])
    exchange(host, keep)
    channel = host.live[4]
    host.tunnel.end(channel)
    exchange(host, keep)
    keep.tunnel.end(keep.live[4])
    exchange(host, keep)
    getattr(host.tunnel, how)(channel)
    assert not host.tunnel.output
    assert channel.out == ENDED


def test_who_reads_no_more_grants_no_more() -> None:
    """After a CLOSE nothing may be said, so credit for what was taken before is not given."""
    host, keep = greeted()
    host.frame(host.tunnel.links[0], b"x", [(STREAM, 0)])
    exchange(host, keep)
    keep.tunnel.close(keep.live[4])
    said = len(keep.tunnel.output)
    keep.tunnel.grant(keep.live[4], keep.live[4].most)
    assert len(keep.tunnel.output) == said


def test_what_crosses_a_reset_is_thrown_away() -> None:
    """Data that was on its way is no violation, and nobody sees it."""
    host, keep = greeted()
    host.frame(host.tunnel.links[0], b"x", [(STREAM, 0)])
    exchange(host, keep)
    keep.data(keep.live[4], b"on its way")
    host.tunnel.reset(host.live[4])
    exchange(host, keep)
    assert host.log.get(4, []) == [RESET]


def test_what_crosses_the_close_of_a_link_is_refused() -> None:
    """Streams and files beside a frame that nobody takes end at their sender."""
    host, keep = greeted()
    host.frame(host.tunnel.links[0], b"x", [(STREAM, 0), (FILE, 9), (FRAMES, 0), (FILE, 0)])
    keep.tunnel.close(keep.tunnel.links[0])
    keep.receive(host.output(1 << 20))
    host.receive(keep.output(1 << 20))
    assert host.log[4] == [RESET]
    assert host.log[8] == [RESET]
    host.data(host.live[6], bytes(9))
    exchange(host, keep)
    assert sorted(host.tunnel.channels) == [0, 2]
    host.tunnel.close(host.tunnel.links[0])
    exchange(host, keep)
    assert sorted(keep.tunnel.channels) == [2]
    assert host.tunnel._room == keep.tunnel._room == [FILES_BYTES, FILES_BYTES]


def test_files_beyond_what_the_other_side_takes_wait() -> None:
    """A frame is held back until those before it are out of the way, not sent and refused."""
    host, keep = greeted()
    link = host.tunnel.links[0]
    whole = [(FILE, FILES_BYTES)]
    host.frame(link, b"first", whole)
    assert not host.tunnel.takes(link, b"second", whole)
    assert not host.tunnel.takes(link, b"second", [(FILE, 1)])
    assert host.tunnel.takes(link, b"second", [(STREAM, 0)])
    assert host.tunnel.could_take(whole)
    assert not host.tunnel.could_take([(FILE, FILES_BYTES + 1)])
    host.data(host.live[4], bytes(FILES_BYTES))
    exchange(host, keep)
    assert host.tunnel.takes(link, b"second", whole)


def test_frames_beyond_the_credit_wait() -> None:
    """As many as the window pays for may go, and more when half of it was granted again."""
    host, keep = greeted()
    link = host.tunnel.links[0]
    data = bytes(60_000)
    sent = 0
    while host.tunnel.takes(link, data, []):
        host.frame(link, data, [])
        sent += 1
    assert sent == FRAMES_WINDOW // cost(data, 0)
    assert host.tunnel.takes(link, bytes(link.credit - cost(b"", 0)), [])
    assert not host.tunnel.takes(link, bytes(link.credit - cost(b"", 0) + 1), [])
    exchange(host, keep)
    assert host.tunnel.takes(link, data, [])
    host.tunnel.close(link)
    assert not host.tunnel.takes(link, b"x", [])


@pytest.mark.parametrize("links", [0, 17])
def test_a_tunnel_of_too_few_or_too_many_links_is_a_mistake(links: int) -> None:
    """It is one of ours, not of the other side."""
    with pytest.raises(ValueError, match="links"):
        Tunnel(HOST, links, 0)


def test_the_other_side_says_how_much_it_takes() -> None:
    """The bound of files is the receiver's, and may differ from ours."""
    tunnel = Tunnel(HOST, 1, FILES_BYTES)
    assert list(tunnel.receive(records.encode_hello(Hello(KEEP, 1, 10)))) == []
    assert tunnel.could_take([(FILE, 10)])
    assert not tunnel.could_take([(FILE, 11)])
