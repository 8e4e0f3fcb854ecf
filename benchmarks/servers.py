"""The server of the network benchmarks, three times: in a keep, native, and native behind TLS."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import BUILT, ENARX, HERE, STREAMS, environment, free_port, guest, native, output, pinned
from figures import Skipped

LISTENER = 3
_NO_TLS = 3  # the client's exit code
_PATIENCE_S = 20.0
_POLL_S = 0.02


@contextmanager
def in_keep(core: int | None, *, tls: bool = False) -> Iterator[int]:
    """``enarx run server.wasm`` on *core*; the port it serves."""
    port = free_port()
    config = BUILT / f"server-{port}.toml"
    config.write_text(
        f'{STREAMS}[[files]]\nkind = "listen"\nname = "bench"\naddr = "127.0.0.1"\n'
        f'port = {port}\nprot = "{"tls" if tls else "tcp"}"\n'
    )
    command = [ENARX, "run", "--wasmcfgfile", config, guest("server")]
    with pinned(core):
        process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL)
    try:
        yield _wait_for(port, process)
        ask(port, "quit", 0, None, tls=tls)
        process.wait(_PATIENCE_S)
    finally:
        config.unlink()
        process.kill()
        process.wait()


@contextmanager
def alone(core: int | None, *command: str | Path) -> Iterator[int]:
    """A program of this machine on *core* (by default the native server); the port it serves."""
    words = [str(word) for word in command or (native("server"),)]
    with socket.create_server(("127.0.0.1", 0)) as listener, pinned(core):
        pid = os.posix_spawn(
            words[0],
            words,
            dict(os.environ),
            file_actions=[(os.POSIX_SPAWN_DUP2, listener.fileno(), LISTENER)],
        )
        port = int(listener.getsockname()[1])
    try:
        yield port
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def tls_alone(core: int | None) -> Iterator[int]:
    """The same service by plain Python over the same TLS library, without a keep."""
    return alone(core, sys.executable, HERE / "tls_server.py")


def ask(port: int, what: str, count: int, core: int | None, *, tls: bool = False) -> list[float]:
    """Let the client on *core* do *what*, *count* times or bytes; the figures it prints."""
    words = [native("client"), what, str(count), str(port), *(["tls"] if tls else [])]
    with pinned(core):
        try:
            text = output(words)
        except RuntimeError as error:
            if f"ended with {_NO_TLS}:" in str(error):
                raise Skipped("libssl.so.3 is not installed (the client needs it)") from error
            raise
    return [float(word) for word in text.split()]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until *port* answers; the probing connection is closed unused."""
    for _ in range(round(_PATIENCE_S / _POLL_S)):
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            try:
                process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"the server ended with {process.returncode}") from None
        return port
    raise RuntimeError(f"nothing answers on port {port}")
