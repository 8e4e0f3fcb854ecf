"""Turn host names into addresses without blocking anybody.

A numeric address is answered at once; a name goes to the system's resolver in a thread, because
it has no other interface.  Few lookups run at a time, the rest wait their turn.
"""

from __future__ import annotations

import errno
import socket
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.host.reactor import Reactor

    Done: TypeAlias = Callable[["tuple[str, ...]", "OSError | None"], None]

_AT_A_TIME = 8
_MOST_ADDRESSES = 64


def numeric(host: str) -> str | None:
    """Return *host* in canonical form if it is an IPv4 or IPv6 address, else None."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, host))
        except (OSError, ValueError):
            continue
    return None


def family_of(address: str) -> socket.AddressFamily:
    """Return the address family of a numeric *address*."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Lookups:
    """The lookups of one host; their results arrive in the reactor's thread."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._waiting: deque[tuple[str, Done]] = deque()
        self._running = 0

    def start(self, host: str, done: Done) -> None:
        """Call *done* with the addresses of *host*, or with why there are none."""
        address = numeric(host)
        if address is not None:
            done((address,), None)
            return
        self._waiting.append((host, done))
        self._next()

    def _next(self) -> None:
        if not self._waiting or self._running >= _AT_A_TIME:
            return
        import threading  # numeric addresses, the usual case, do without

        host, done = self._waiting.popleft()
        self._running += 1

        def finish(addresses: tuple[str, ...], error: OSError | None) -> None:
            self._running -= 1
            self._next()
            done(addresses, error)

        def work() -> None:
            addresses, error = addresses_of(host)
            self._reactor.post(lambda: finish(addresses, error))

        threading.Thread(target=work, daemon=True, name="resolve").start()


def addresses_of(host: str) -> tuple[tuple[str, ...], OSError | None]:
    """Ask the system's resolver, and wait for it: (addresses in its order, error)."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return (), OSError(errno.EHOSTUNREACH, f"{host}: {_plain(error.strerror)}")
    except (OSError, UnicodeError) as error:  # not a host name at all
        return (), OSError(errno.EHOSTUNREACH, f"{host}: {error}")
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(addresses)[:_MOST_ADDRESSES], None


def _plain(text: str | None) -> str:
    return (text or "cannot be resolved").lower()
