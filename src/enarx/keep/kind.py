"""What an application is: a core module, a component that runs, or one that handles requests."""

from __future__ import annotations

from enarx.errors import MalformedError, MisconfiguredError
from enarx.keep.engine.engine import Engine
from enarx.keep.wasi.command import check_names, run_command
from enarx.package import wasm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.engine.component import Component
    from enarx.keep.engine.engine import Module
    from enarx.package.model import Config


class Kind:
    """What differs from one to the other.

    Attributes:
        asks: whether it may make HTTP requests, for which the keep needs trust anchors.
    """

    __slots__ = ("asks", "check", "compile", "load", "run")

    def __init__(
        self,
        *,
        check: Callable[[bytes, str], None],
        compile_: Callable[..., Module | Component],
        load: Callable[[Engine, str], Module | Component],
        run: Callable[..., None],
        asks: bool = False,
    ) -> None:
        self.check, self.compile, self.load, self.run = check, compile_, load, run
        self.asks = asks


def kind_of(application: bytes, config: Config, source: str) -> Kind:
    """How *application* is treated; all of it is imported before the sandbox closes.

    Raises:
        MisconfiguredError: a connected socket for a component, which could not find it.
    """
    if wasm.kind_of(application) == wasm.MODULE:
        return Kind(
            check=check_names, compile_=Engine.compile, load=Engine.load_file, run=run_command
        )
    _refuse_connections(config, source)
    from enarx.keep.component import command
    from enarx.keep.engine import component

    imports, exports = _names(application)
    check: Callable[[bytes, str], None] = command.check_names
    run: Callable[..., None] = command.run_command
    asks = any(name.startswith("wasi:http/") for name in imports)
    if asks:
        from enarx.keep.component.http.serve import handler_of, serve

        if handler_of(exports) and not command.entry_of(exports):
            check, run = _served, serve
        else:
            run = _asking(run)
    return Kind(
        check=check,
        compile_=component.compile_component,
        load=component.load_component,
        run=run,
        asks=asks,
    )


def _served(_wasm: bytes, _where: str) -> None:
    """A handler was found by its names already."""


def _asking(run: Callable[..., None]) -> Callable[..., None]:
    """*run* for a command that may make HTTP requests."""
    from functools import partial

    from enarx.keep.component.http.interface import INTERFACES

    return partial(run, more=INTERFACES)


def _names(application: bytes) -> tuple[list[str], list[str]]:
    """What it imports and exports; nothing, if the engine must say what is wrong with it."""
    from enarx.package.wasm_interface import component_names

    try:
        return component_names(application)
    except MalformedError:
        return [], []


def _refuse_connections(config: Config, source: str) -> None:
    for number, file in enumerate(config.files):
        if file.kind == "connect":
            raise MisconfiguredError(
                source,
                "a component cannot use a connected socket of [[files]]",
                path=f"files[{number}]",
                hints=("components connect by themselves, to what [network] connect names",),
            )
