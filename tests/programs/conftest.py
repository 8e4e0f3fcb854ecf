"""Runs programs through the command line, as a user would."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ENARX = Path(sys.executable).with_name("enarx")
START_TIMEOUT_S = 60.0
POLL_S = 0.02

Run = Callable[..., subprocess.CompletedProcess[bytes]]
Start = Callable[..., "Server"]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This environment with a cache of its own, which the tests of a session share."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """``enarx run`` to its end: ``run("app.wasm", "argument", stdin=b"…")``."""

    def run(*words: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [ENARX, "run", *words]
        return subprocess.run(
            command, input=stdin, capture_output=True, env=environment, timeout=120, check=False
        )

    return run


class Server:
    """A running ``enarx run``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def connect(self) -> socket.socket:
        """A connection, as soon as the port answers."""
        for _ in range(round(START_TIMEOUT_S / POLL_S)):
            try:
                return socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT_S)
            except ConnectionRefusedError:
                self._still_starting()
        pytest.fail(f"nothing answers on port {self.port}")

    def ask(self, request: bytes) -> bytes:
        """Send *request* over a new connection and read until the other side closes."""
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def finish(self) -> tuple[int, bytes, bytes]:
        """Wait for the end: exit code, standard output, standard error."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def _still_starting(self) -> None:
        try:
            self.process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            return
        pytest.fail(f"ended early: {self.finish()}")


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """``enarx run`` of a server whose descriptor 3 listens on a free TCP port."""
    started = []

    def start(*words: str | Path) -> Server:
        port = free_port()
        config = tmp_path / "server.toml"
        config.write_text(listening(port))
        command = [ENARX, "run", "--wasmcfgfile", config, *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment)
        started.append(process)
        return Server(process, port)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def listening(port: int) -> str:
    """An Enarx.toml with the standard streams, and a TCP socket as descriptor 3."""
    streams = "".join(f'[[files]]\nkind = "{k}"\n' for k in ("stdin", "stdout", "stderr"))
    socket = f'name = "listen"\nkind = "listen"\nprot = "tcp"\naddr = "127.0.0.1"\nport = {port}\n'
    return f"{streams}[[files]]\n{socket}"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
