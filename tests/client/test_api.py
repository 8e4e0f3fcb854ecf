"""The client of a host agent's interface: bounded, and refusals sorted by whose fault they are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from enarx.client import api
from enarx.client.api import Host, HostRefusedError
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError

KEEP = {
    "id": "k1", "name": "n", "platform": "snp", "image": "enarx/0", "state": "offering",
    "workload_digest": None, "created": "2026-01-01T00:00:00Z", "ended": None, "reason": "",
    "something": "newer",
}  # fmt: skip


class Server(ThreadingHTTPServer):
    """A host that answers what the test says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body, self.headers = 200, b"{}", {}
        self.first: list[int] = []
        """Statuses of the first answers, which have no body."""
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def answer(self) -> None:
        """As the server was told."""
        size = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(size)
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        if self.server.first:
            self.send_response(self.server.first.pop(0))
            self.send_header("Retry-After", "1")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A host on loopback."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def host(server: Server) -> Iterator[Host]:
    """A client of it."""
    with Host(f"http://127.0.0.1:{server.server_port}", token="enx_1_word") as made:  # noqa: S106
        yield made


def test_what_is_asked_and_what_is_understood(server: Server, host: Host) -> None:
    """Path, method, token and body; and a keep, whatever else a newer host says of it."""
    server.body = json.dumps({**KEEP, "offer": "AQID"}).encode()
    made = host.create("snp", bytes(32), "label")
    assert (made.id, made.state, made.workload_digest, made.offer) == (
        "k1",
        "offering",
        "",
        b"\1\2\3",
    )
    method, path, headers, body = server.asked[-1]
    assert (method, path, headers["Authorization"]) == ("POST", "/v1/keeps", "Bearer enx_1_word")
    assert json.loads(body) == {"platform": "snp", "nonce": "A" * 43, "name": "label"}
    server.body = b"receipt"
    assert host.envelope("k1", b"sealed") == b"receipt"
    method, path, headers, body = server.asked[-1]
    assert (method, path, body) == ("POST", "/v1/keeps/k1/envelope", b"sealed")
    assert headers["Content-Type"] == "application/vnd.enarx.envelope.v1"
    host.stop("k1", 2.5)
    assert json.loads(server.asked[-1][3]) == {"grace_s": 2.5}
    host.delete("k1")
    assert server.asked[-1][:2] == ("DELETE", "/v1/keeps/k1")
    assert host.offer("k1", bytes(32)) == host.receipt("k1") == b"receipt"
    server.body = json.dumps(KEEP).encode()
    assert host.keep("k1", wait_s=5).id == "k1"
    assert server.asked[-1][1] == "/v1/keeps/k1?wait=5"


def test_lists_go_on_until_their_end(server: Server, host: Host) -> None:
    """Page by page."""
    server.body = json.dumps({"keeps": [KEEP, KEEP], "next": None}).encode()
    assert [keep.id for keep in host.keeps()] == ["k1", "k1"]
    server.body = b'{"platforms":[{"name":"snp"},{"name":"tdx"}]}'
    assert host.platforms() == ("snp", "tdx")


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "malformed", HostRefusedError),
        (401, "unauthorized", MisconfiguredError),
        (403, "forbidden", MisconfiguredError),
        (404, "not-found", HostRefusedError),
        (408, "timeout", UnavailableError),
        (409, "already-used", HostRefusedError),
        (422, "cannot-open", HostRefusedError),
        (429, "quota", UnavailableError),
        (500, "bug", UnavailableError),
        (503, "unavailable", UnavailableError),
        (302, "", HostRefusedError),
    ],
)
def test_refusals_are_sorted_by_whose_fault_they_are(
    server: Server, host: Host, status: int, code: str, error: type[Exception]
) -> None:
    """Ours, the host's, or the world's; the token is not shown."""
    server.status, server.headers = status, {"Retry-After": "7", "Location": "http://127.0.0.1:1/"}
    server.body = json.dumps({"code": code, "detail": "why"}).encode() if code else b"<html>"
    with pytest.raises(error) as caught:
        host.keep("k1")
    assert "enx_1_word" not in str(caught.value)
    if error is HostRefusedError:
        assert caught.value.code == (code or "HTTP 302")  # type: ignore[attr-defined]
    if error is UnavailableError:
        assert caught.value.retry_after_s == 7  # type: ignore[attr-defined]
        assert f"{code}: why" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 503])
def test_a_host_without_room_is_asked_again(server: Server, host: Host, status: int) -> None:
    """For what it has not begun, and not for ever; an envelope is handed over once."""
    server.body = json.dumps(KEEP).encode()
    server.first = [status]
    assert host.create("snp", bytes(32), "").id == "k1"
    assert len(server.asked) == 2
    server.first = [status]
    with pytest.raises(UnavailableError):
        host.envelope("k1", b"sealed")
    server.first = [status] * 2
    hasty = Host(f"http://127.0.0.1:{server.server_port}", patience_s=0.5)
    with hasty, pytest.raises(UnavailableError):
        hasty.platforms()
    assert len(server.first) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"id":""}', b'{"id":"k","state":1}', b'{"id":"k","offer":"!"}']
)
def test_what_is_no_keep_is_malformed(server: Server, host: Host, body: bytes) -> None:
    """A host that says something else is not understood by guessing."""
    server.body = body
    with pytest.raises(MalformedError):
        host.keep("k1")


def test_answers_are_bounded(server: Server, host: Host) -> None:
    """Attack: a host that answers without end."""
    server.body = bytes(api._MAX_ANSWER + 1)
    with pytest.raises(MalformedError, match="want at most"):
        host.receipt("k1")


def test_a_host_that_is_not_there(server: Server) -> None:
    """No answer, and no channel either."""
    port = server.server_port
    server.status = 404
    with (
        Host(f"http://127.0.0.1:{port}") as there,
        pytest.raises(UnavailableError, match="channel"),
    ):
        there.channel("k1")
    with Host("http://127.0.0.1:1") as gone:
        with pytest.raises(UnavailableError, match="no answer"):
            gone.keeps()
        with pytest.raises(UnavailableError, match="no channel"):
            gone.channel("k1")
