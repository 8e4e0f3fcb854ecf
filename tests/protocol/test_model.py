"""The protocol keeps its promises in every order of events, and breaks one without any binding."""

from __future__ import annotations

import pytest
from tests.protocol.model import BINDINGS, World, explore

WORLDS = {
    "one owner, two keeps": World(owners=("alice",)),
    "two owners, one keep": World(keeps=("one",), offers=3),
    "two owners, two keeps": World(offers=1),
}

ATTACKS = {
    "client key": ("output", "host reads from one"),
    "image": ("secret", "alice seals to host for alice"),
    "info": ("agreed", "one opens alice's alice"),
    "key in report_data": ("secret", "alice seals to host for alice"),
    "nonce": ("fresh", "alice seals to one for host"),
    "one-time key": ("once", "one opens alice's alice"),
    "pin": ("true end", "alice believes one"),
    "receipt": ("true end", "alice believes one"),
}
"""Which promise breaks without each binding, and the step that breaks it."""


@pytest.mark.parametrize("stolen", [False, True])
@pytest.mark.parametrize("world", WORLDS)
def test_no_order_of_events_breaks_a_promise(world: str, *, stolen: bool) -> None:
    """Every state is looked at: thousands, in each of which the host does all that it can.

    With stolen channel keys an owner can still tell that its package runs at the other end.
    """
    chosen = WORLDS[world]
    found = explore(
        World(owners=chosen.owners, keeps=chosen.keeps, offers=chosen.offers, stolen=stolen)
    )
    assert (found.broken, found.trace) == ("", ())
    assert found.states > 3000


@pytest.mark.slow
def test_no_order_of_events_breaks_a_promise_at_length() -> None:
    """Two owners and two keeps, of which each makes two offers."""
    found = explore(World())
    assert found.broken == ""
    assert found.states > 100_000


def test_the_honest_way_is_among_those_explored() -> None:
    """The promises are not kept by doing nothing: owners seal, keeps open, owners believe."""
    happened = explore(World(offers=1)).happened
    for owner in ("alice", "bob"):
        for keep in ("one", "two"):
            assert f"{owner} seals to {keep} for {owner}" in happened
            assert f"{keep} opens {owner}'s {owner}" in happened
            assert f"{owner} believes {keep}" in happened
    assert not any("believes host" in step or "host reads" in step for step in happened)


@pytest.mark.parametrize("binding", sorted(ATTACKS))
def test_without_a_binding_there_is_an_attack(binding: str) -> None:
    """The exploration finds it, and it is the one that the binding is there for."""
    found = explore(World(owners=("alice",), bindings=BINDINGS - {binding}))
    assert (found.broken, found.trace[-1]) == ATTACKS[binding]


def test_the_exporter_counts_once_a_channel_key_is_stolen() -> None:
    """The host ends the owner's connection with it, and relays evidence from one of its own.

    While channel keys are secret the pin is enough; the exporter is the second wall.
    """
    without = BINDINGS - {"exporter"}
    assert explore(World(owners=("alice",), bindings=without)).broken == ""
    found = explore(World(owners=("alice",), bindings=without, stolen=True))
    assert found.broken == "true end"
    assert found.trace[-2:] == ("alice seals to one for alice", "alice believes host")
    assert "one opens host's alice" in found.trace


def test_every_binding_was_taken_away() -> None:
    """Those above are all that there are."""
    assert {*ATTACKS, "exporter"} == BINDINGS
