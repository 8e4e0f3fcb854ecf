"""The codec of HTTP/1.1: what is taken, what is refused, and that nothing else ever happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.keep.http.body import Chunked, Encoder, Sized, UntilClose
from enarx.keep.http.fields import MAX_FIELDS, MAX_HEAD, HttpError
from enarx.keep.http.head import date, parse_request, parse_response, take_head

HOST = b"Host: a\r\n"


def head(text: bytes) -> bytes:
    """A head, from lines with single line feeds."""
    return text.strip().replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("line", "authority", "target"),
    [
        (b"GET /a?b=c HTTP/1.1", "example.com:8", "/a?b=c"),
        (b"GET http://other.example/x HTTP/1.1", "other.example", "/x"),
        (b"GET HTTPS://other.example?q HTTP/1.1", "other.example", "/?q"),
        (b"OPTIONS * HTTP/1.1", "example.com:8", "*"),
        (b"BREW / HTTP/1.0", "example.com:8", "/"),
    ],
)
def test_a_request_is_read(line: bytes, authority: str, target: str) -> None:
    """The target says whom and what, and Host says whom where the target does not."""
    request = parse_request(head(line + b"\nHost:  example.com:8 \nX-A: b\xff c"))
    assert (request.authority, request.target) == (authority, target)
    assert dict(request.fields)["x-a"] == b"b\xff c"
    assert request.length == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET / HTTP/1.1", 400),  # no Host
        (b"GET / HTTP/1.1\nHost: a\nHost: a", 400),
        (b"GET / HTTP/1.1\nHost: a b", 400),
        (b"GET / HTTP/1.1\nHost : a", 400),
        (b"GET  / HTTP/1.1\nHost: a", 400),
        (b"GET / HTTP/1.1 \nHost: a", 400),
        (b"GET / HTTP/2.0\nHost: a", 505),
        (b"GET / HTTP/1.2\nHost: a", 505),
        (b"GET / http/1.1\nHost: a", 400),
        (b"GET /\xff HTTP/1.1\nHost: a", 400),
        (b"GET /a#b HTTP/1.1\nHost: a", 400),
        (b"GET a HTTP/1.1\nHost: a", 400),
        (b"GET ftp://a/ HTTP/1.1\nHost: a", 400),
        (b"GET http://a@b/ HTTP/1.1\nHost: a", 400),
        (b"CONNECT a:443 HTTP/1.1\nHost: a", 501),
        (b"G(T / HTTP/1.1\nHost: a", 400),
        (b"GET / HTTP/1.1\nHost: a\n folded", 400),
        (b"GET / HTTP/1.1\nHost: a\nX: a\0b", 400),
        (b"GET / HTTP/1.1\nHost: a\nX: a\rb", 400),
        (b"GET / HTTP/1.1\nHost: a\nno colon", 400),
        (b"GET / HTTP/1.1\nHost: a\n: empty", 400),
        (b"GET / HTTP/1.1\nHost: a\nExpect: magic", 417),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\nHost: a", 414),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 1", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: 1, 1", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: +1", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: 1_0", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: 0x1", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length:", 400),
        (b"POST / HTTP/1.1\nHost: a\nContent-Length: 99999999999", 413),
        (b"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked", 501),
        (b"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked", 501),
        (b"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: x", 501),
        (b"POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked", 400),
    ],
)
def test_a_request_is_refused(text: bytes, status: int) -> None:
    """What two readers could take in two ways is taken in none."""
    with pytest.raises(HttpError) as refusal:
        parse_request(head(text))
    assert refusal.value.status == status


def test_heads_are_bounded() -> None:
    """In bytes and in fields."""
    assert take_head(bytearray(b"x" * MAX_HEAD)) is None
    with pytest.raises(HttpError) as refusal:
        take_head(bytearray(b"x" * (MAX_HEAD + 1)))
    assert refusal.value.status == 431
    many = b"GET / HTTP/1.1\r\n" + b"\r\n".join([b"X: y"] * (MAX_FIELDS + 1))
    with pytest.raises(HttpError) as refusal:
        parse_request(many)
    assert refusal.value.status == 431


def test_a_head_is_cut_off() -> None:
    """What follows it stays; an empty line before it does not count."""
    received = bytearray(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody")
    assert take_head(received) == b"GET / HTTP/1.1\r\nHost: a"
    assert received == b"body"


@pytest.mark.parametrize(
    ("lines", "minor", "kept"),
    [(b"", 1, True), (b"Connection: x, Close\n", 1, False), (b"", 0, False),
     (b"Connection: Keep-Alive\n", 0, True)],
)  # fmt: skip
def test_connections_go_on(lines: bytes, minor: int, *, kept: bool) -> None:
    """By version, and by what the client says."""
    request = parse_request(head(b"GET / HTTP/1.%d\nHost: a\n%b" % (minor, lines)))
    assert request.keep_alive is kept


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_chunks_are_taken_apart(size: int) -> None:
    """However they come; trailers are theirs, and what follows stays."""
    wire = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-T: u\r\n\r\nnext"
    decoder, received, got = Chunked(13), bytearray(), b""
    for at in range(0, len(wire), size):
        received += wire[at : at + size]
        got += decoder.take(received, 5)
    while not decoder.done:
        got += decoder.take(received, 5)
    assert (got, bytes(received)) == (b"abc0123456789", b"next")
    assert decoder.trailers == (("x-t", b"u"),)


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"3\nabc\r\n", 400),
        (b"3\r\nabcd\r\n", 400),
        (b"3\r\nabc\n\n", 400),
        (b"-3\r\nabc\r\n", 400),
        (b"0x3\r\nabc\r\n", 400),
        (b" 3\r\nabc\r\n", 400),
        (b"3 \r\nabc\r\n", 400),
        (b"\r\n", 400),
        (b"3;\0\r\nabc\r\n", 400),
        (b"FFFFFFFFFFFFFFFF\r\n", 400),
        (b"FFFFFFFF\r\n", 413),
        (b"1;" + b"x" * 300 + b"\r\n", 400),
        (b"0\r\nno trailer\r\n\r\n", 400),
        (b"0\r\nA: b\n\r\n\r\n", 400),
    ],
)
def test_bad_chunks_are_refused(wire: bytes, status: int) -> None:
    """Sizes are hexadecimal digits, and everything is where it says."""
    with pytest.raises(HttpError) as refusal:
        Chunked(1000).take(bytearray(wire), 1000)
    assert refusal.value.status == status


def test_bodies_that_end_too_early() -> None:
    """Only a response without framing may end with its connection."""
    for decoder in (Sized(3), Chunked(9)):
        with pytest.raises(ConnectionResetError):
            decoder.end()
    until = UntilClose()
    assert until.take(bytearray(b"abc"), 2) == b"ab"
    until.end()
    assert until.done


def test_encoders_keep_to_what_was_announced() -> None:
    """Neither more nor fewer bytes than Content-Length says; chunks are never empty."""
    with pytest.raises(OSError, match="more bytes"):
        Encoder(2).frame(b"abc")
    short = Encoder(3)
    assert short.frame(b"ab") == b"ab"
    with pytest.raises(OSError, match="fewer bytes"):
        short.end(())
    chunks = Encoder(None, chunked=True)
    assert chunks.frame(b"") == b""
    assert chunks.frame(b"0123456789abcdefg") == b"11\r\n0123456789abcdefg\r\n"
    assert chunks.end((("x-t", b"u"),)) == b"0\r\nx-t: u\r\n\r\n"
    silent = Encoder(9, silent=True)
    assert (silent.frame(b"abc"), silent.end(())) == (b"", b"")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 60))
def test_chunks_survive_the_way(parts: list[bytes], most: int) -> None:
    """What the encoder frames, the decoder gives back, in whatever pieces it is asked for."""
    encoder = Encoder(None, chunked=True)
    received = bytearray(b"".join(map(encoder.frame, parts)) + encoder.end(()) + b"next")
    decoder, got = Chunked(1000), b""
    while not decoder.done:
        got += decoder.take(received, most)
    assert (got, bytes(received)) == (b"".join(parts), b"next")


_JUNK = st.lists(
    st.sampled_from(
        [b"GET", b" ", b"/", b" HTTP/1.1", b"\r\n", b"\n", b"Host: a", b"Content-Length: 1", b":",
         b"Transfer-Encoding: chunked", b"\0", b"\t", b"\xff", b"0", b"a", b";", b"=",
         b"HTTP/1.1 200 OK"]
    ) | st.binary(max_size=3),
    max_size=20,
).map(b"".join)  # fmt: skip


@given(_JUNK)
def test_whatever_comes_is_read_or_refused(wire: bytes) -> None:
    """Requests, responses and chunks: a value or HttpError, nothing else, and no endless work."""
    for attempt in (
        lambda: parse_request(wire),
        lambda: parse_response(wire, to_head=False),
        lambda: take_head(bytearray(wire)),
        lambda: Chunked(100).take(bytearray(wire), 100),
    ):
        try:
            attempt()
        except HttpError as refusal:
            refused = refusal
        else:
            continue
        assert 400 <= refused.status < 600


def test_a_long_line_of_spaces_costs_little() -> None:
    """No pattern looks at a line more than a few times."""
    text = b"GET / HTTP/1.1\r\nHost: a\r\nX:" + b" " * 30_000 + b"x" + b"\t " * 400 + b"\1"
    with pytest.raises(HttpError):
        parse_request(text)


def test_the_date_is_the_standard_one() -> None:
    """RFC 9110's own example."""
    assert date(784111777.5) == b"Sun, 06 Nov 1994 08:49:37 GMT"


def test_responses_are_read() -> None:
    """With their framing; a HEAD request's has none."""
    text = head(b"HTTP/1.1 200 Fine\nContent-Length: 12")
    assert parse_response(text, to_head=False).length == 12
    assert parse_response(text, to_head=True).length == 0
    assert parse_response(b"HTTP/1.0 304 ", to_head=False).length == 0
    assert parse_response(head(b"HTTP/1.1 200\nTransfer-Encoding: chunked"), to_head=False).chunked
    with pytest.raises(HttpError):
        parse_response(b"HTTP/1.1 99 no", to_head=False)
