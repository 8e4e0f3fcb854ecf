"""What a server does, to us or to itself, costs limited time and bytes and ends in our errors."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from enarx.adapters.http_boundary import TransientError, boundary
from enarx.adapters.http_fetch import HttpFetch, open_fetch
from enarx.adapters.http_retry import Backoff
from enarx.errors import EnarxError, MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from tests.adapters.conftest import Authority, FakeClock, Web

OK = (200, {}, b"all of it")
MOST = 1000


def unavailable(fetch: HttpFetch, url: str) -> UnavailableError:
    """The error that asking ends in."""
    with pytest.raises(UnavailableError) as caught:
        fetch.get(url, most_bytes=MOST)
    return caught.value


def test_a_body_and_its_headers_come_back_as_they_are(fetch: HttpFetch, web: Web) -> None:
    """Bytes are not touched, names of headers are in lower case."""
    web.on("/a?b=c", (200, {"X-Chain": "a%20b"}, b"\0\xff exact \r\n"))
    reply = fetch.get(web.url + "/a?b=c", most_bytes=MOST, headers={"x-key": "secret"})
    assert (reply.status, reply.body) == (200, b"\0\xff exact \r\n")
    assert reply.headers["x-chain"] == "a%20b"
    [(path, headers)] = web.asked
    assert path == "/a?b=c"
    assert headers["x-key"] == "secret"
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("enarx/")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_an_answer(fetch: HttpFetch, web: Web, status: int) -> None:
    """What asking again would not change is for the caller to explain; it is asked once."""
    web.on("/x", (status, {"Error-Message": "no"}, b"x" * 10_000))
    reply = fetch.get(web.url + "/x", most_bytes=MOST)
    assert (reply.status, reply.body, reply.headers["error-message"]) == (status, b"", "no")
    assert len(web.asked) == 1


def test_a_body_of_exactly_the_limit_is_taken(fetch: HttpFetch, web: Web) -> None:
    """One byte more is refused, whether its length is announced or not."""

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")

    web.on("/most", (200, {}, b"x" * MOST))
    web.on("/more", (200, {}, b"x" * (MOST + 1)))
    web.on("/chunked", chunked)
    assert len(fetch.get(web.url + "/most", most_bytes=MOST).body) == MOST
    for path in ("/more", "/chunked"):
        error = unavailable(fetch, web.url + path)
        assert error.problem == "sent more than the 1000 bytes that this can have"


def test_an_endless_body_ends(fetch: HttpFetch, web: Web) -> None:
    """Only the first piece above the limit is read of a stream without end."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not web.over.is_set():
            handler.wfile.write(b"x" * 65_536)

    web.on("/endless", endless)
    assert "more than the 1000 bytes" in unavailable(fetch, web.url + "/endless").problem


def test_gzip_is_unpacked_only_up_to_the_limit(fetch: HttpFetch, web: Web) -> None:
    """A small body that would become a large one is refused without becoming it."""
    encoded = {"Content-Encoding": "gzip"}
    web.on("/good", (200, encoded, gzip.compress(b"y" * MOST)))
    web.on("/bomb", (200, encoded, gzip.compress(b"\0" * 600_000)[:900]))
    web.on("/cut", (200, encoded, gzip.compress(b"y" * MOST)[:-3]))
    web.on("/junk", (200, encoded, b"no gzip"))
    web.on("/more", (200, encoded, gzip.compress(b"y") + b"z"))
    web.on("/br", (200, {"Content-Encoding": "br"}, b"z"))
    assert fetch.get(web.url + "/good", most_bytes=MOST).body == b"y" * MOST
    assert "more than the 1000 bytes" in unavailable(fetch, web.url + "/bomb").problem
    for path in ("/cut", "/junk", "/more"):
        assert unavailable(fetch, web.url + path).problem == "sent damaged gzip"
    assert unavailable(fetch, web.url + "/br").problem == "sent the encoding 'br', want none"


def test_a_busy_server_is_asked_again_when_it_says(
    fetch: HttpFetch, web: Web, clock: FakeClock
) -> None:
    """Retry-After counts, in seconds or as a date, and chance only adds to it."""
    date = format_datetime(clock.at.replace(second=40), usegmt=True)
    web.on("/seconds", (429, {"Retry-After": "7"}, b""), OK)
    web.on("/date", (429, {"Retry-After": date}, b""), OK)
    assert fetch.get(web.url + "/seconds", most_bytes=MOST).body == b"all of it"
    assert clock.slept == [7.5]
    assert fetch.get(web.url + "/date", most_bytes=MOST).status == 200
    assert clock.slept == [7.5, 33.0]  # 7.5 s have passed of the 40


