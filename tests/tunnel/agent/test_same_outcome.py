"""What is true of a keep beside its host is true of one behind a tunnel: the same tests, run again.

Beside them, what only a network application shows: connections in, and connections out.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
from tests.keep.agent.parties import Keep, Owner, deliver
from tests.keep.agent.programs import program
from tests.keep.agent.stewards import GREETS, free_port
from tests.keep.agent.test_attacks import (  # noqa: F401 - run again
    test_agent_link_lost,
    test_broker_link_lost,
    test_channel_that_is_no_socket,
    test_client_that_breaks_the_protocol,
    test_half_open_connections_shut_nobody_out,
    test_host_never_sees_what_is_the_owner_s,
    test_host_that_breaks_the_protocol,
    test_replayed_envelope,
    test_wrong_client_key,
)
from tests.keep.agent.test_life import (  # noqa: F401 - run again
    test_a_package_that_cannot_run_says_so_to_its_owner,
    test_a_slow_client_makes_the_application_wait,
    test_an_application_runs_and_its_owner_alone_learns_how_it_ended,
    test_an_owner_may_leave_and_come_back,
    test_arguments_variables_and_secrets_reach_the_application,
    test_deleting_an_ended_keep_is_no_failure,
    test_evidence_of_a_connection_is_bound_to_it,
    test_several_clients_read_the_same,
    test_stop_ends_what_does_not_listen,
    test_the_evidence_of_an_offer_is_bound_to_its_claims,
)
from tests.keep.agent.test_steward import (  # noqa: F401 - run again
    test_a_refusal_says_why,
    test_a_steward_s_certificate_serves,
)

if TYPE_CHECKING:
    from enarx.protocol.outcome import Outcome

PATIENCE_S = 30.0
LISTENS = """
[[files]]
kind = "listen"
name = "door"
addr = "127.0.0.1"
port = {port}
prot = "tcp"
"""


def test_an_application_that_listens(keep: Keep) -> None:
    """Connections that the broker accepts reach it through the tunnel, many at a time."""
    port = free_port()
    owner = Owner()
    deliver(keep, owner, GREETS, LISTENS.format(port=port).encode())
    client = keep.connect(owner)
    client.attach()
    keep.until_state("running")
    _wait_for(port)
    peers = [socket.create_connection(("127.0.0.1", port), PATIENCE_S) for _ in range(30)]
    for peer in peers:
        with peer, peer.makefile("rb") as stream:
            assert stream.read() == b"hello\n"
    client.close()


def _wait_for(port: int) -> None:
    """Until somebody listens there."""
    deadline = threading.Event()
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            deadline.wait(0.1)
    pytest.fail("nobody listens")


CONNECTS = """
[[files]]
kind = "stdin"
[[files]]
kind = "stdout"
[[files]]
kind = "stderr"
[[files]]
kind = "connect"
name = "peer"
host = "127.0.0.1"
port = {port}
prot = "tcp"
"""


def test_an_application_that_connects(keep: Keep) -> None:
    """The broker's connection is its descriptor 3: what it writes arrives at the other end."""
    writes = program("""(func (export "_start") (call $say (i32.const 3)))""")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = CONNECTS.format(port=listener.getsockname()[1]).encode()
        owner = Owner()
        deliver(keep, owner, writes, config)
        client = keep.connect(owner)
        client.attach()
        listener.settimeout(PATIENCE_S)
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            assert stream.read() == b"hello\n"
        ended: Outcome = client.outcome()
        assert (ended.kind, ended.code) == ("exit", 0)
        client.close()
