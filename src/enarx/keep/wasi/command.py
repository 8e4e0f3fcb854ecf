"""Run a core module as a WASI preview 1 command."""

from __future__ import annotations

from enarx.keep.engine.instance import Linker
from enarx.keep.engine.trap import EngineError, Trap
from enarx.keep.wasi.memory import GuestMemory
from enarx.keep.wasi.preview1 import bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.engine.engine import Engine, Module
    from enarx.keep.system import System


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
    escape = bind(linker, system)
    try:
        # a start section runs before there is an instance to ask for its memory
        system.memory = GuestMemory(0, lambda: 0)
        guest = linker.instantiate(module, where=where)
        entry = guest.entry()
        memory = guest.memory()
        if memory is not None:
            system.memory = GuestMemory(
                guest.memory_base(memory), lambda: guest.memory_size(memory)
            )
        guest.run(entry)
    except (Trap, EngineError):
        escaped = escape.take()
        if escaped is not None:
            raise escaped from None
        raise
