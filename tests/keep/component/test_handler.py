"""A handler of HTTP requests, a program of Python in a component, served in this process.

Built and compiled once for all of these tests: a quarter of a minute.
"""

from __future__ import annotations

import hashlib
import http.client
import http.server
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.keep.component.conftest import new_system
from tests.keep.net.conftest import Broker

from enarx.keep.component.http.serve import serve
from enarx.keep.component.outgoing import Network
from enarx.keep.engine.component import Component, compile_component
from enarx.keep.engine.engine import Engine
from enarx.keep.link import Link
from enarx.keep.net.channel import AcceptChannel
from enarx.keep.net.listener import Listener
from enarx.keep.system import Listening
from enarx.package.network import parse_rule

pytestmark = [pytest.mark.slow, pytest.mark.needs("componentize-py")]

HANDLER = Path(__file__).with_name("http_guest")
PATIENCE_S = 20.0
DATA = bytes(range(256)) * 4096
Ask = Callable[..., http.client.HTTPResponse]


class Upstream(http.server.BaseHTTPRequestHandler):
    """Whom the handler asks: says what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The path and two headers."""
        self.answer(200, f"{self.path} {self.headers['x-from']} {self.headers['host']}".encode())

    def do_POST(self) -> None:
        """The size of a chunked body."""
        size = 0
        while chunk := int(self.rfile.readline(), 16):
            size += len(self.rfile.read(chunk))
            self.rfile.readline()
        self.answer(201, b"%d" % size)

    def answer(self, status: int, text: bytes) -> None:
        """With a length."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def handler(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Component:
    """The compiled handler."""
    made = tmp_path_factory.mktemp("handler") / "handler.wasm"
    tool = Path(sys.executable).with_name("componentize-py")
    command = [tool, "-d", "../guest/wit", "-w", "handler", "componentize", "app", "-o", made]
    subprocess.run(command, cwd=HANDLER, check=True, capture_output=True)
    return compile_component(engine, made.read_bytes(), where="handler.wasm")


@pytest.fixture
def upstream() -> Iterator[int]:
    """The port of a server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def log() -> list[str]:
    """Lines for whoever runs the keep."""
    return []


@pytest.fixture
def ask(
    engine: Engine, handler: Component, tmp_path: Path, link: Link, log: list[str]
) -> Iterator[Ask]:
    """Ask the served handler."""
    broker = Broker()
    system = new_system(tmp_path)
    listener = Listener(AcceptChannel(broker.channel_fd))
    system.listening = (Listening(listener, "127.0.0.1", broker.port, is_tls=False),)
    system.network = Network((parse_rule("127.0.0.1:*"), parse_rule("localhost:*")), link)
    system.log = lambda _level, line: log.append(line)
    thread = threading.Thread(
        target=serve, args=(engine, handler, system), kwargs={"where": "handler.wasm"}
    )
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=PATIENCE_S)

    def ask_(
        method: str, path: str, body: object = None, **more: object
    ) -> http.client.HTTPResponse:
        connection.request(method, path, body, **more)  # type: ignore[arg-type]
        return connection.getresponse()

    yield ask_
    connection.close()
    broker.close()
    thread.join(PATIENCE_S)
    listener.close()
    assert not thread.is_alive()


def test_each_request_has_a_guest_of_its_own(ask: Ask) -> None:
    """On one connection, nothing is left of the request before."""
    for _ in range(2):
        response = ask("GET", "/hello?x=1", headers={"Host": "some.where:8"})
        assert response.read() == b"Method_Get Scheme_Http some.where:8 /hello?x=1 1\n"
    assert response.headers["date"]


def test_headers(ask: Ask) -> None:
    """What belongs to the connection is the keep's; the rest arrives, in order."""
    headers = {"X-A": "1", "Connection": "keep-alive, x-b", "Keep-Alive": "1", "TE": "trailers"}
    lines = ask("GET", "/headers", headers=headers).read().splitlines()
    assert lines == [b"accept-encoding=identity", b"x-a=1"]


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_stream(ask: Ask, *, chunked: bool) -> None:
    """A megabyte in both directions, sized or chunked."""
    parts = (DATA[at : at + 70_000] for at in range(0, len(DATA), 70_000))
    body = parts if chunked else DATA
    response = ask("POST", "/echo", body, encode_chunked=chunked, headers=_coding(chunked=chunked))
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.read() == DATA


def test_a_digest(ask: Ask) -> None:
    """What the handler read is what was sent."""
    digest = hashlib.sha256(DATA).hexdigest()
    assert ask("POST", "/sha", DATA).read() == f"{len(DATA)} {digest}".encode()


def test_lengths(ask: Ask) -> None:
    """A length that the handler announces is used, and a wrong one cuts the response off."""
    response = ask("POST", "/length", b"abc")
    assert (response.headers["content-length"], response.read()) == ("3", b"abc")
    with pytest.raises(http.client.IncompleteRead):
        ask("GET", "/short").read()


def test_statuses_and_unread_bodies(ask: Ask) -> None:
    """204 has no body; a body that nobody reads does not disturb the next request."""
    assert ask("GET", "/no-content").read() == b""
    assert ask("POST", "/ignore", bytes(5000)).read() == b"ignored"
    assert ask("GET", "/hello").status == 200


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/trap", "stopped: wasm `unreachable`"),
        ("/exit", "exited with status 1"),
        ("/nothing", "no response: none was set"),
        ("/refuse", "no response: loop-detected"),
    ],
)
def test_a_handler_that_fails(ask: Ask, log: list[str], path: str, line: str) -> None:
    """500 for the client, one line for whoever runs the keep, and the next request is served."""
    response = ask("GET", path)
    assert (response.status, response.read()) == (500, b"500\n")
    assert len(log) == 1
    assert line in log[0]
    assert ask("GET", "/hello").status == 200


def test_a_handler_that_fails_late(ask: Ask) -> None:
    """The client sees that the response is cut off."""
    with pytest.raises(http.client.IncompleteRead):
        ask("GET", "/late").read()


def test_trailers_and_fields(ask: Ask) -> None:
    """Trailers arrive; fields that would break a message are refused."""
    body = iter([b"x"])
    assert (
        ask("POST", "/trailers", body, encode_chunked=True, headers=_coding(chunked=True)).read()
        == b""
    )
    syntax, forbidden = b"HeaderError_InvalidSyntax", b"HeaderError_Forbidden"
    wanted = [syntax, syntax, forbidden, syntax]
    assert ask("GET", "/fields").read().split(b",") == wanted


def test_requests_of_the_handler(ask: Ask, upstream: int) -> None:
    """To what the policy names, by name or address, with a body or without."""
    for host in ("127.0.0.1", "localhost"):
        response = ask("GET", f"/ask?http://{host}:{upstream}/a?b")
        assert response.read() == f"/a?b keep {host}:{upstream}".encode()
    response = ask("POST", f"/ask?http://localhost:{upstream}/", DATA)
    assert (response.status, response.read()) == (201, b"%d" % len(DATA))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://10.0.0.1:80/", b"HttpRequestDenied"),
        ("http://127.0.0.1:1/", b"ConnectionRefused"),
        ("http://127.0.0.1:99999/", b"HttpRequestUriInvalid"),
    ],
)
def test_requests_that_cannot_be_made(ask: Ask, url: str, code: bytes) -> None:
    """Each has its code."""
    assert ask("GET", f"/ask?{url}").read() == b"ErrorCode_" + code


def _coding(*, chunked: bool) -> dict[str, str]:
    return {"Transfer-Encoding": "chunked"} if chunked else {}
