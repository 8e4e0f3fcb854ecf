"""A bare Python that imports wasmtime and runs a program on its native WASI: the competitor.

python alone.py app.wasm [FOLDER GUEST_PATH]
python alone.py --idle app.wasm       instantiate it, say so, and wait
"""

from __future__ import annotations

import sys

from wasmtime import Engine, Linker, Module, Store, WasiConfig


def world(mount: list[str]) -> WasiConfig:
    """This process's streams, and perhaps one folder, writable."""
    config = WasiConfig()
    config.inherit_stdin()
    config.inherit_stdout()
    config.inherit_stderr()
    if mount:
        config.preopen_dir(mount[0], mount[1])
    return config


def main(name: str, mount: list[str], *, idle: bool) -> None:
    """Compile, link and run a module."""
    engine = Engine()
    store = Store(engine)
    store.set_wasi(world(mount))
    linker = Linker(engine)
    linker.define_wasi()
    instance = linker.instantiate(store, Module.from_file(engine, name))
    if idle:
        print("ready", flush=True)
        sys.stdin.read()
    else:
        instance.exports(store)["_start"](store)


words = [word for word in sys.argv[1:] if word != "--idle"]
main(words[0], words[1:], idle="--idle" in sys.argv)
