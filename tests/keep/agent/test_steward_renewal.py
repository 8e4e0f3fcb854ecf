"""A Steward's certificate is renewed while the application runs, its sandbox closed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.keep.agent.stewards import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.keep.agent.conftest import Deploy
    from tests.keep.agent.stewards import Deployed, FakeSteward

pytestmark = pytest.mark.slow


def connect_until(started: Deployed, done: Callable[[], object]) -> None:
    """Be one client after the other until something is so; none is turned away."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        started.greeting()


def until(done: Callable[[], object]) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline


def test_a_certificate_is_renewed(deploy: Deploy, steward: FakeSteward) -> None:
    """Each time with a nonce and evidence of its own; the key stays, and clients notice nothing."""
    steward.life_s, steward.renew_s = 3, 1
    more = (
        '[tls.socket.web]\nclient_auth = "request"\n'
        f"client_trust_anchors = ['mozilla', '''{steward.authority.root_pem}''']"
    )
    started = deploy(more=more)
    first = started.greeting()
    connect_until(started, lambda: len(steward.issued) > 2)
    last = started.greeting()
    assert last in steward.issued[2:]
    assert last.not_valid_after_utc > first.not_valid_after_utc
    assert last.public_key() == first.public_key()
    assert len(set(steward.nonces)) == len(steward.issued)


def test_the_old_one_serves_until_its_end(deploy: Deploy, steward: FakeSteward) -> None:
    """A Steward that is gone is asked again and again; then nobody is let in, and the log says why.

    When it is back, so is the service.
    """
    steward.life_s, steward.renew_s = 6, 1
    started = deploy()
    first = started.greeting()
    steward.challenge = lambda _: (503, "text/plain", b"")
    connect_until(started, lambda: len(steward.asked) > 3)
    assert started.greeting() == first
    end_s = first.not_valid_after_utc.timestamp()
    until(lambda: started.is_closed() and time.time() > end_s + 1)
    text = started.until_logged("and there is no new one: connections are refused")
    assert "enarx: error: the keep's certificate ended at 20" in text
    assert (
        f"enarx: warn: no new certificate: steward {steward.url}: refuses with status 503; "
        "try again later, or ask whoever runs the Steward; the keep's holds until 20"
    ) in text
    steward.challenge = lambda said: said
    until(lambda: not started.is_closed())
    assert started.greeting() == steward.issued[1]


def test_a_silent_steward_does_not_stop_the_service(deploy: Deploy, steward: FakeSteward) -> None:
    """The application waits for five seconds, and goes on with the certificate that it has."""
    steward.life_s, steward.renew_s = 60, 0
    started = deploy()
    started.greeting()
    steward.challenge = lambda _: None
    asked = len(steward.asked)
    connect_until(started, lambda: len(steward.asked) > asked)
    assert started.greeting() == steward.issued[-1]
    started.until_logged("cannot be asked: no whole answer in time; ")
