"""The keeper as a process: one for each state directory, in a session of its own.

It ends on SIGTERM or when it is asked to, and every keep with it; the API may come and go.
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress

from enarx.host.keeper.keeper import Keeper
from enarx.host.keeper.messages import LOCK, SOCKET
from enarx.host.keeper.server import Server
from enarx.host.lock import hold
from enarx.host.reactor import Reactor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.host.keeper.keeper import Kind, Settings
    from enarx.host.keeper.messages import KeepStatus


def run(
    directory: str,
    kinds: Callable[[], tuple[Kind, ...]],
    *,
    settings: Settings,
    ready: Callable[[], None],
    lock: int = -1,
) -> None:
    """Keep keeps until the end.

    Args:
        directory: the state directory, private; it becomes the current one.
        kinds: measures what keeps will be of, and returns the ways to start them; called when
            it is sure that no other keeper runs.
        ready: called when the socket can be connected to.
        lock: the descriptor of the directory's lock, if whoever started us took it.

    Raises:
        UnavailableError: a keeper runs there already, or the directory cannot be used.
    """
    with suppress(PermissionError):  # the leader of a session already
        os.setsid()
    os.chdir(directory)
    with hold(LOCK, "a keeper", taken=lock):
        _raise_limits()
        with suppress(FileNotFoundError):
            os.unlink(SOCKET)
        _serve(kinds(), settings, ready)
        with suppress(FileNotFoundError):
            os.unlink(SOCKET)


def _serve(kinds: tuple[Kind, ...], settings: Settings, ready: Callable[[], None]) -> None:
    reactor = Reactor()
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True

    def told(status: KeepStatus) -> None:
        server.tell(status)

    keeper = Keeper(reactor, kinds, settings=settings, changed=told)
    server = Server(reactor, keeper.serve, end)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: reactor.post(end))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ready()
    while not ended:
        reactor.once()
    server.close()
    keeper.close()
    reactor.close()


def _raise_limits() -> None:
    """Three descriptors a keep: more than a shell's limit allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
