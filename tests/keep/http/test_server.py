"""The server, spoken to over TCP by clients that keep to the rules and by those that do not."""

from __future__ import annotations

import random
import socket
import struct
import threading

import pytest
from tests.keep.http.conftest import PATIENCE_S, Site, read, rest

from enarx.keep.http import connection, server
from enarx.keep.http.connection import Exchange
from enarx.keep.http.fields import HttpError
from enarx.keep.net.wait import wait

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def statuses(data: bytes) -> list[int]:
    """Of every response in *data*."""
    return [int(part[3:6]) for part in data.split(b"HTTP/1") if part]


def test_requests_on_one_connection(site: Site) -> None:
    """Each is answered in turn, also when they come together; the last one ends it."""
    answers = site.ask(GET % 1 + GET % 2 + CLOSE)
    assert site.served == ["/1", "/2", "/last"]
    assert statuses(answers) == [200, 200, 200]
    assert answers.count(b"connection: close") == 1
    assert answers.endswith(b"GET a /last ")


def test_http_1_0(site: Site) -> None:
    """A response without a length ends with the connection."""

    def respond(exchange: Exchange) -> None:
        writer = exchange.respond(200, ())
        writer.put(b"all")
        writer.end(())

    site.respond = respond
    answer = site.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert b"chunked" not in answer
    assert answer.endswith(b"\r\n\r\nall")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_bodies(site: Site, body: bytes) -> None:
    """Sized and chunked; the next request follows."""
    answers = site.ask(b"POST /b HTTP/1.1\r\nHost: a\r\n" + body + CLOSE)
    assert b"POST a /b hello" in answers
    assert statuses(answers) == [200, 200]


def test_a_large_body_streams(site: Site) -> None:
    """More than is prefetched arrives while the application reads."""
    size = 3 * connection.PREFETCH
    sizes = []

    def respond(exchange: Exchange) -> None:
        sizes.append(len(read(exchange)))
        exchange.respond(204, ()).end(())

    site.respond = respond
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    assert statuses(site.ask(head + bytes(size))) == [204]
    assert sizes == [size]


def test_an_unread_body_is_passed_over(site: Site) -> None:
    """A small one costs nothing, a large one the connection."""
    site.respond = lambda exchange: exchange.respond(204, ()).end(())
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    assert statuses(site.ask(head % 9 + b"x" * 9 + CLOSE)) == [204, 204]
    size = 2 * connection.PREFETCH
    assert statuses(site.ask(head % size + bytes(size) + CLOSE)) == [204]


def test_expect_continue(site: Site) -> None:
    """A client that waits for it is told to go on."""
    client = site.client()
    client.sendall(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert client.recv(100).startswith(b"HTTP/1.1 100 ")
    client.sendall(b"ok")
    assert rest(client).endswith(b"POST a / ok")


def test_head_has_no_body(site: Site) -> None:
    """But the length that GET's would have."""
    answer = site.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"content-length: 9" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"Content-Length: 6\r\n" + CHUNKED + b"0\r\n\r\n" + SMUGGLED, 400),
        (POST + CHUNKED + b"5\r\nhello" + SMUGGLED, 400),
        (POST + b"Transfer-Encoding : chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n" + CLOSE, 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (POST + b"Content-Length: 9999999999\r\n\r\n", 413),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ],
)
def test_hostile_requests_are_answered_once(site: Site, request_: bytes, status: int) -> None:
    """With an error, after which the connection ends; nothing of them reaches the application."""
    assert statuses(site.ask(request_)) == [status]
    assert site.served == []
    ((level, line),) = site.lines
    assert level == "info"
    assert f": {status}: " in line


def test_a_client_that_leaves_in_its_body(site: Site) -> None:
    """Is forgotten, and nobody is bothered."""
    assert site.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc") == b""
    assert statuses(site.ask(CLOSE)) == [200]
    assert site.served == ["/last"]


def test_a_client_that_leaves_in_the_response(site: Site) -> None:
    """The application learns of it when it writes, and the next client is served."""
    learned = threading.Event()

    def respond(exchange: Exchange) -> None:
        writer = exchange.respond(200, ())
        try:
            while True:
                for fd, mask in writer.interest():
                    wait(fd, mask)
                if writer.room():
                    writer.put(bytes(1 << 16))
        except BrokenPipeError:
            learned.set()

    site.respond = respond
    client = site.client()
    client.sendall(GET % 1)
    client.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert learned.wait(PATIENCE_S)
    site.respond = lambda exchange: exchange.respond(204, ()).end(())
    assert statuses(site.ask(CLOSE)) == [204]


@pytest.mark.parametrize(
    "wire", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na"]
)
def test_slow_clients_are_dropped(site: Site, monkeypatch: pytest.MonkeyPatch, wire: bytes) -> None:
    """Silent ones, and those that never end a request; others are served meanwhile."""
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    monkeypatch.setattr(connection, "BODY_S", 0.3)
    slow = site.client()
    slow.sendall(wire)
    assert statuses(site.ask(CLOSE)) == [200]
    assert statuses(rest(slow)) == ([408] if wire else [])


def test_idle_clients_make_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most connections, the longest idle one has to go."""
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    idle = []
    for number in range(2):
        client = site.client()
        client.sendall(GET % number)
        client.recv(1000)
        idle.append(client)
    assert statuses(site.ask(CLOSE)) == [200]
    assert rest(idle[0]) == b""


def test_a_failing_application(site: Site) -> None:
    """500 if nothing was answered, a cut connection if something was; a line for each."""

    def fail(exchange: Exchange) -> None:
        if exchange.head.target == "/1":
            exchange.respond(200, ()).put(b"begun")
        raise HttpError(500, "on purpose")

    site.respond = fail
    assert statuses(site.ask(CLOSE)) == [500]
    begun = site.ask(GET % 1)
    assert statuses(begun) == [200]
    assert not begun.endswith(b"0\r\n\r\n")
    assert [level for level, _ in site.lines] == ["warn", "warn"]


def test_a_request_behind_a_large_response(site: Site) -> None:
    """It came together with the first one, and is answered when that response has gone."""

    def respond(exchange: Exchange) -> None:
        writer = exchange.respond(200, ())
        writer.put(bytes(8 << 20))
        writer.end(())

    site.respond = respond
    client = site.client()
    client.sendall(GET % 1 + CLOSE)
    assert rest(client).count(b"HTTP/1.1 200 OK\r\n") == 2
    assert site.served == ["/1", "/last"]


def test_whatever_is_sent(site: Site) -> None:
    """Two hundred connections of damaged requests, and the next client is served."""
    draw = random.Random(7)  # noqa: S311 - reproducible, not secret
    parts = [b"GET / HTTP/1.1\r\n", b"Host: a\r\n", POST, CHUNKED, CLOSE, b"Content-Length: 5\r\n",
             b"\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"\n", b"\0", b"Expect: 100-continue\r\n",
             b"Connection: close\r\n", b"ffffffff\r\n", b"HTTP/1.1", b"\xff" * 9]  # fmt: skip
    for _ in range(200):
        text = b"".join(draw.choices(parts, k=draw.randrange(1, 9)))
        known = {0, 200, 400, 413, 417, 431, 501, 505, 100, 408}
        assert set(statuses(site.ask(text))) <= known
    assert statuses(site.ask(CLOSE)) == [200]
