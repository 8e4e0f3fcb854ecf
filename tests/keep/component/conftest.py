"""Components for the tests: run in this process, with files for standard streams."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import wasmtime

from enarx.host.broker import Broker
from enarx.host.reactor import Reactor
from enarx.keep.component.command import run_command
from enarx.keep.engine.component import Component, compile_component
from enarx.keep.engine.engine import Engine, Settings
from enarx.keep.engine.trap import ProcExit
from enarx.keep.link import Link
from enarx.keep.system import Listening, System
from enarx.keep.vfs.node import Directory
from enarx.keep.wasi.descriptors import DescriptorTable
from enarx.keep.wasi.stdio import Stdio

# Nothing but wasi:cli/run: the core module's body is the test's.
COMMAND = """
(component
  {imports}
  (core module $m {core_imports} {core} (func (export "run") (result i32) {body}))
  (core instance $i (instantiate $m {with_}))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $exported (export "run" (func $run)))
  (export "{entry}" (instance $exported)))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended."""

    code: int
    stdout: bytes
    stderr: bytes


Run = Callable[..., Ended]
Command = Callable[..., bytes]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """An engine as the zygote makes it."""
    return Engine(Settings())


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A world with empty standard input."""
    return new_system(tmp_path)


@pytest.fixture
def run(engine: Engine, tmp_path: Path) -> Run:
    """Run a component (compiled, or its bytes) to its end."""

    def run_(
        component: Component | bytes,
        *args: str,
        env: tuple[tuple[bytes, bytes], ...] = (),
        stdin: bytes = b"",
        preopens: tuple[tuple[bytes, Directory], ...] = (),
        network: object = None,
        listening: tuple[Listening, ...] = (),
        engine: Engine = engine,
        fuel: int | None = None,
    ) -> Ended:
        if isinstance(component, bytes):
            component = compile_component(engine, component, where="test.wasm")
        (tmp_path / "stdin").write_bytes(stdin)
        world = new_system(tmp_path, args, env, preopens, network)
        world.listening = listening
        code = 0
        try:
            run_command(engine, component, world, where="test.wasm", fuel=fuel)
        except ProcExit as end:
            code = end.code
        assert len(world.descriptors) == 0, "the guest's descriptors are closed at its end"
        return Ended(
            code=code,
            stdout=(tmp_path / "stdout").read_bytes(),
            stderr=(tmp_path / "stderr").read_bytes(),
        )

    return run_


@pytest.fixture
def command() -> Command:
    """Assemble a command component from the body of its core function."""

    def assemble(
        body: str = "i32.const 0",
        *,
        interface: str = "",
        function: str = "",
        signature: str = "",
        core_signature: str = "",
        core: str = "",
        entry: str = "wasi:cli/run@0.2.0",
    ) -> bytes:
        text = {"imports": "", "core_imports": "", "with_": ""}
        if interface:
            text["imports"] = (
                f'(import "{interface}" (instance $w (export "{function}" (func {signature}))))'
                f'(core func $lowered (canon lower (func $w "{function}")))'
            )
            text["core_imports"] = f'(import "w" "f" (func $f {core_signature}))'
            text["with_"] = '(with "w" (instance (export "f" (func $lowered))))'
        wat = COMMAND.format(body=body, core=core, entry=entry, **text)
        return bytes(wasmtime.wat2wasm(wat))

    return assemble


def new_system(
    folder: Path,
    args: tuple[str, ...] = (),
    env: tuple[tuple[bytes, bytes], ...] = (),
    preopens: tuple[tuple[bytes, Directory], ...] = (),
    network: object = None,
) -> System:
    """A world whose standard streams are files in *folder*."""
    files = [folder / name for name in ("stdin", "stdout", "stderr")]
    files[0].touch()
    stdin, stdout, stderr = (
        Stdio(os.open(path, flags, 0o600), writable=flags != os.O_RDONLY)
        for path, flags in zip(
            files, (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT), strict=True
        )
    )
    return System(
        args=tuple(map(os.fsencode, ("test.wasm", *args))),
        env=env,
        descriptors=DescriptorTable(),
        stdio=(stdin, stdout, stderr),
        preopens=preopens,
        network=network,
    )


@pytest.fixture
def link() -> Iterator[Link]:
    """A keep's link, with the real broker at its other end, in a thread."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reactor = Reactor()
    broker = Broker(reactor, theirs, lambda _event: None)

    def serve() -> None:
        while not broker.closed:
            reactor.once(1.0)

    thread = threading.Thread(target=serve)
    thread.start()
    made = Link(ours.detach())
    yield made
    made.close()
    thread.join()
    theirs.close()
    reactor.close()


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server on loopback that answers each connection's first line in capitals, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                connection.settimeout(5)
                connection.sendall(lines.readline().upper())

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
