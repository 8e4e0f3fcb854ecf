"""Each template of each language: made, built and run, it does what its README promises."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.languages.conftest import PATIENCE_S, Build, Enarx

from enarx.languages.language import Language
from enarx.languages.registry import LANGUAGES

SERVING = b"serving\n"

every_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.name)
every_server = pytest.mark.parametrize(
    "language", [one for one in LANGUAGES if "http" in one.templates], ids=lambda one: one.name
)


def new(enarx: Enarx, language: Language, template: str) -> None:
    """The project "app"."""
    done = enarx("new", "--lang", language.name, "--template", template, "app")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@every_language
def test_hello(language: Language, enarx: Enarx, build: Build) -> None:
    """It says what test/stdout.txt says; building it again finds nothing to do."""
    new(enarx, language, "hello")
    project = build("app")
    done = enarx("run", "app", "keep")
    assert done.stdout == (project.folder / "test" / "stdout.txt").read_bytes()
    assert (done.returncode, done.stderr) == (0, b"")
    again = build("app").built
    assert (again["up_to_date"], again["digest"]) == (True, project.built["digest"])
    assert isinstance(again["seconds"], float)
    assert again["seconds"] < 0.5
    assert (project.built["up_to_date"], project.built["target"]) == (False, language.target)


@pytest.mark.slow
@every_language
def test_filter(language: Language, enarx: Enarx, build: Build) -> None:
    """It writes test/stdout.txt for test/stdin.txt, keeps odd bytes, and fails without input."""
    new(enarx, language, "filter")
    project = build("app")
    test = project.folder / "test"
    done = enarx("run", "app", stdin=(test / "stdin.txt").read_bytes())
    assert (done.returncode, done.stdout) == (0, (test / "stdout.txt").read_bytes())
    assert enarx("run", "app", stdin="ä\n".encode()).stdout == "1 ä\n".encode()
    done = enarx("run", "app")
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"no input\n")


@pytest.mark.slow
@every_server
def test_http(language: Language, enarx: Enarx, build: Build, environment: dict[str, str]) -> None:
    """It answers over TLS that ends in the keep, counts, and outlives clients that say nothing."""
    new(enarx, language, "http")
    project = build("app")
    port = free_port()
    config = project.folder / "Enarx.toml"
    config.write_text(config.read_text().replace("port = 8443", f"port = {port}"))
    build("app")
    certificate = project.folder / "build" / "keep.pem"
    with running(environment, certificate, project.folder):
        trusted = ssl.create_default_context(cafile=str(certificate))
        answer = ask(trusted, port, "/")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        body = (project.folder / "test" / "answer.txt").read_bytes()
        assert answer.endswith(b"\r\n\r\n" + body)
        with connected(trusted, port):
            pass  # a client that says nothing
        assert ask(trusted, port, "/count").endswith(b"\r\n\r\n2\n")
        missing = ask(trusted, port, "/missing")
        assert missing.startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert missing.endswith(b"there is only / and /count\n")


@contextmanager
def running(
    environment: dict[str, str], certificate: Path, app: Path, *, announced: bool = True
) -> Iterator[None]:
    """``enarx run`` of a server, from its first word to the end of the test.

    One that has no words of its own is waited for by whoever connects, once it has a certificate.
    """
    command = [sys.executable, "-m", "enarx", "run", "--write-certificate", certificate, app]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert not announced or process.stdout.readline() == SERVING
            while not announced and not listens(app):
                assert process.poll() is None
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@contextmanager
def connected(trusted: ssl.SSLContext, port: int) -> Iterator[ssl.SSLSocket]:
    """A connection to a keep that has the certificate."""
    with (
        socket.create_connection(("localhost", port), 60) as plain,
        trusted.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


def ask(trusted: ssl.SSLContext, port: int, path: str) -> bytes:
    """The whole answer to one request."""
    with connected(trusted, port) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        return b"".join(iter(lambda: connection.recv(65536), b""))


def listens(app: Path) -> bool:
    """Whether somebody does on the port of the Enarx.toml in *app*."""
    port = tomllib.loads((app / "Enarx.toml").read_text())["files"][-1]["port"]
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
