"""Run a component of the command world: ``wasi:cli/run``.

Source: WASI 0.2 (wasi:cli 0.2.12, world command); any 0.2.x is answered, since they only add.
"""

from __future__ import annotations

import ctypes

from enarx.errors import MalformedError
from enarx.keep.component.host import Host, unversioned
from enarx.keep.component.types import KIND_RESULT, SIZE
from enarx.keep.engine.trap import ProcExit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.component.host import Guest
    from enarx.keep.component.interface import Interface
    from enarx.keep.engine.component import Component
    from enarx.keep.engine.engine import Engine
    from enarx.keep.system import System

_RUN = "wasi:cli/run"
_MAX_NAMED = 5


def entry_of(exports: Sequence[str]) -> str | None:
    """The export that runs."""
    return next((name for name in exports if unversioned(name) == _RUN), None)


def check_names(wasm: bytes, where: str) -> None:
    """Refuse a component with nothing to run, before its compilation takes a minute.

    What cannot be read here is left to the engine.  So are the imports: an interface that the
    keep does not have is no obstacle if the component uses nothing but its types.

    Raises:
        MalformedError: it is no command.
    """
    from enarx.package.wasm_interface import component_names

    try:
        _, exports = component_names(wasm)
    except MalformedError:
        return
    _entry(exports, where)


def run_command(
    engine: Engine,
    component: Component,
    system: System,
    *,
    where: str,
    fuel: int | None = None,
    more: Sequence[Interface] = (),
) -> None:
    """Run *component* to its end; it returns if ``run`` does, with ok.

    Raises:
        MalformedError: it is no command, or imports what the keep does not provide.
        ProcExit: it ended with an exit status; ``run`` returned an error, which is status 1.
        Trap: the guest was stopped.
        EngineError: the engine found a reason of its own.
    """
    entry = _entry(list(component.exports()), where)
    guest = Host(engine, component, system, where, more).guest(fuel=fuel)
    try:
        ok = _call(guest, entry, where)
    finally:
        guest.values.drop_all()
    if not ok:
        raise ProcExit(1)


def _call(guest: Guest, entry: str, where: str) -> bool:
    """Call ``run``; whether it returned ok."""
    results = ctypes.create_string_buffer(SIZE)
    function = guest.function(entry, "run")
    if function is None:
        raise MalformedError(where, f"its {entry} has no function run")
    guest.call(function, b"", results)
    if results.raw[0] != KIND_RESULT:
        raise MalformedError(where, f"the function run of its {entry} does not return a result")
    return bool(results.raw[8])


def _entry(exports: Sequence[str], where: str) -> str:
    entry = entry_of(exports)
    if entry is not None:
        return entry
    shown = ", ".join(exports[:_MAX_NAMED]) or "nothing"
    raise MalformedError(
        where,
        f"is a component that exports neither {_RUN}@0.2 nor wasi:http/incoming-handler@0.2"
        f" (exports: {shown})",
        hints=(
            "build a command, a program with a main function for wasm32-wasip2, or an HTTP handler",
        ),
    )
