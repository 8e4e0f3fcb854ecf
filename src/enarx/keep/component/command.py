"""Run a component of the command world: ``wasi:cli/run``, with all it imports answered here.

Every host function goes through one place (``_Host.call``), which lets nothing but a number
return to the engine: an exception there would be printed and forgotten.  What stopped the guest
is kept, and raised again when the engine has unwound it.

Source: WASI 0.2 (wasi:cli 0.2.12, world command); any 0.2.x is answered, since they only add.
"""

from __future__ import annotations

import ctypes

from enarx.errors import MalformedError
from enarx.keep.component import cli, clocks, filesystem, pollable, sockets, streams
from enarx.keep.component.interface import Bound, unreachable
from enarx.keep.component.types import KIND_RESULT, SIZE, mistyped
from enarx.keep.component.values import Values
from enarx.keep.engine.component import (
    ITEM_FUNC,
    ITEM_RESOURCE,
    ComponentLinker,
    keep_freed_memory,
    new_error,
)
from enarx.keep.engine.missing import missing_imports
from enarx.keep.engine.trap import EngineError, ProcExit, Trap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.engine.component import Component, ComponentGuest
    from enarx.keep.engine.engine import Engine
    from enarx.keep.system import System

INTERFACES = {
    interface.name: interface
    for interface in (
        streams.ERROR,
        pollable.INTERFACE,
        streams.STREAMS,
        *cli.INTERFACES,
        *clocks.INTERFACES,
        *filesystem.INTERFACES,
        *sockets.INTERFACES,
    )
}
_RUN = "wasi:cli/run"
_HINT = "keeps provide the command world of WASI 0.2; build for wasm32-wasip2"
_MAX_NAMED_IMPORTS = 5


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
    engine: Engine, component: Component, system: System, *, where: str, fuel: int | None = None
) -> None:
    """Run *component* to its end; it returns if ``run`` does, with ok.

    Raises:
        MalformedError: it is no command, or imports what the keep does not provide.
        ProcExit: it ended with an exit status; ``run`` returned an error, which is status 1.
        Trap: the guest was stopped.
        EngineError: the engine found a reason of its own.
    """
    entry = _entry(list(component.exports()), where)
    keep_freed_memory()
    linker = ComponentLinker(engine, fuel=fuel)
    host = _Host(linker, system)
    host.provide(component, where)
    try:
        ok = _call(linker.instantiate(component), entry, where)
    except (Trap, EngineError):
        if host.stopped is not None:
            raise host.stopped from None
        raise
    finally:
        host.values.drop_all()
    if not ok:
        raise ProcExit(1)


def _call(guest: ComponentGuest, entry: str, where: str) -> bool:
    """Call ``run``; whether it returned ok."""
    results = ctypes.create_string_buffer(SIZE)
    function = guest.function(entry, "run")
    if function is None:
        raise MalformedError(where, f"its {entry} has no function run")
    guest.call(function, results)
    if results.raw[0] != KIND_RESULT:
        raise MalformedError(where, f"the function run of its {entry} does not return a result")
    return bool(results.raw[8])


class _Host:
    """The host functions of one guest.

    Attributes:
        stopped: what a host function raised that is no result of its own.
    """

    def __init__(self, linker: ComponentLinker, system: System) -> None:
        self.values = Values(linker.context)
        self.stopped: BaseException | None = None
        self._linker = linker
        self._system = system
        self._bound: list[Bound] = []

    def provide(self, component: Component, where: str) -> None:
        """Define what *component* imports, under the versions that it names."""
        missing = []
        for name, items in component.imports().items():
            interface = INTERFACES.get(_known(name))
            bound = interface.bind(self._system) if interface else {}
            asked = [item for item, kind in items.items() if kind == ITEM_FUNC]
            if interface and interface.never_made:
                bound = dict.fromkeys(asked, Bound((), None, unreachable))
            unknown = [item for item in asked if item not in bound]
            if interface is None and ITEM_RESOURCE in items.values() and not unknown:
                missing.append(name)
            missing += [f"{name} {item}" if interface else name for item in unknown]
            functions = [(item, self._add(bound[item])) for item in asked if item not in unknown]
            self._linker.define(
                name,
                resources=interface.resources() if interface else (),
                functions=functions,
                function=self.call,
                destructor=self.drop,
            )
        if missing:
            raise missing_imports(missing, where, _HINT)

    def _add(self, bound: Bound) -> int:
        self._bound.append(bound)
        return len(self._bound) - 1

    def call(
        self,
        index: int,
        _context: int,
        _type: int,
        args: int,
        count: int,
        results: int,
        result_count: int,
    ) -> int:
        """Answer one call: 0, or an error that unwinds the guest."""
        try:
            bound = self._bound[index]
            if count != bound.count or result_count != bound.result_count:
                raise mistyped()  # noqa: TRY301 - one exit for all that stops the guest
            raw = ctypes.string_at(args, count * SIZE) if count else b""
            packed = self._answer(bound, [load(raw, at, self.values) for load, at in bound.loads])
            if packed is not None:
                ctypes.memmove(results, packed, SIZE)
        except BaseException as stop:  # noqa: BLE001 - raised again by run_command
            self.stopped = stop
            return new_error(b"stopped by a host function")
        return 0

    def _answer(self, bound: Bound, arguments: list[object]) -> bytes | None:
        try:
            value = bound.call(*arguments)
            return bound.returns.store(value, self.values) if bound.returns is not None else None
        except OSError as error:
            if bound.fallible is None:
                raise
            return bound.fallible.store_error(error, self.values)

    def drop(self, _data: int, _context: int, rep: int) -> int:
        """Answer the guest's drop of a handle."""
        try:
            self.values.drop(rep)
        except OSError:
            # close(2) has released the descriptor whatever it says; the guest cannot be told
            return 0
        except BaseException as stop:  # noqa: BLE001 - raised again by run_command
            self.stopped = stop
            return new_error(b"stopped by a host function")
        return 0


def _known(name: str) -> str:
    """The interface's name without its version if the version is one of 0.2, else "" ."""
    interface, _, version = name.partition("@")
    patch = version.removeprefix("0.2.")
    return interface if patch != version and patch.isdigit() else ""


def _entry(exports: Sequence[str], where: str) -> str:
    for name in exports:
        if _known(name) == _RUN:
            return name
    shown = ", ".join(exports[:_MAX_NAMED_IMPORTS]) or "nothing"
    hint = "build a command: a program with a main function, for wasm32-wasip2"
    if any(name.startswith("wasi:http/incoming-handler") for name in exports):
        hint = "this is an HTTP handler for a server; " + hint
    raise MalformedError(
        where, f"is a component that exports no {_RUN}@0.2 (exports: {shown})", hints=(hint,)
    )
