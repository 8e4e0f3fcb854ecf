"""The templates client and handler: HTTPS to a server of the test's, and components that serve."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.deploy import conftest as deploying
from tests.keep.net.conftest import Authority
from tests.languages.conftest import PATIENCE_S, Build, Enarx, Project
from tests.languages.test_templates import ask, connected, free_port, listens, new
from tests.languages.test_templates import running as running_server

from enarx.languages.language import Language
from enarx.languages.registry import LANGUAGES

agent, new_owner, owner = deploying.agent, deploying.new_owner, deploying.owner
"""A host, and a user of it, for `enarx deploy`."""

BODY = b"hello from a server\n"
CONNECT = 'host = "example.com"\nport = 443'
MOZILLA = 'trust_anchors = ["mozilla"]'

every_client = pytest.mark.parametrize(
    "language", [one for one in LANGUAGES if "client" in one.templates], ids=lambda one: one.name
)
every_handler = pytest.mark.parametrize(
    "language", [one for one in LANGUAGES if "handler" in one.templates], ids=lambda one: one.name
)


@dataclass
class Server:
    """An HTTPS server on loopback; ``asked`` is the Host and the path of each request."""

    port: int
    authority: Authority
    asked: list[tuple[str, str]] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One with a certificate of an authority of its own."""
    authority = Authority()
    with serving(authority, tmp_path) as made:
        yield made


@contextmanager
def serving(authority: Authority, folder: Path) -> Iterator[Server]:
    """A server that *authority* certified for localhost."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.headers["Host"], self.path))
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *_: object) -> None:
            pass

    class Listening(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that does not trust

        def shutdown_request(self, request: object) -> None:
            """Say that the answer is whole, as TLS wants it."""
            assert isinstance(request, ssl.SSLSocket)
            request.settimeout(1)
            with suppress(OSError, ValueError):
                request.unwrap()
            request.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost").files(folder, "server"))
    with Listening(("127.0.0.1", 0), Handler) as listening:
        made = Server(port=listening.server_address[1], authority=authority)
        listening.socket = context.wrap_socket(
            listening.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield made
        listening.shutdown()


def point_at(server: Server, folder: Path, authority: Authority) -> None:
    """Have a client's Enarx.toml name *server*, and believe *authority*."""
    config = folder / "Enarx.toml"
    text = config.read_text()
    assert CONNECT in text
    assert MOZILLA in text
    text = text.replace(CONNECT, f'host = "localhost"\nport = {server.port}')
    config.write_text(text.replace(MOZILLA, f"trust_anchors = ['''{authority.pem.decode()}''']"))


@pytest.mark.slow
@every_client
def test_client(language: Language, enarx: Enarx, build: Build, server: Server) -> None:
    """It prints what a certified server sends, fails for other answers, and asks no stranger."""
    new(enarx, language, "client")
    project = build("app")
    point_at(server, project.folder, server.authority)
    build("app")
    done = enarx("run", "app")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (project.folder / "test" / "stdout.txt").read_bytes() == BODY
    assert server.asked == [("example.com", "/")]
    server.status = 404
    done = enarx("run", "app")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"404" in done.stderr
    server.asked.clear()
    config = project.folder / "Enarx.toml"
    config.write_text(config.read_text().replace(server.authority.pem.decode(), other_pem()))
    build("app")
    done = enarx("run", "app")
    assert done.returncode != 0
    assert b"certificate" in done.stderr
    assert (done.stdout, server.asked) == (b"", [])


def other_pem() -> str:
    """An authority that certified nobody."""
    return Authority("Other CA").pem.decode()


@pytest.mark.slow
@every_client
def test_client_is_deployed(
    language: Language, enarx: Enarx, build: Build, server: Server, owner: deploying.Owner
) -> None:
    """A keep that proved itself asks as well."""
    new(enarx, language, "client")
    project = build("app")
    point_at(server, project.folder, server.authority)
    build("app")
    done = owner.deploy(str(project.folder))
    assert (done.returncode, done.stdout) == (0, BODY), done.stderr
    assert server.asked == [("example.com", "/")]


