"""Handlers of HTTP requests in keeps, which speak HTTPS to their clients and to each other.

The component is built and compiled once: half a minute.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.run.conftest import ENARX, Enarx

pytestmark = [pytest.mark.slow, pytest.mark.needs("componentize-py")]

HANDLER = Path(__file__).parents[1] / "keep" / "component" / "http_guest"
PATIENCE_S = 90.0
Serve = Callable[..., Path]


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The component."""
    made = tmp_path_factory.mktemp("handler") / "handler.wasm"
    tool = Path(sys.executable).with_name("componentize-py")
    command = [tool, "-d", "../guest/wit", "-w", "handler", "componentize", "app", "-o", made]
    subprocess.run(command, cwd=HANDLER, check=True, capture_output=True)
    return made


@pytest.fixture
def serve(environment: dict[str, str], tmp_path: Path, handler: Path) -> Iterator[Serve]:
    """Start a keep that serves the handler with TLS on *port*; its certificate."""
    started: list[subprocess.Popen[bytes]] = []

    def serve(port: int, *lines: str) -> Path:
        folder = tmp_path / str(port)
        folder.mkdir()
        (folder / "main.wasm").write_bytes(handler.read_bytes())
        (folder / "Enarx.toml").write_text(config(port, *lines))
        certificate = tmp_path / f"{port}.pem"
        command = [ENARX, "run", "--write-certificate", certificate, folder]
        started.append(subprocess.Popen(command, env=environment, cwd=tmp_path))
        deadline = time.monotonic() + PATIENCE_S
        while not listens(port):
            assert started[-1].poll() is None, "the keep has ended"
            assert time.monotonic() < deadline
        return certificate

    yield serve
    for process in started:
        process.kill()
        process.communicate()


def config(port: int, *lines: str) -> str:
    """An Enarx.toml that listens with TLS."""
    listen = f'[[files]]\nname = "web"\nkind = "listen"\nprot = "tls"\nport = {port}\n'
    return listen + "\n".join(lines)


def listens(port: int) -> bool:
    """Whether somebody does."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """One that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def ask(port: int, certificate: Path, path: str) -> tuple[int, bytes]:
    """Status and body over verified TLS."""
    context = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=PATIENCE_S)
    connection.request("GET", path)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_keeps_ask_each_other_over_tls(serve: Serve) -> None:
    """Only where the policy allows, and only whom their trust anchors know."""
    back, front, stranger = free_port(), free_port(), free_port()
    trusted = serve(back)
    pem = trusted.read_text()
    connect = f'[network]\nconnect = ["localhost:{back}", "localhost:{stranger}"]'
    certificate = serve(front, connect, f"[tls]\ntrust_anchors = ['''{pem}''']")
    serve(stranger)
    status, text = ask(front, certificate, "/hello?x")
    assert (status, text) == (200, b"Method_Get Scheme_Https localhost:%d /hello?x 1\n" % front)
    status, text = ask(front, certificate, f"/ask?https://localhost:{back}/hello")
    assert (status, text) == (200, b"Method_Get Scheme_Https localhost:%d /hello 1\n" % back)
    refused = {
        f"https://localhost:{stranger}/": b"ErrorCode_TlsCertificateError",
        f"http://localhost:{back}/": b"ErrorCode_ConnectionTerminated",
        f"https://localhost:{front}/": b"ErrorCode_HttpRequestDenied",
    }
    for url, code in refused.items():
        assert ask(front, certificate, f"/ask?{url}") == (502, code)


def test_a_handler_needs_a_listening_socket(enarx: Enarx, handler: Path) -> None:
    """The error says what to write."""
    ended = enarx("run", handler)
    assert ended.status == 4
    assert "names no listening socket" in ended.err
