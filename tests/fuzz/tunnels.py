"""What both ends of a tunnel say, and how it is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from enarx.errors import RejectedError
from enarx.tunnel import records
from enarx.tunnel.state import Tunnel

FILES_BYTES = 1 << 20


@cache
def whole() -> tuple[bytes, ...]:
    """What each end may say: a frame with one of each kind beside it, and how they go on."""
    return tuple(_said(role) for role in (records.HOST, records.KEEP))


def _said(role: int) -> bytes:
    first = 4 if role == records.HOST else 1
    kinds = ((records.STREAM, 0), (records.FILE, 3), (records.FRAMES, 0))
    named = [records.Descriptor(kind, first + 2 * n, size) for n, (kind, size) in enumerate(kinds)]
    return b"".join((
        records.encode_hello(records.Hello(role, 2, FILES_BYTES)),
        records.encode_frame(0, b"{}", named),
        records.record(records.DATA, first, b"bytes"),
        records.record(records.DATA, first + 2, b"abc"),
        records.encode_credit(first, 1000),
        records.encode_frame(first + 4, b"{}"),
        records.record(records.END, first),
        records.record(records.CLOSE, first),
        records.record(records.RESET, first + 4),
        records.record(records.CLOSE, 2),
    ))  # fmt: skip


def feed_host(data: bytes) -> None:
    """A host takes what a keep says."""
    _feed(records.HOST, data)


def feed_keep(data: bytes) -> None:
    """A keep takes what a host says."""
    _feed(records.KEEP, data)


def feed_records(data: bytes) -> None:
    """Records, and what is in them."""
    for kind, _, payload in records.Splitter().feed(data):
        if kind in _CONTENTS:
            _CONTENTS[kind](payload)


def _feed(role: int, data: bytes) -> None:
    """Whole and in pieces alike; what may still come stays in its bounds."""
    taken, problem = _take(role, data, len(data) or 1)
    in_pieces, same = _take(role, data, 7)
    assert str(problem) == str(same)
    assert taken.output == in_pieces.output
    assert all(0 <= one.window <= one.most for one in taken.channels.values())
    if problem is not None:
        raise problem


def _take(role: int, data: bytes, size: int) -> tuple[Tunnel, RejectedError | None]:
    tunnel = Tunnel(role, 2, FILES_BYTES)
    try:
        for at in range(0, len(data), size):
            for _ in tunnel.receive(data[at : at + size]):
                pass
    except RejectedError as error:
        return tunnel, error
    return tunnel, None


_CONTENTS: Mapping[int, Callable[[memoryview], object]] = {
    records.HELLO: records.decode_hello,
    records.FRAME: records.decode_frame,
    records.CREDIT: records.decode_credit,
}
