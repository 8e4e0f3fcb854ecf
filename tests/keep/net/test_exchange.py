"""One question over HTTP and its answer, on the keep's own TLS, against hostile servers."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.keep.net import exchange as http

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.keep.net.conftest import Authority, World

    from enarx.keep.net.exchange import Answer

BIG = 1 << 20


def asked(
    world: World,
    authority: Authority,
    work: Callable[[ssl.SSLSocket], object],
    body: bytes = b"{}",
    patience_s: float = 10.0,
) -> Answer:
    """Ask a server that does *work*."""
    port, _ = world.serve_tls(authority.issue("localhost"), work)
    stream = world.connect_tls(port, trust_anchors=(authority.pem,))
    question = http.post("localhost", "/v1/x", body, "application/json")
    deadline = time.monotonic() + patience_s
    return http.exchange(stream, question, deadline=deadline, where="answer")


def test_a_large_question_and_a_large_answer(world: World, authority: Authority) -> None:
    """Megabytes pass both ways, through buffers that are smaller."""
    sent = world.noise(1, BIG)
    seen: list[bytes] = []

    def serve(tls: ssl.SSLSocket) -> None:
        data = b""
        while len(data.partition(b"\r\n\r\n")[2]) < BIG:
            data += tls.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        seen.append(head)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b; c=d\r\nContent-Length: 1048576\r\n\r\n")
        tls.sendall(body)

    answer = asked(world, authority, serve, sent)
    assert (answer.status, answer.media, answer.body) == (200, "a/b", sent)
    assert seen[0].split(b"\r\n") == [
        b"POST /v1/x HTTP/1.1",
        b"Host: localhost",
        b"Content-Type: application/json",
        b"Content-Length: 1048576",
        b"Accept: application/json, application/problem+json",
        b"User-Agent: enarx-keep",
        b"Connection: close",
    ]


def test_a_server_that_drips_is_given_up(world: World, authority: Authority) -> None:
    """Bytes that come one by one do not move the deadline."""

    def drip(tls: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError):
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
            while True:
                tls.sendall(b"x")

    def sip(tls: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError):
            while tls.recv(1):
                pass

    for work in (drip, sip):
        with pytest.raises(TimeoutError):
            asked(world, authority, work, patience_s=0.3)


def test_a_server_that_takes_nothing_is_given_up(world: World, authority: Authority) -> None:
    """A question that does not fit into the buffers waits no longer than an answer."""
    done = threading.Event()

    def idle(_tls: ssl.SSLSocket) -> None:
        done.wait(10)

    with pytest.raises(TimeoutError):
        asked(world, authority, idle, bytes(16 * BIG), patience_s=0.5)
    done.set()


def said(tls: ssl.SSLSocket, answer: bytes) -> None:
    """Read a short question and answer it."""
    tls.recv(65536)
    tls.sendall(answer)


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_an_answer_without_content_has_none(
    world: World, authority: Authority, length: bytes
) -> None:
    """Status 204 needs no length, and may have that of nothing."""
    head = b"HTTP/1.1 204 No Content\r\n" + length + b"\r\n"
    answer = asked(world, authority, lambda tls: said(tls, head))
    assert (answer.status, answer.media, answer.body) == (204, "", b"")


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        (b"\r\nx", "goes on after the 0 bytes"),
        (b"Content-Length: 1\r\n\r\nx", "got 1 bytes, want at most 0"),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "transfer coding"),
    ],
)
def test_an_answer_without_content_that_has_some(
    world: World, authority: Authority, rest: bytes, problem: str
) -> None:
    """It is not what it says."""
    with pytest.raises(MalformedError, match=problem):
        asked(world, authority, lambda tls: said(tls, b"HTTP/1.1 204 N\r\n" + rest))


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda b: b"HTTP/1.1 200 OK\r\n" + b))
def test_any_head_is_read_or_malformed(head: bytes) -> None:
    """Nothing that a server says ends in another error."""
    try:
        status, fields = http._parse(head, "answer")
        assert 0 <= http._length(status, fields, "answer", BIG) <= BIG
    except MalformedError:
        return
    assert 100 <= status < 600
