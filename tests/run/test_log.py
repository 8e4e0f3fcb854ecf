"""What a keep tells whoever runs it, beside the application's own output."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

from tests.run.conftest import ENARX, PATIENCE_S, Enarx, Wasm

FILES = "".join(f'[[files]]\nkind = "{kind}"\n' for kind in ("stdin", "stdout", "stderr"))

# Accepts one connection and ends when it has one.
ACCEPT = """
(module
  (import "wasi_snapshot_preview1" "sock_accept"
    (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (call $proc_exit (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 0)))))"""


def test_a_steward_that_is_not_asked(enarx: Enarx, hello: Path, tmp_path: Path) -> None:
    """A configuration that wants the keep certified does not run as if it were."""
    config = tmp_path / "Enarx.toml"
    config.write_text(f'steward = "https://attest.example.com"\n{FILES}')
    ended = enarx("run", "--wasmcfgfile", config, hello)
    assert (ended.status, ended.out) == (0, b"hello\n")
    ended.says(f"warning: {re.escape(str(config))}: steward: not asked, .*")


def test_a_client_that_was_turned_away_is_logged(wasm: Wasm, tmp_path: Path) -> None:
    """At level info: from where, and why; what the client sent gives no orders to a terminal."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "Enarx.toml").write_text(
        f'{FILES}[[files]]\nkind="listen"\nname="web"\naddr="127.0.0.1"\nport={port}\n'
    )
    app = wasm(ACCEPT)
    command = [ENARX, "--log-filter", "info", "run", "--wasmcfgfile", "Enarx.toml", app]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as keep:
        assert keep.stderr is not None
        for line in keep.stderr:
            if b"running" in line:
                break
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            place = f"TLS handshake with 127.0.0.1 port {client.getsockname()[1]}: "
            said = keep.stderr.readline().decode()
        keep.kill()
    assert "INFO enarx.keep.net: " in said
    assert f"{place}the other side speaks plain HTTP, not TLS" in said


def test_names_of_a_module_give_no_orders_to_a_terminal(enarx: Enarx, wasm: Wasm) -> None:
    """Escape sequences in a function's name are shown, in a trace and by inspect."""
    name = "\\1b]0;owned\\07"
    app = wasm(f'(module (func (export "_start") unreachable) (func (export "{name}")))')
    inspected = enarx("package", "inspect", app)
    assert b"\x1b" not in inspected.out
    assert rb"\x1b]0;owned\x07" in inspected.out
    trapped = enarx("run", wasm(named_trap("\x1b[2Jx")))
    assert "\x1b" not in trapped.err
    assert r"\x1b[2Jx" in trapped.err


def named_trap(name: str) -> bytes:
    """A module whose ``_start`` traps and is called *name* in its name section."""
    text = name.encode()
    names = bytes([4]) + b"name" + bytes([1, len(text) + 3, 1, 0, len(text)]) + text
    return (
        b"\0asm\1\0\0\0"
        b"\x01\x04\x01\x60\0\0"  # type: () -> ()
        b"\x03\x02\x01\0"  # function 0
        b"\x07\x0a\x01\x06_start\0\0"
        b"\x0a\x05\x01\x03\0\0\x0b" + bytes([0, len(names)]) + names
    )
