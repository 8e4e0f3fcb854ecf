"""A bare Python that runs a component on wasmtime's own preview 2: the competitor."""

from __future__ import annotations

import sys

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

RUN = "wasi:cli/run@0.2.0"


def main(name: str) -> None:
    """Compile, link and call ``run``."""
    engine = Engine()
    store = Store(engine)
    config = WasiConfig()
    config.inherit_stdout()
    store.set_wasi(config)
    linker = Linker(engine)
    linker.add_wasip2()
    instance = linker.instantiate(store, Component.from_file(engine, name))
    interface = instance.get_export_index(store, RUN)
    run = instance.get_func(store, instance.get_export_index(store, "run", interface))
    run(store)


main(sys.argv[1])
