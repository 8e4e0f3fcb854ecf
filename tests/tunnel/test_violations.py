"""A far side that breaks the rules ends the tunnel, with a reason, and everything inside it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from tests.tunnel.parties import FILES_BYTES, PATIENCE_S, Hostile

from enarx.protocol.agent_link import MAX_FILE_BYTES
from enarx.tunnel import records
from enarx.tunnel.channel import FRAME_OVERHEAD, SMALL_WINDOW, STREAM_WINDOW
from enarx.tunnel.records import (
    CLOSE,
    CREDIT,
    DATA,
    END,
    FILE,
    FRAME,
    FRAMES,
    HELLO,
    HOST,
    KEEP,
    RESET,
    STREAM,
    Descriptor,
    Hello,
)
from enarx.tunnel.state import MAX_CREDIT, MAX_FILES, MAX_FRAMES_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Callable

    Start = Callable[..., Hostile]

pytestmark = pytest.mark.slow


def raw(kind: int, channel: int, payload: bytes = b"") -> bytes:
    """Any record, whether there is such a one or not."""
    return struct.pack("<3I", kind, channel, len(payload)) + payload


def opens(*named: tuple[int, int, int], on: int = 0, data: bytes = b"x") -> bytes:
    """A frame on link *on* with these (kind, channel, size) beside it."""
    return records.encode_frame(on, data, [Descriptor(*one) for one in named])


def hello(**changed: int) -> bytes:
    """What a host says first, with changes."""
    fields = {"role": HOST, "links": 2, "files_bytes": FILES_BYTES} | changed
    return records.encode_hello(Hello(**fields))


STREAM_4 = opens((STREAM, 4, 0))
FILE_4 = opens((FILE, 4, 10))
LARGEST = struct.pack("<I", MAX_CREDIT)

BEFORE_HELLO = {
    "no hello": (raw(DATA, 0, b"x"), "got DATA on channel 0, want one HELLO"),
    "a hello on a channel": (raw(HELLO, 2, bytes(32)), "got HELLO on channel 2"),
    "another magic": (raw(HELLO, 0, b"ENARXTUN" + bytes(24)), "got the magic"),
    "another version": (raw(HELLO, 0, struct.pack("<8s4IQ", b"enarxtun", 2, 0, 2, 0, 0)),
                        "got version 2, want 1"),
    "an unknown role": (hello(role=2), "got role 2"),
    "reserved bytes": (raw(HELLO, 0, struct.pack("<8s4IQ", b"enarxtun", 1, 0, 2, 1, 0)),
                       "reserved 1"),
    "the same role": (hello(role=KEEP), "got role 1, 2 links, want role 0"),
    "another number of links": (hello(links=3), "3 links, want role 0, 2 links"),
    "a short hello": (raw(HELLO, 0, bytes(31)), "got 31 bytes in a record HELLO"),
}  # fmt: skip

AFTER_HELLO = {
    "a second hello": (hello(), "got HELLO on channel 0, want one HELLO"),
    "type 0": (raw(0, 0), "got a record of type 0"),
    "type 8": (raw(8, 0), "got a record of type 8"),
    "a reserved byte of the type": (raw(DATA | 1 << 8, 0, b"x"), "got a record of type 259"),
    "a length without end": (struct.pack("<3I", DATA, 4, 0xFFFF_FFFF), "4294967295 bytes in a"),
    "data of no bytes": (STREAM_4 + raw(DATA, 4), "got 0 bytes in a record DATA"),
    "a credit of three bytes": (raw(CREDIT, 0, b"123"), "got 3 bytes in a record CREDIT"),
    "a credit of nothing": (raw(CREDIT, 0, bytes(4)), "got a credit of nothing"),
    "an end with a reason": (STREAM_4 + raw(END, 4, b"x"), "got 1 bytes in a record END"),
    "data on a link": (raw(DATA, 0, b"x"), "got DATA on channel 0 of kind 1"),
    "the end of a link": (raw(END, 0), "got END on channel 0 of kind 1"),
    "a frame on a stream": (STREAM_4 + opens(on=4), "got FRAME on channel 4 of kind 3"),
    "a frame without data": (opens(data=b""), "got 4 bytes in a record FRAME"),
    "a frame that is too long": (opens(data=bytes(65_537)), "got a frame of 65537 bytes"),
    "more descriptors than bytes": (raw(FRAME, 0, struct.pack("<I", 9) + b"x"), "got a frame of -"),
    "129 descriptors": (opens(*((STREAM, 4 + 2 * n, 0) for n in range(129))), "129 descriptors"),
    "more descriptors than there can be": (
        raw(FRAME, 0, b"\xff\xff\xff\xff" + b"x"), "got a frame with 4294967295 descriptors"),
    "an unknown kind": (opens((4, 4, 0)), "got a descriptor of kind 4"),
    "a stream with a size": (opens((STREAM, 4, 1)), "got a descriptor of kind 3, size 1"),
    "a channel of the other parity": (opens((STREAM, 5, 0)), "got a new channel 5, want 4"),
    "a channel that was left out": (opens((STREAM, 6, 0)), "got a new channel 6, want 4"),
    "a link that exists": (opens((FRAMES, 2, 0)), "got a new channel 2, want 4"),
    "a channel twice in a frame": (opens((STREAM, 4, 0), (STREAM, 4, 0)), "channel 4, want 6"),
    "a number used again": (STREAM_4 + raw(RESET, 4) + STREAM_4, "got a new channel 4, want 6"),
    "a channel that is not open": (raw(DATA, 8, b"x"), "got DATA on channel 8, which is not open"),
    "a late credit for the future": (raw(CREDIT, 8, LARGEST), "CREDIT on channel 8, which is not"),
    "data of a channel that is over": (
        STREAM_4 + raw(RESET, 4) + raw(DATA, 4, b"x"), "got DATA on channel 4, which is not open"),
    "data after the end": (STREAM_4 + raw(END, 4) + raw(DATA, 4, b"x"), "in state 1"),
    "a second end": (STREAM_4 + raw(END, 4) + raw(END, 4), "got END on channel 4"),
    "data after a close": (STREAM_4 + raw(CLOSE, 4) + raw(DATA, 4, b"x"), "in state 2"),
    "a credit after a close": (STREAM_4 + raw(CLOSE, 4) + raw(CREDIT, 4, LARGEST), "in state 2"),
    "a reset after a close": (STREAM_4 + raw(CLOSE, 4) + raw(RESET, 4), "got RESET on channel 4"),
    "more data than the first window": (
        STREAM_4 + raw(DATA, 4, bytes(60_000)) * 20, "60000 bytes on channel 4, want at most"),
    "more frames than the window": (
        opens(data=bytes(60_000)) * 20, "on channel 0, want at most"),
    "more credit than there can be": (raw(CREDIT, 0, LARGEST), "got a credit of 1310720 bytes"),
    "a credit for a file": (FILE_4 + raw(CREDIT, 4, LARGEST), "got CREDIT on channel 4 of kind 2"),
    "more of a file than announced": (FILE_4 + raw(DATA, 4, bytes(11)), "want at most 10"),
    "a file after its end": (
        opens((FILE, 4, 10), (FILE, 6, 1)) + raw(DATA, 4, bytes(10)) + raw(DATA, 4, b"x"),
        "in state 1"),
    "the end of a file of theirs": (FILE_4 + raw(END, 4), "got END of the file 4 too early"),
    "a reset of a file": (FILE_4 + raw(RESET, 4), "got RESET on channel 4 of kind 2"),
    "a file larger than allowed": (opens((FILE, 4, FILES_BYTES + 1)), "files that are too large"),
    "files larger than allowed": (
        opens((FILE, 4, FILES_BYTES), (FILE, 6, 1)), "files that are too large"),
    "a file larger than memory": (opens((FILE, 4, (1 << 64) - 1)), "files that are too large"),
    "too many files": (
        opens(*((FILE, 4 + 2 * n, 1) for n in range(MAX_FILES))) + opens((FILE, 260, 1)),
        "too many new channels or files"),
    "too many links": (
        opens(*((FRAMES, 4 + 2 * n, 0) for n in range(MAX_FRAMES_CHANNELS)))
        + opens((FRAMES, 260, 0)), "too many new channels or files"),
}  # fmt: skip


@pytest.mark.parametrize("name", BEFORE_HELLO)
def test_first_words(hostile: Start, name: str) -> None:
    """Who does not greet properly is not listened to."""
    said, problem = BEFORE_HELLO[name]
    one = hostile(greets=False)
    one.say(said)
    is_over(one, problem)


@pytest.mark.parametrize("name", AFTER_HELLO)
def test_broken_rule(hostile: Start, name: str) -> None:
    """Each ends the tunnel with what was wrong, closes both links, and leaves nothing open."""
    said, problem = AFTER_HELLO[name]
    one = hostile()
    one.say(said)
    is_over(one, problem)


def is_over(one: Hostile, problem: str) -> None:
    """The tunnel ended for this reason, and everybody inside sees the host lost."""
    kind, text = one.end
    assert kind == "violation"
    assert problem in text
    for link in one.links:
        while link.recv(1 << 17):
            continue


def test_too_many_channels(hostile: Start) -> None:
    """The 4097th stream at a time is one too many, also for a host that takes its time."""
    one = hostile()
    one.say(FILE_4)  # never whole, so that nothing behind it is delivered
    for batch in range(32):
        one.say(opens(*((STREAM, 6 + 2 * (128 * batch + n), 0) for n in range(128))))
    assert one.carrier.end is None
    one.say(opens((STREAM, 6 + 2 * 4096, 0)))
    is_over(one, "too many new channels or files")


def test_a_small_window_is_all_that_many_streams_have(hostile: Start) -> None:
    """Behind 256 streams with large windows, one more byte than the small window is too much."""
    one = hostile()
    one.say(FILE_4)  # never whole, so that nothing behind it is delivered
    for batch in range(3):
        one.say(opens(*((STREAM, 6 + 2 * (128 * batch + n), 0) for n in range(128))))
    last = 6 + 2 * 383
    one.say(*[raw(DATA, 6, bytes(65_536))] * (STREAM_WINDOW // 65_536))
    one.say(raw(DATA, last, bytes(SMALL_WINDOW)))
    assert one.carrier.end is None
    one.say(raw(DATA, last, b"x"))
    is_over(one, "want at most 0")


def test_a_pipe_closed_in_the_middle_of_a_record(hostile: Start) -> None:
    """The host is lost; half of a frame is no frame."""
    one = hostile()
    one.say(opens(data=bytes(1000))[:500])
    one.sock.close()
    one.carrier.step(PATIENCE_S)
    assert one.end == ("lost", "the other side closed the tunnel")
    assert [link.recv(1) for link in one.links] == [b"", b""]


def test_a_file_that_never_becomes_whole(hostile: Start) -> None:
    """Its frame is never delivered, nor those behind it; other links go on."""
    one = hostile()
    one.say(FILE_4, raw(DATA, 4, bytes(9)), opens(data=b"behind"), opens(on=2, data=b"other"))
    with pytest.raises(BlockingIOError):
        one.frame(0)
    assert one.frame(1) == (b"other", [])


def test_late_words_about_a_channel_that_is_over_are_nothing(hostile: Start) -> None:
    """They may have crossed its end: a credit, a close or a reset of one's own."""
    one = hostile()
    one.say(STREAM_4, raw(RESET, 4), raw(CREDIT, 4, LARGEST), raw(CLOSE, 4), raw(RESET, 4))
    assert one.carrier.end is None


def test_the_default_bound_of_files_is_the_agent_s(hostile: Start) -> None:
    """What the protocol of the agent's link allows, the tunnel does too, and no more."""
    assert MAX_FILE_BYTES == 512 << 20
    assert FRAME_OVERHEAD > 0
    one = hostile(role=HOST)
    sent = one.records()[0]
    assert records.decode_hello(memoryview(sent[2])).files_bytes == FILES_BYTES
