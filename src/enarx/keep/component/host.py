"""The host functions of a component: found for what it imports, and answered in one place.

Every call goes through ``Host.call``, which lets nothing but a number return to the engine: an
exception there would be printed and forgotten.  What stopped the guest is kept, and raised again
when the engine has unwound it.

Guests of one component follow each other: each has a store, and so has its resources.
"""

from __future__ import annotations

import ctypes

from enarx.keep.component import cli, clocks, filesystem, pollable, sockets, streams
from enarx.keep.component.interface import Bound, unreachable
from enarx.keep.component.types import SIZE, mistyped
from enarx.keep.component.values import Values
from enarx.keep.engine.component import ITEM_FUNC, ITEM_RESOURCE
from enarx.keep.engine.component_guest import (
    ComponentLinker,
    ComponentStore,
    keep_freed_memory,
    new_error,
)
from enarx.keep.engine.missing import missing_imports
from enarx.keep.engine.trap import EngineError, Trap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from enarx.keep.component.interface import Interface
    from enarx.keep.engine.component import Component
    from enarx.keep.engine.component_guest import ComponentFunc, ComponentGuest
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
"""The command world."""

_HINT = "keeps provide the command world of WASI 0.2 and wasi:http; build for wasm32-wasip2"


class Host:
    """The host functions of one component, linked once.

    Args:
        engine: what *component* was compiled with.
        component: whose imports are answered.
        system: the guest's world.
        where: the component's name in errors.
        more: interfaces beside those of the command world.

    Raises:
        MalformedError: it imports what the keep does not provide.
    """

    def __init__(
        self,
        engine: Engine,
        component: Component,
        system: System,
        where: str,
        more: Sequence[Interface] = (),
    ) -> None:
        keep_freed_memory()
        self._engine = engine
        self._component = component
        self._system = system
        self._linker = ComponentLinker(engine)
        self._bound: list[Bound] = []
        self._values: Values
        self._stopped: BaseException | None = None
        self._provide({**INTERFACES, **{each.name: each for each in more}}, where)

    def guest(self, *, fuel: int | None = None) -> Guest:
        """A new guest.

        Raises:
            Trap: it was stopped at its start.
            EngineError: the engine found a reason of its own.
        """
        store = ComponentStore(self._engine, fuel=fuel)
        values = Values(store.context)
        try:
            made = self._within(values, lambda: self._linker.instantiate(self._component, store))
        except BaseException:
            values.drop_all()
            store.close()
            raise
        return Guest(self, made, store, values)

    def call_guest(
        self,
        guest: ComponentGuest,
        values: Values,
        function: ComponentFunc,
        arguments: bytes,
        results: ctypes.Array[ctypes.c_char] | None,
    ) -> None:
        """Call an exported function; host functions act on *values* meanwhile.

        Raises:
            ProcExit: it ended with an exit status.
            Trap: it was stopped.
            EngineError: the engine found a reason of its own.
        """
        self._within(values, lambda: guest.call(function, arguments, results))

    def _within(self, values: Values, action: Callable[[], Any]) -> Any:  # noqa: ANN401 - its own
        self._values, self._stopped = values, None
        try:
            return action()
        except (Trap, EngineError):
            if self._stopped is not None:
                raise self._stopped from None
            raise

    def _provide(self, known: dict[str, Interface], where: str) -> None:
        """Define what the component imports, under the versions that it names."""
        missing = []
        for name, items in self._component.imports().items():
            interface = known.get(unversioned(name))
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
                function=self._call,
                destructor=self._drop,
            )
        if missing:
            raise missing_imports(missing, where, _HINT)

    def _add(self, bound: Bound) -> int:
        self._bound.append(bound)
        return len(self._bound) - 1

    def _call(
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
            packed = self._answer(bound, [load(raw, at, self._values) for load, at in bound.loads])
            if packed is not None:
                ctypes.memmove(results, packed, SIZE)
        except BaseException as stop:  # noqa: BLE001 - raised again by _within
            self._stopped = stop
            return new_error(b"stopped by a host function")
        return 0

    def _answer(self, bound: Bound, arguments: list[object]) -> bytes | None:
        try:
            value = bound.call(*arguments)
            return bound.returns.store(value, self._values) if bound.returns is not None else None
        except OSError as error:
            if bound.fallible is None:
                raise
            return bound.fallible.store_error(error, self._values)

    def _drop(self, _data: int, _context: int, rep: int) -> int:
        """Answer the guest's drop of a handle."""
        try:
            self._values.drop(rep)
        except OSError:
            # close(2) has released the descriptor whatever it says; the guest cannot be told
            return 0
        except BaseException as stop:  # noqa: BLE001 - raised again by _within
            self._stopped = stop
            return new_error(b"stopped by a host function")
        return 0


class Guest:
    """One guest, with what it holds.

    Attributes:
        values: its resources, and what is made for it.
    """

    __slots__ = ("_guest", "_host", "_store", "values")

    def __init__(
        self, host: Host, guest: ComponentGuest, store: ComponentStore, values: Values
    ) -> None:
        self._host, self._guest, self._store, self.values = host, guest, store, values

    def function(self, interface: str, name: str) -> ComponentFunc | None:
        """An exported function, or None."""
        return self._guest.function(interface, name)

    def call(
        self,
        function: ComponentFunc,
        arguments: bytes = b"",
        results: ctypes.Array[ctypes.c_char] | None = None,
    ) -> None:
        """Call *function*; raises what ``Host.call_guest`` does."""
        self._host.call_guest(self._guest, self.values, function, arguments, results)

    def fuel(self) -> int:
        """What is left of it."""
        return self._store.fuel()

    def close(self) -> None:
        """Close what the guest still holds, and give its memory back."""
        self.values.drop_all()
        self._store.close()


def unversioned(name: str) -> str:
    """The interface's name without its version if the version is one of 0.2, else "" ."""
    interface, _, version = name.partition("@")
    patch = version.removeprefix("0.2.")
    return interface if patch != version and patch.isdigit() else ""
