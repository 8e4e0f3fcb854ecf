"""A keep's link whose broker is at the far end of a tunnel."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.keep.component.conftest import echo_port  # noqa: F401 - a fixture

from enarx.host.broker import Broker
from enarx.host.reactor import Reactor
from enarx.keep.link import Link
from enarx.tunnel.carrier import carry
from enarx.tunnel.records import HOST, KEEP


def link_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a link."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


@pytest.fixture
def link() -> Iterator[Link]:
    """As beside a broker, with a tunnel between."""
    pipe = socket.socketpair()
    (ours, near), (far, theirs) = link_pair(), link_pair()
    reactor = Reactor()
    broker = Broker(reactor, theirs, lambda _event: None)

    def serve() -> None:
        while not broker.closed:
            reactor.once(1.0)

    threads = [
        threading.Thread(target=serve),
        threading.Thread(target=carry, args=(pipe[0].detach(), [far], HOST)),
        threading.Thread(target=carry, args=(pipe[1].detach(), [near], KEEP)),
    ]
    for thread in threads:
        thread.start()
    made = Link(ours.detach())
    yield made
    made.close()
    for thread in threads:
        thread.join()
    theirs.close()
    reactor.close()
