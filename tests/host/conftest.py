"""A broker on one end of a link, and a keep that is a thread of the test on the other."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from enarx.host.broker import Broker, allow
from enarx.host.reactor import Reactor
from enarx.keep.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enarx.host.broker import Policy
    from enarx.ports import AotStore
    from enarx.protocol.link import Event

DEADLINE_S = 20.0


class Pair:
    """A broker and the keep's end of its link."""

    def __init__(self, *, store: AotStore | None, modules: frozenset[str], policy: Policy) -> None:
        self.reactor = Reactor()
        self.events: list[Event] = []
        self.raw, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.host = theirs
        self.link = Link(os.dup(self.raw.fileno()))
        self.broker = Broker(
            self.reactor,
            theirs,
            self.events.append,
            store=store,
            modules=modules,
            policy=policy,
        )

    def keep(self, work: Callable[[Link], object]) -> object:
        """Do the keep's *work* in a thread while the broker serves it; its result or error."""
        results: list[object] = []

        def run() -> None:
            try:
                results.append(work(self.link))
            except Exception as error:  # noqa: BLE001 - handed to the test
                results.append(error)
            self.reactor.post(lambda: None)

        thread = threading.Thread(target=run)
        thread.start()
        while not results:
            self.reactor.once(DEADLINE_S)
        thread.join()
        return results[0]

    def until(self, done: Callable[[], bool]) -> None:
        """Serve until something is so."""
        rounds = 0
        while not done():
            self.reactor.once(DEADLINE_S)
            rounds += 1
            assert rounds < 100_000

    def leave(self) -> None:
        """Be a keep that is gone."""
        self.raw.close()
        self.link.close()

    def close(self) -> None:
        """Give everything back."""
        self.broker.close()
        self.host.close()
        self.leave()
        self.reactor.close()


@pytest.fixture
def pair() -> Iterator[Callable[..., Pair]]:
    """Make a broker with options of the test's."""
    made: list[Pair] = []

    def make(
        *,
        store: AotStore | None = None,
        modules: frozenset[str] = frozenset(),
        policy: Policy = allow,
    ) -> Pair:
        made.append(Pair(store=store, modules=modules, policy=policy))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    """A loop of the test's own."""
    loop = Reactor()
    yield loop
    loop.close()
