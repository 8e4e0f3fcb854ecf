"""Serve a component that handles requests: ``wasi:http/incoming-handler``.

Every request has a guest of its own, as the interface permits and its other hosts do: nothing of
one client's request is in memory when another's is handled, and a handler that traps takes
nothing with it.  The next guest is made while nothing else is to be done.

Source: wasi:http 0.2.12, handler.wit and proxy.wit.
"""

from __future__ import annotations

from enarx.errors import MalformedError, MisconfiguredError
from enarx.keep.component.host import Host, unversioned
from enarx.keep.component.http.incoming import IncomingRequest, ResponseOutparam
from enarx.keep.component.http.interface import INTERFACES
from enarx.keep.component.types import Own
from enarx.keep.engine.trap import EngineError, ProcExit, Trap
from enarx.keep.http.fields import HttpError
from enarx.keep.http.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.component.host import Guest
    from enarx.keep.engine.component import Component
    from enarx.keep.engine.engine import Engine
    from enarx.keep.http.connection import Exchange
    from enarx.keep.system import System

HANDLER = "wasi:http/incoming-handler"
OUTGOING = "wasi:http/outgoing-handler"
_REQUEST, _OUTPARAM = Own(IncomingRequest), Own(ResponseOutparam)


def handler_of(exports: Sequence[str]) -> str | None:
    """The export that handles requests."""
    return next((name for name in exports if unversioned(name) == HANDLER), None)


def serve(
    engine: Engine, component: Component, system: System, *, where: str, fuel: int | None = None
) -> None:
    """Serve until the host closes the listening sockets.

    Raises:
        MalformedError: the component imports what the keep does not provide, or cannot be called.
        MisconfiguredError: there is no listening socket.
        Trap: the fuel is used up, or no guest can be made.
    """
    if not system.listening:
        raise MisconfiguredError(
            where,
            "is an HTTP handler, and Enarx.toml names no listening socket",
            path="files",
            hints=('add a [[files]] with kind = "listen", prot = "tls" and a port',),
        )
    handler = _Handler(engine, component, system, where, fuel)
    server = Server(
        system.listening,
        handler.respond,
        background=system.waiting,
        clock=system.clock,
        log=system.log,
        idle=handler.prepare,
    )
    handler.server = server
    try:
        server.run()
    finally:
        server.close()
        handler.close()


class _Handler:
    """The component, called for each request."""

    server: Server

    def __init__(
        self, engine: Engine, component: Component, system: System, where: str, fuel: int | None
    ) -> None:
        self._export = handler_of(list(component.exports())) or HANDLER
        self._host = Host(engine, component, system, where, INTERFACES)
        self._fuel = fuel
        self._where = where
        self._next: Guest | None = None

    def prepare(self) -> None:
        """Make the next request's guest."""
        if self._next is None:
            self._next = self._host.guest(fuel=self._fuel)

    def close(self) -> None:
        """Nothing more comes."""
        if self._next is not None:
            self._next.close()

    def respond(self, exchange: Exchange) -> None:
        """Handle one request.

        Raises:
            HttpError: the handler failed.
            Trap: the fuel is used up.
        """
        self.prepare()
        guest, self._next = self._next, None
        if guest is None:
            raise TypeError("there is no guest")
        outparam = ResponseOutparam(exchange, self.server.date)
        try:
            self._call(guest, IncomingRequest(exchange), outparam)
        except ProcExit as end:
            raise HttpError(500, f"the handler exited with status {end.code}") from end
        except Trap as trap:
            if trap.code == "out_of_fuel":
                raise
            raise HttpError(500, f"the handler was stopped: {trap.message}") from trap
        except EngineError as error:
            raise HttpError(500, f"the handler was stopped: {error}") from error
        finally:
            if self._fuel is not None:
                self._fuel = guest.fuel()
            guest.close()
        if not exchange.status:
            raise HttpError(
                500, f"the handler gave no response: {outparam.error or 'none was set'}"
            )

    def _call(self, guest: Guest, request: IncomingRequest, outparam: ResponseOutparam) -> None:
        function = guest.function(self._export, "handle")
        if function is None:
            raise MalformedError(self._where, f"its {self._export} has no function handle")
        packed = [_REQUEST.store(request, guest.values), _OUTPARAM.store(outparam, guest.values)]
        try:
            guest.call(function, b"".join(packed))
        finally:
            for handle in packed:
                guest.values.forget_handle(handle)