def test_failures_of_a_server_are_asked_again_after_growing_waits(
    fetch: HttpFetch, web: Web, clock: FakeClock
) -> None:
    """503, 500 and a cut connection, then an answer."""

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    web.on("/x", (503, {}, b""), (500, {}, b""), cut, OK)
    assert fetch.get(web.url + "/x", most_bytes=MOST).body == b"all of it"
    assert clock.slept == [0.5, 1.0, 2.0]


def test_a_wait_is_told(web: Web, clock: FakeClock, authority: Authority) -> None:
    """Who waits hears why and how long."""
    told: list[str] = []
    web.on("/x", (429, {"Retry-After": "9"}, b""), OK)
    settings = {"clock": clock, "chance": lambda: 0.0, "ca_file": authority.ca_file}
    with open_fetch(**settings, tell=told.append) as fetch:
        fetch.get(web.url + "/x", most_bytes=MOST)
    assert told == [f"{web.host}: answers 429; asking again in 9 s"]


def test_a_server_that_stays_busy_is_left_alone(
    fetch: HttpFetch, web: Web, clock: FakeClock
) -> None:
    """After four attempts it is an error; then the host rests, and is asked again after that."""
    web.on("/x", *[(503, {"Retry-After": "90"}, b"")] * 2, (503, {}, b""))
    error = unavailable(fetch, web.url + "/x")
    assert (error.what, error.problem, error.retry_after_s) == (web.host, "answers 503", 90.0)
    assert len(web.asked) == 2  # the second 90 s would have ended after the deadline
    web.on("/y", OK)
    resting = unavailable(fetch, web.url + "/y")
    assert resting.problem == "answers 503, and is not asked again yet"
    assert resting.retry_after_s == 90.0
    assert len(web.asked) == 2
    clock.seconds += 91
    assert fetch.get(web.url + "/y", most_bytes=MOST).status == 200


def test_an_unreachable_host_fails_after_all_attempts(
    client: Callable[..., HttpFetch], clock: FakeClock
) -> None:
    """A closed port: four attempts, then one error that says so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = unavailable(client(), f"https://127.0.0.1:{port}/x")
    assert isinstance(error, TransientError)
    assert error.problem == "no connection: connection refused"
    assert len(clock.slept) == 3


def test_a_wait_beyond_the_deadline_is_not_begun(
    fetch: HttpFetch, web: Web, clock: FakeClock
) -> None:
    """A server that asks for an hour is reported with that hour, at once."""
    web.on("/x", (429, {"Retry-After": "3600"}, b""))
    assert unavailable(fetch, web.url + "/x").retry_after_s == 3600.0
    assert clock.slept == []


def test_a_stalled_body_times_out(client: Callable[..., HttpFetch], web: Web) -> None:
    """A server that stops in the middle is given up after the time-out of a read."""

    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"x")
        web.over.wait(10)

    web.on("/x", stall)
    error = unavailable(client(read_s=0.05, backoff=Backoff(attempts=2)), web.url + "/x")
    assert error.problem == "no answer in time"
    assert len(web.asked) == 2


def test_a_dripping_body_meets_the_deadline(
    client: Callable[..., HttpFetch], web: Web, clock: FakeClock
) -> None:
    """Many small pieces, each in time, do not make an answer that takes for ever."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not web.over.is_set():
            handler.wfile.write(b"x")
            handler.wfile.flush()

    web.on("/x", drip)
    fetch = client(deadline_s=30.0)
    clock.tick_s = 5.0
    assert "sent too slowly" in unavailable(fetch, web.url + "/x").problem


def test_a_truncated_body_is_no_body(client: Callable[..., HttpFetch], web: Web) -> None:
    """Fewer bytes than announced are asked for again, and then an error."""

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"x" * 10)

    web.on("/x", cut, OK)
    web.on("/y", cut)
    fetch = client()
    assert fetch.get(web.url + "/x", most_bytes=MOST).body == b"all of it"
    error = unavailable(fetch, web.url + "/y")
    assert error.problem == "broke off its answer, or did not speak HTTP"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused_and_named(fetch: HttpFetch, web: Web, status: int) -> None:
    """It is not followed: an API key would go along, and no service of ours redirects."""
    web.on("/x", (status, {"Location": f"{web.url}/y"}, b""))
    error = unavailable(fetch, web.url + "/x")
    assert error.problem == f"answers {status} and points to {web.url}/y"
    assert web.paths() == ["/x"]


