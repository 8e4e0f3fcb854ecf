"""A real host agent with its keeper, an owner's home, and a host that plays the attacker."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tests.keep.agent.programs import ECHO, ENDLESS, HELLO, TRAPS

ROOT_KEYS = Path(__file__).parent.parent / "tee" / "development-root.pem"
PATIENCE_S = 60.0
PROGRAMS = {"hello": HELLO, "echo": ECHO, "endless": ENDLESS, "traps": TRAPS}


def make_home(folder: Path) -> dict[str, str]:
    """A user's folders, with the tests' development root; the environment that names them."""
    simulated = folder / "data" / "enarx" / "simulated"
    simulated.mkdir(parents=True, mode=0o700)
    (simulated / "root.pem").touch(mode=0o600)
    (simulated / "root.pem").write_bytes(ROOT_KEYS.read_bytes())
    names = {"DATA": "data", "CACHE": "cache", "CONFIG": "config", "STATE": "state"}
    paths = {f"XDG_{name}_HOME": str(folder / place) for name, place in names.items()}
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("ENARX_", "XDG_"))}
    return {**kept, **paths}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A host agent at work.

    Args:
        url, token_file: what a client needs.
        environment: of its user.
    """

    url: str
    token_file: Path
    environment: dict[str, str]
    state: Path

    def command(self, *arguments: str) -> str:
        """What ``enarx host`` prints."""
        command = [sys.executable, "-m", "enarx", "host", *arguments, "--state", str(self.state)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True,
            timeout=PATIENCE_S,
        )  # fmt: skip
        return done.stdout


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """One for all tests of a worker; its keeps end with it."""
    with serving(tmp_path_factory.mktemp("host"), "--warm", "2") as made:
        yield made


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Agent]:
    """A host agent with *options*, whose user's folders are in *folder*."""
    state, environment = folder / "host", make_home(folder)
    reader, writer = os.pipe()
    command = [
        sys.executable, "-m", "enarx", "host", "serve", "--state", str(state),
        "--port", "0", "--ready-fd", str(writer), *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, env=environment, pass_fds=(writer,), stderr=2)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as ready:
        url = json.loads(ready.readline())["url"]
    made = Agent(url=url, token_file=folder / "token", environment=environment, state=state)
    made.token_file.touch(mode=0o600)
    made.token_file.write_text(made.command("token", "create", "--tenant", "tests"))
    try:
        _until_ready(made)
        yield made
    finally:
        made.command("stop")
        process.wait(PATIENCE_S)


def _until_ready(agent: Agent) -> None:
    """Wait for the keeper, which measures what its keeps are made of before it is there."""
    headers = {"Authorization": f"Bearer {agent.token_file.read_text().strip()}"}
    deadline = time.monotonic() + PATIENCE_S
    with httpx.Client(headers=headers) as client:
        while client.get(f"{agent.url}/v1/platforms").status_code != 200:
            assert time.monotonic() < deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A user with a context, in a folder of programs."""

    folder: Path
    environment: dict[str, str]
    agent: Agent

    def run(
        self, *arguments: str, stdin: bytes = b"", host: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """``enarx`` in the owner's folder."""
        environment = {**self.environment, "ENARX_TOKEN_FILE": str(self.agent.token_file)}
        environment["ENARX_HOST"] = host or self.agent.url
        return subprocess.run(
            [sys.executable, "-m", "enarx", *arguments], cwd=self.folder, env=environment,
            input=stdin, capture_output=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip

    def deploy(
        self, *arguments: str, stdin: bytes = b"", host: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """``enarx deploy`` that accepts simulated platforms."""
        return self.run("deploy", "--insecure-accept-simulated", *arguments, stdin=stdin, host=host)


@pytest.fixture
def new_owner(agent: Agent, tmp_path: Path) -> Callable[[str], Owner]:
    """Users, by name."""

    def make(name: str) -> Owner:
        folder = tmp_path / name
        environment = make_home(folder)
        for program, module in PROGRAMS.items():
            (folder / f"{program}.wasm").write_bytes(module)
        return Owner(folder=folder, environment=environment, agent=agent)

    return make


@pytest.fixture
def owner(new_owner: Callable[[str], Owner]) -> Owner:
    """One user."""
    return new_owner("owner")


Change = Callable[[str, str, bytes], bytes]
"""(method, path, body) to another body."""


def as_it_is(_method: str, _path: str, body: bytes) -> bytes:
    """Change nothing."""
    return body


@dataclass
class Attacker:
    """Stands between an owner and a host agent, and changes what it likes.

    Attributes:
        ask, answer: what becomes of bodies on their way to the host, and back.
        path: where a request really goes.
        cut: how many bytes of a channel are carried to the owner; None for all.
        drop: whose answers are not given: the connection ends instead, after the host did it.
        seen: every body, and every byte of the channels.
    """

    target: str
    ask: Change = as_it_is
    answer: Change = as_it_is
    path: Callable[[str], str] = str
    cut: int | None = None
    drop: Callable[[str, str], bool] = lambda _method, _path: False
    seen: list[bytes] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def forward(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> httpx.Response:
        """Ask the host."""
        self.asked.append((method, path))
        self.seen.append(body)
        kept = {n: v for n, v in headers.items() if n.lower() in ("authorization", "content-type")}
        url = self.target + self.path(path)
        sent = self.ask(method, path, body)
        return httpx.request(method, url, headers=kept, content=sent, timeout=PATIENCE_S)


class Handler(BaseHTTPRequestHandler):
    """One request of an owner's."""

    attacker: Attacker
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._tunnel()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        found = self.attacker.forward(self.command, self.path, dict(self.headers), body)
        if self.attacker.drop(self.command, self.path):
            self.close_connection = True
            return
        data = self.attacker.answer(self.command, self.path, found.content)
        self.attacker.seen.append(data)
        self.send_response(found.status_code)
        self.send_header("Content-Type", found.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the library's names

    def _tunnel(self) -> None:
        """Carry a channel's bytes, as many as the attacker likes."""
        host, _, port = self.attacker.target.removeprefix("http://").partition(":")
        self.attacker.asked.append(("CHANNEL", self.path))
        with socket.create_connection((host, int(port))) as there:
            head = [f"GET {self.attacker.path(self.path)} HTTP/1.1"]
            head += [f"{name}: {value}" for name, value in self.headers.items()]
            there.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
            inward = threading.Thread(target=self._carry_in, args=(there,))
            inward.start()
            left = self.attacker.cut
            with suppress(OSError):
                while data := there.recv(65_536):
                    piece = data if left is None else data[:left]
                    self.attacker.seen.append(piece)
                    self.wfile.write(piece)
                    if left is not None:
                        left -= len(piece)
                        if left <= 0:
                            break
            with suppress(OSError):
                there.shutdown(socket.SHUT_RDWR)
                self.connection.shutdown(socket.SHUT_RDWR)
            inward.join()
        self.close_connection = True

    def _carry_in(self, there: socket.socket) -> None:
        with suppress(OSError):
            while data := self.connection.recv(65_536):
                self.attacker.seen.append(data)
                there.sendall(data)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def attacker(agent: Agent) -> Iterator[Attacker]:
    """A hostile host in front of an honest one."""
    made = Attacker(target=agent.url)
    handler = type("Attacking", (Handler,), {"attacker": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()