@pytest.mark.slow
@every_handler
def test_handler(
    language: Language, enarx: Enarx, build: Build, environment: dict[str, str]
) -> None:
    """It is a component, built once, answers over TLS, and outlives a client that says nothing."""
    new(enarx, language, "handler")
    port = free_port()
    project = built_on(port, build)
    again = build("app").built
    assert (again["up_to_date"], again["digest"]) == (True, project.built["digest"])
    assert (again["target"], language.target) == ("wasip2", "wasip1")
    certificate = project.folder / "build" / "keep.pem"
    with running_server(environment, certificate, project.folder, announced=False):
        trusted = ssl.create_default_context(cafile=str(certificate))
        answer = ask(trusted, port, "/")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\n" + (project.folder / "test" / "answer.txt").read_bytes())
        with connected(trusted, port):
            pass
        missing = ask(trusted, port, "/missing")
        assert missing.startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert missing.endswith(b"there is only /\n")


def built_on(port: int, build: Build) -> Project:
    """The project that serves on *port*."""
    project = build("app")
    config = project.folder / "Enarx.toml"
    config.write_text(config.read_text().replace("port = 8443", f"port = {port}"))
    return build("app")


FETCH = """
addEventListener("fetch", (event) => {
  const answer = fetch(new URL(event.request.url).search.slice(1));
  event.respondWith(answer.catch((error) => new Response(String(error), { status: 502 })));
});
"""


@pytest.mark.slow
def test_a_handler_in_javascript_asks_whom_the_policy_names(
    enarx: Enarx, build: Build, server: Server, environment: dict[str, str]
) -> None:
    """By fetch, over TLS that begins in the keep; another server is refused."""
    language = next(one for one in LANGUAGES if one.name == "javascript")
    new(enarx, language, "handler")
    port = free_port()
    project = built_on(port, build)
    (project.folder / "app" / "component.mjs").write_text(FETCH)
    config = project.folder / "Enarx.toml"
    text = config.read_text().replace("connect = []", f'connect = ["localhost:{server.port}"]')
    config.write_text(f"{text}[tls]\ntrust_anchors = ['''{server.authority.pem.decode()}''']\n")
    build("app")
    certificate = project.folder / "build" / "keep.pem"
    with running_server(environment, certificate, project.folder, announced=False):
        trusted = ssl.create_default_context(cafile=str(certificate))
        answer = ask(trusted, port, f"/?https://localhost:{server.port}/x")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert BODY in answer
        assert server.asked == [(f"localhost:{server.port}", "/x")]
        answer = ask(trusted, port, f"/?https://localhost:{port}/")
        assert answer.startswith(b"HTTP/1.1 502 ")


@pytest.mark.slow
@every_handler
def test_handler_is_deployed(
    language: Language, enarx: Enarx, build: Build, owner: deploying.Owner
) -> None:
    """A keep that proved itself serves it."""
    new(enarx, language, "handler")
    port = free_port()
    project = built_on(port, build)
    done = owner.deploy("--detach", str(project.folder))
    assert done.returncode == 0, done.stderr
    keep = done.stdout.decode().strip()
    try:
        until_listening(project.folder)
        own = ssl.create_default_context(cadata=ssl.get_server_certificate(("localhost", port)))
        answer = ask(own, port, "/")
    finally:
        owner.run("keep", "stop", keep)
    assert answer.endswith(b"\r\n\r\n" + (project.folder / "test" / "answer.txt").read_bytes())


def until_listening(app: Path) -> None:
    """Wait for the keep, which compiles what it was given first."""
    deadline = time.monotonic() + PATIENCE_S
    while not listens(app):
        assert time.monotonic() < deadline
        time.sleep(0.1)


MISTAKES = {
    "javascript": ("app/component.mjs", "function (\n", "SyntaxError: "),
    "python": ("app/component.py", "import nowhere\n", "No module named 'nowhere'"),
}


@pytest.mark.slow
@every_handler
def test_mistakes_are_told_in_the_words_of_the_tool(
    language: Language, enarx: Enarx, build: Build
) -> None:
    """Then which step failed; nothing is left to be run."""
    new(enarx, language, "handler")
    project = build("app")
    name, text, said = MISTAKES[language.name]
    (project.folder / name).write_text(text)
    done = enarx("build", "app")
    told, _, ours = done.stderr.decode().partition("enarx: error: ")
    assert done.returncode == 1
    assert said in told
    assert ours.splitlines()[0].endswith(" ended with status 1")
    assert not (project.folder / "build" / "package.tar").exists()
