"""A program of Python in a component, which asks for the whole command world and uses most of it.

Built and compiled once for all of these tests: a quarter of a minute.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.keep.net.conftest import World, world

from enarx.keep.component.outgoing import Network
from enarx.keep.engine.component import Component, compile_component
from enarx.keep.engine.engine import Engine
from enarx.keep.engine.trap import Trap
from enarx.keep.link import Link
from enarx.keep.system import Listening
from enarx.keep.vfs.memory import MemoryDirectory, scratch
from enarx.keep.vfs.node import Directory
from enarx.package.network import parse_rule

pytestmark = [pytest.mark.slow, pytest.mark.needs("componentize-py")]

GUEST = Path(__file__).with_name("guest")
PATIENCE_S = 20.0
__all__ = ["world"]
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def guest(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Component:
    """The compiled guest."""
    made = tmp_path_factory.mktemp("guest") / "guest.wasm"
    tool = Path(sys.executable).with_name("componentize-py")
    command = [tool, "-d", "wit", "-w", "guest", "componentize", "app", "-o", made]
    subprocess.run(command, cwd=GUEST, check=True, capture_output=True)
    return compile_component(engine, made.read_bytes(), where="guest.wasm")


@pytest.fixture
def trees() -> tuple[tuple[bytes, Directory], ...]:
    """An empty folder to write in, and one that is frozen."""
    frozen = tree()
    handle = frozen.create(b"hello", read=True, write=True)
    handle.write_at([memoryview(b"hello")], 0)
    handle.close()
    frozen.tree.freeze()
    return (b"/scratch", tree()), (b"/frozen", frozen)


def tree() -> MemoryDirectory:
    """An empty memory tree."""
    return scratch(8 << 20, device=1, clock=lambda: 1_700_000_000_000_000_000)


def test_arguments_environment_and_streams(run: Run, guest: Component) -> None:
    """They arrive as they were given."""
    ended = run(guest, "show", "a", "b c", env=((b"NAME", b"value"),), stdin=b"in put")
    assert ended.code == 0
    assert ended.stdout == b"['a', 'b c'] value in put"
    assert ended.stderr == b"on stderr"


def test_files_and_folders(run: Run, guest: Component, trees: object) -> None:
    """The guest's own assertions about files, folders, links and refusals hold."""
    ended = run(guest, "files", preopens=trees)
    assert ended.stderr == b""
    assert ended.code == 0


def test_bulk_data(run: Run, guest: Component, trees: object) -> None:
    """A megabyte goes through a file and out unchanged."""
    ended = run(guest, "bulk", preopens=trees)
    assert ended.stderr == b""
    assert ended.code == 0
    assert len(ended.stdout) == 1 << 20
    assert ended.stdout == bytes(range(256)) * 4096


def test_clocks_and_polling(run: Run, guest: Component) -> None:
    """Sleeping lasts, and the nearer of two timers fires first."""
    ended = run(guest, "clocks")
    assert ended.stderr == b""
    assert ended.code == 0


@pytest.mark.parametrize(("verb", "code"), [(("fail",), 1), (("exit", "0"), 0), (("exit", "3"), 1)])
def test_exit_status(run: Run, guest: Component, verb: tuple[str, ...], code: int) -> None:
    """Failure is 1: the guest's C library knows no other."""
    assert run(guest, *verb).code == code


def test_an_abort_is_a_trap(run: Run, guest: Component, tmp_path: Path) -> None:
    """The guest's runtime prints an uncaught exception and aborts, which is a trap."""
    with pytest.raises(Trap) as trap:
        run(guest, "raise")
    assert trap.value.code == "unreachable"
    assert b"ValueError: raise" in (tmp_path / "stderr").read_bytes()


def test_connecting_where_it_is_allowed(
    run: Run, guest: Component, link: Link, echo_port: int
) -> None:
    """A permitted address is reached through the broker."""
    network = Network((parse_rule(f"127.0.0.1:{echo_port}"),), link)
    ended = run(guest, "connect", str(echo_port), network=network)
    assert (ended.code, ended.stdout, ended.stderr) == (0, b"HELLO\n", b"")


def test_connecting_by_name(run: Run, guest: Component, link: Link, echo_port: int) -> None:
    """A name's rule permits the addresses that the name was resolved to."""
    network = Network((parse_rule(f"localhost:{echo_port}"),), link)
    ended = run(guest, "name", "localhost", str(echo_port), network=network)
    assert (ended.code, ended.stdout, ended.stderr) == (0, b"BY NAME\n", b"")


def test_nothing_is_allowed_by_default(run: Run, guest: Component) -> None:
    """Every way out is refused, and so is every port; UDP always is."""
    ended = run(guest, "refused")
    assert ended.stderr == b""
    assert ended.code == 0


@pytest.mark.parametrize("is_tls", [False, True])
def test_listening_where_it_is_opened(
    run: Run, guest: Component, world: World, *, is_tls: bool
) -> None:
    """A port of the configuration is bound to and accepts; over TLS the guest reads plain bytes."""
    listener, port = world.listen_tls() if is_tls else world.listen()
    client = world.outside(talk, port, is_tls=is_tls)
    opened = (Listening(listener, "0.0.0.0", port, is_tls=is_tls),)
    ended = run(guest, "serve", str(port), listening=opened)
    assert (ended.code, ended.stderr) == (0, b"")
    assert world.finish(client) == b"HELLO"


def talk(port: int, *, is_tls: bool) -> bytes:
    """Say hello; the answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with context.wrap_socket(plain) if is_tls else plain as stream:
        stream.sendall(b"hello")
        return stream.recv(5)
