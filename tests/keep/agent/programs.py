"""Applications of these tests, as WebAssembly text."""

from __future__ import annotations

import wasmtime

WASI = {
    "clock_time_get": "i32 i64 i32",
    "environ_get": "i32 i32",
    "environ_sizes_get": "i32 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
    "proc_exit": "i32",
}


def program(body: str) -> bytes:
    """A module with *body* and one page of memory; ``$say`` writes "hello" on descriptor 1 or 2."""
    imports = "".join(
        f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params})'
        f"{'' if name == 'proc_exit' else ' (result i32)'}))"
        for name, params in WASI.items()
    )
    say = """
      (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
      (func $say (param i32)
        (drop (call $fd_write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 20))))"""
    return bytes(wasmtime.wat2wasm(f'(module {imports} (memory (export "memory") 2) {say} {body})'))


HELLO = program("""(func (export "_start")
  (call $say (i32.const 1)) (call $say (i32.const 2)) (call $proc_exit (i32.const 7)))""")
ENDLESS = program('(func (export "_start") (call $say (i32.const 1)) (loop (br 0)))')
ECHO = program("""(func (export "_start") (local $n i32)
  (loop $again
    (i32.store (i32.const 32) (i32.const 4096)) (i32.store (i32.const 36) (i32.const 60000))
    (drop (call $fd_read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 40)))
    (local.set $n (i32.load (i32.const 40)))
    (if (local.get $n) (then
      (i32.store (i32.const 36) (local.get $n))
      (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 44)))
      (br $again)))))""")


def flood(size: int) -> bytes:
    """Writes *size* bytes, a multiple of 65536."""
    return program(f"""(func (export "_start") (local $n i32)
      (i32.store (i32.const 32) (i32.const 0)) (i32.store (i32.const 36) (i32.const 65536))
      (loop $again
        (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 44)))
        (local.set $n (i32.add (local.get $n) (i32.load (i32.const 44))))
        (br_if $again (i32.lt_u (local.get $n) (i32.const {size})))))""")


TRAPS = program('(func (export "_start") (unreachable))')
READS_SECRET = program("""
  (data (i32.const 64) "token")
  (func (export "_start")
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 5) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 80))
      (then (call $proc_exit (i32.const 1))))
    (i32.store (i32.const 32) (i32.const 4096)) (i32.store (i32.const 36) (i32.const 100))
    (drop (call $fd_read (i32.load (i32.const 80)) (i32.const 32) (i32.const 1) (i32.const 40)))
    (i32.store (i32.const 36) (i32.load (i32.const 40)))
    (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 44))))""")
"""Writes what is in /run/secrets/token."""

TELLS_VARIABLES = program("""(func (export "_start")
  (drop (call $environ_sizes_get (i32.const 64) (i32.const 36)))
  (drop (call $environ_get (i32.const 4096) (i32.const 8192)))
  (i32.store (i32.const 32) (i32.const 8192))
  (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40))))""")
"""Writes its environment, each variable ended by NUL."""

CONNECTS = b"""
[[files]]
kind = "stdin"
[[files]]
kind = "stdout"
[[files]]
kind = "stderr"
[[files]]
kind = "connect"
name = "peer"
host = "127.0.0.1"
port = 9
prot = "tcp"
"""
"""Enarx.toml that asks the host for a connection at the start."""

TELLS_TIME = program("""(func (export "_start")
  (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 64)))
  (i32.store (i32.const 32) (i32.const 64)) (i32.store (i32.const 36) (i32.const 8))
  (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40))))""")
