"""Connections that a component makes at run time: only to what ``[network] connect`` names.

The keep decides and the host's broker connects.  WASI connects to addresses, while most rules are
names: an address is allowed by a name's rule if the component looked that name up here and the
host gave that address for it.

Requests go over the link without waiting, so that a component can wait for other things too.
"""

from __future__ import annotations

import errno
import select

from enarx.keep.component.pollable import Pollable
from enarx.keep.link import CONNECT_TIMEOUT_S
from enarx.keep.net.plain import PlainStream
from enarx.package.network import may_resolve, permits
from enarx.protocol.link import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.link import Link, Pending
    from enarx.keep.net.handshake import Handshake
    from enarx.keep.net.wait import Background
    from enarx.package.network import Rule

    # descriptor, peer, host name
    BeginTls = Callable[[int, tuple[str, int], str], Handshake]

# Names a component can look up and have remembered; more are a leak or an attack.
_MAX_NAMES = 4096


class Asked(Pollable):
    """A request to the host on its way; ready when the reply is here."""

    def __init__(self, link: Link, request: Request) -> None:
        self._link = link
        self._pending: Pending = link.submit(request)

    def ready(self) -> bool:
        """Take what the link brought."""
        if not self._pending.done:
            self._link.pump()
        return self._pending.done

    def interest(self) -> tuple[tuple[int, int], ...]:
        """The link."""
        return ((self._link.fileno(), select.POLLIN),)


class Connecting(Asked):
    """A connection on its way."""

    def __init__(self, network: Network, link: Link, address: str, port: int) -> None:
        request = Request("connect", host=address, port=port, timeout_s=CONNECT_TIMEOUT_S)
        super().__init__(link, request)
        self._network = network

    def stream(self) -> PlainStream:
        """The connection.

        Raises:
            BlockingIOError: it is not there yet.
            OSError: it cannot be made.
        """
        return PlainStream(*self.descriptor(), self._network.background)

    def descriptor(self) -> tuple[int, tuple[str, int]]:
        """The connection's descriptor, which is the caller's from here on, and its peer.

        Raises:
            BlockingIOError: it is not there yet.
            OSError: it cannot be made.
        """
        self.ready()
        answer, fd = self._pending.result()
        return fd, answer.peer if answer else ("", 0)

    def cancel(self) -> None:
        """Forget it, and close the connection when it comes."""
        self._network.abandoned.append(self)


class LookingUp(Asked):
    """A name being looked up."""

    def __init__(self, link: Link, name: str, known: dict[str, tuple[str, ...]]) -> None:
        super().__init__(link, Request("resolve", host=name))
        self._name = name
        self._known = known

    def addresses(self) -> tuple[str, ...]:
        """The name's addresses.

        Raises:
            BlockingIOError: they are not known yet.
            OSError: they cannot be found.
        """
        self.ready()
        answer, _ = self._pending.result()
        found = answer.addresses if answer else ()
        if len(self._known) < _MAX_NAMES:
            self._known[self._name] = found
        return found


class Network:
    """What a component may reach.

    Args:
        rules: of ``[network] connect``; none allow nothing.
        link: the way to the broker.
        background: what must go on while the guest waits on a connection.
        tls: begins TLS on a connection, for ``wasi:http``.

    Attributes:
        abandoned: connections on their way to a socket that is gone.
    """

    def __init__(
        self,
        rules: tuple[Rule, ...],
        link: Link,
        background: Background | None = None,
        tls: BeginTls | None = None,
    ) -> None:
        self._rules = rules
        self._link = link
        self.background = background
        self.tls = tls
        self.abandoned: list[Connecting] = []
        self._known: dict[str, tuple[str, ...]] = {}

    def look_up(self, name: str) -> LookingUp:
        """Ask for the addresses of *name*.

        Raises:
            PermissionError: no rule could allow it.
        """
        if not may_resolve(self._rules, name):
            raise PermissionError(errno.EACCES, f"{name} is not named in [network] connect")
        return LookingUp(self._link, name, self._known)

    def connect(self, address: str, port: int) -> Connecting:
        """Ask for a connection.

        Raises:
            PermissionError: no rule allows it.
        """
        if not self._permits(address, port):
            raise PermissionError(
                errno.EACCES, f"{address} port {port} is not allowed by [network] connect"
            )
        self._sweep()
        return Connecting(self, self._link, address, port)

    def _sweep(self) -> None:
        """Close what came for sockets that were dropped while connecting."""
        waiting = []
        for connecting in self.abandoned:
            try:
                connecting.stream().close()
            except BlockingIOError:
                waiting.append(connecting)
            except OSError:
                continue
        self.abandoned = waiting

    def _permits(self, address: str, port: int) -> bool:
        if permits(self._rules, address, (address,), port):
            return True
        return any(
            permits(self._rules, name, addresses, port)
            for name, addresses in self._known.items()
            if address in addresses
        )
