"""Run a core module as a WASI preview 1 command."""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.keep.engine.instance import Linker
from enarx.keep.engine.missing import ENTRY_NAMES, missing_entry, missing_imports
from enarx.keep.engine.trap import EngineError, Trap
from enarx.keep.wasi import abi
from enarx.keep.wasi.memory import NO_MEMORY, GuestMemory
from enarx.keep.wasi.preview1 import FUNCTIONS, bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.engine.engine import Engine, Module
    from enarx.keep.system import System


def check_names(wasm: bytes, where: str) -> None:
    """Refuse a module that could not be linked or entered, before its compilation takes a minute.

    What cannot be read here is left to the engine, whose words are better.

    Raises:
        MalformedError: it imports what the keep does not provide, or exports nothing to run.
    """
    from enarx.package.wasm_interface import FUNC, module_names

    try:
        imports, exports = module_names(wasm)
    except MalformedError:
        return
    missing = [
        f"{module}.{name}"
        for module, name in imports
        if module != abi.MODULE or name not in FUNCTIONS
    ]
    if missing:
        raise missing_imports(missing, where)
    functions = {name for name, kind in exports if kind == FUNC}
    if functions.isdisjoint(ENTRY_NAMES):
        raise missing_entry(functions, where)


def run_command(
    engine: Engine, module: Module, system: System, *, where: str, fuel: int | None
) -> None:
    """Instantiate *module* in *system* and call its entry function; returns when that returns.

    Raises:
        ProcExit: the guest ended itself.
        Trap: the engine stopped it.
        MalformedError: it cannot be linked or has nothing to run.
    """
    linker = Linker(engine, fuel=fuel)
    imported = {name for source, name, *_ in module.imports() if source == abi.MODULE}
    escape = bind(linker, system, imported & FUNCTIONS.keys())
    try:
        system.memory = NO_MEMORY  # a start section runs before there is an instance to ask
        guest = linker.instantiate(module, where=where)
        entry = guest.entry()
        memory = guest.memory()
        if memory is not None:
            system.memory = GuestMemory(
                linker.memory_base(memory), lambda: linker.memory_size(memory)
            )
        guest.run(entry)
    except (Trap, EngineError):
        escaped = escape.take()
        if escaped is not None:
            raise escaped from None
        raise