def test_a_certificate_for_another_name_is_not_trusted(
    fetch: HttpFetch, serve: Callable[[str | None], Web]
) -> None:
    """The name is checked, nothing is asked, and TLS is not retried."""
    other = serve("elsewhere.example")
    error = unavailable(fetch, other.url + "/x")
    assert error.problem.startswith("its certificate is not trusted: ")
    assert not isinstance(error, TransientError)
    assert other.asked == []
    assert any("--ca-file" in hint for hint in error.hints)


def test_an_unknown_authority_is_not_trusted(web: Web, clock: FakeClock) -> None:
    """Without the file, the authority of the tests means nothing."""
    with open_fetch(clock=clock, chance=lambda: 0.0) as fetch:
        error = unavailable(fetch, web.url + "/x")
    assert error.problem.startswith("its certificate is not trusted: ")
    assert web.asked == []


def test_a_server_without_tls_is_not_spoken_to(
    fetch: HttpFetch, serve: Callable[[str | None], Web]
) -> None:
    """TLS to a port that speaks http is no connection."""
    plain = serve(None)
    error = unavailable(fetch, f"https://{plain.host}/x")
    assert error.problem.startswith("no TLS: ")


def test_plain_http_is_for_this_machine(
    fetch: HttpFetch, serve: Callable[[str | None], Web]
) -> None:
    """A mirror on loopback may do without TLS; another host may not."""
    plain = serve(None)
    plain.on("/x", OK)
    assert fetch.get(plain.url + "/x", most_bytes=MOST).body == b"all of it"
    with pytest.raises(MisconfiguredError, match="want https"):
        fetch.get("http://mirror.example/x", most_bytes=MOST)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mirror.example", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://mirror.example:port/", "is not a URL"),
        ("https://mirror.example/ü", "is not a URL"),
        ("https://mirror.example/a b", "is not a URL"),
        ("https://user@mirror.example/", "holds a user name"),
        ("https://user:hunter2@mirror.example/", "holds a user name"),
        ("ftp://mirror.example/", "got ftp, want https"),
    ],
)
def test_what_is_no_url_of_a_service_is_the_operator_s_mistake(
    fetch: HttpFetch, url: str, problem: str
) -> None:
    """Nothing is sent, and a password in a URL is not repeated."""
    with pytest.raises(MisconfiguredError, match=problem) as caught:
        fetch.get(url, most_bytes=MOST)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_authorities_is_the_operator_s_mistake(
    tmp_path: Path, clock: FakeClock, content: str | None
) -> None:
    """A missing, empty or foreign --ca-file is named."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(MisconfiguredError) as caught:
        open_fetch(clock=clock, chance=lambda: 0.0, ca_file=str(path))
    assert caught.value.source == str(path)


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    serve: Callable[[str | None], Web],
    monkeypatch: pytest.MonkeyPatch,
    client: Callable[..., HttpFetch],
) -> None:
    """Requests to loopback go past it; others reach it, and it sees only where they go."""
    target, proxy = serve("127.0.0.1"), serve(None)
    target.on("/x", OK)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    fetch = client(backoff=Backoff(attempts=1))
    assert fetch.get(target.url + "/x", most_bytes=MOST).status == 200
    error = unavailable(fetch, "https://kds.example/vcek")
    assert error.problem == "the proxy refused to connect"  # it does not know CONNECT
    assert proxy.asked == []


@pytest.mark.parametrize("value", ["gopher://proxy.example", "http://[::1", "socks5://x.example"])
def test_a_proxy_that_cannot_be_used_is_the_operator_s_mistake(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """It is an error before anything is asked."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(MisconfiguredError) as caught:
        open_fetch(clock=clock, chance=lambda: 0.0)
    assert "PROXY" in caught.value.source
    assert value not in str(caught.value)


def exceptions() -> list[type[Exception]]:
    """Every exception class that httpx shows."""
    shown = (getattr(httpx, name) for name in httpx.__all__)
    return [kind for kind in shown if isinstance(kind, type) and issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_library_becomes_ours(kind: type[Exception]) -> None:
    """Raised in the request or while its body is read, none of them comes through."""
    error = kind.__new__(kind)
    Exception.__init__(error, "secret-key")
    with pytest.raises(EnarxError) as caught, boundary("host.example"):
        for _ in failing(error):
            pass
    assert caught.value.__cause__ is error
    if not issubclass(kind, httpx.ConnectError):
        assert "secret-key" not in str(caught.value)


def failing(error: Exception) -> Iterator[bytes]:
    """Pieces of a body that breaks off."""
    yield b"x"
    raise error


def test_the_list_of_exceptions_is_not_empty() -> None:
    """The library still shows its exceptions where the test above looks."""
    assert {httpx.ReadTimeout, httpx.InvalidURL, httpx.StreamClosed} <= set(exceptions())
