"""The byte format: what was written is read again, in whatever pieces, and junk is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.protocol.launch import MAX_DESCRIPTORS, MAX_FRAME
from enarx.tunnel import records
from enarx.tunnel.records import CREDIT, DATA, FILE, FRAMES, STREAM, Descriptor, Hello, Splitter

NUMBERS = st.integers(0, (1 << 32) - 1)
DESCRIPTORS = st.lists(
    st.builds(lambda k, c, s: Descriptor(k, c, s if k == FILE else 0), st.sampled_from(
        (FRAMES, FILE, STREAM)), NUMBERS, st.integers(0, (1 << 64) - 1)),
    max_size=MAX_DESCRIPTORS,
)  # fmt: skip
RECORDS = st.one_of(
    st.builds(records.encode_frame, NUMBERS, st.binary(min_size=1, max_size=300), DESCRIPTORS),
    st.builds(records.record, st.just(DATA), NUMBERS, st.binary(min_size=1, max_size=300)),
    st.builds(records.encode_credit, NUMBERS, st.integers(1, (1 << 32) - 1)),
    st.builds(records.record, st.sampled_from((5, 6, 7)), NUMBERS),
    st.builds(records.encode_hello, st.builds(
        Hello, st.sampled_from((0, 1)), NUMBERS, st.integers(0, (1 << 64) - 1))),
)  # fmt: skip


def split(*pieces: bytes) -> list[tuple[int, int, bytes]]:
    """The records of a stream that comes in these pieces."""
    splitter = Splitter()
    return [(k, n, bytes(p)) for piece in pieces for k, n, p in splitter.feed(piece)]


@given(st.lists(RECORDS, max_size=8), st.data())
def test_pieces_do_not_matter(written: list[bytes], data: st.DataObject) -> None:
    """Byte by byte, whole or cut anywhere, the same records come out."""
    whole = b"".join(written)
    found = split(whole)
    assert len(found) == len(written)
    assert b"".join(records.record(*one) for one in found) == whole
    assert split(*(bytes((one,)) for one in whole)) == found
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert split(*pieces) == found


@given(st.lists(RECORDS, min_size=1, max_size=4), st.integers(1, 11))
def test_a_record_that_is_not_whole_is_not_given(written: list[bytes], missing: int) -> None:
    """Without its last bytes it is kept, and the stream may not end there."""
    whole = b"".join(written)
    splitter = Splitter()
    assert len(list(splitter.feed(whole[:-missing]))) == len(written) - 1
    assert not splitter.is_between
    assert len(list(splitter.feed(whole[-missing:]))) == 1
    assert splitter.is_between


@given(st.binary(max_size=200))
def test_junk_is_our_error_or_nothing(junk: bytes) -> None:
    """Whatever arrives: records, or MalformedError; the contents likewise."""
    with suppress(MalformedError):
        for kind, _, payload in Splitter().feed(junk):
            if kind == records.HELLO:
                records.decode_hello(payload)
            elif kind == records.FRAME:
                records.decode_frame(payload)
            elif kind == CREDIT:
                records.decode_credit(payload)


@given(DESCRIPTORS, st.binary(min_size=1, max_size=300))
def test_a_frame_is_read_as_it_was_written(named: list[Descriptor], data: bytes) -> None:
    """Data and descriptors, in order."""
    ((_, channel, payload),) = Splitter().feed(records.encode_frame(7, data, named))
    found, descriptors = records.decode_frame(payload)
    assert (channel, found) == (7, data)
    assert [(d.kind, d.channel, d.size) for d in descriptors] == [
        (d.kind, d.channel, d.size) for d in named
    ]


@pytest.mark.parametrize(
    ("kind", "size"), [(records.HELLO, 33), (records.FRAME, 4), (records.FRAME, 67_589),
                       (DATA, 65_537), (CREDIT, 5), (records.END, 1), (9, 0)]
)  # fmt: skip
def test_a_length_is_refused_before_its_bytes_come(kind: int, size: int) -> None:
    """Nobody can make the other side wait for, or hold, more than a record may have."""
    with pytest.raises(MalformedError):
        list(Splitter().feed(records.header(kind, 0, size)))


def test_the_largest_frame_fits() -> None:
    """As many descriptors and bytes as a link allows are one record."""
    named = [Descriptor(FILE, 4 + 2 * n, 1) for n in range(MAX_DESCRIPTORS)]
    written = records.encode_frame(0, bytes(MAX_FRAME), named)
    assert len(written) == records.HEADER_BYTES + 67_588
    assert len(split(written)) == 1
