"""A keep's life: the table is the diagram, and everything else is refused with the state named."""

from __future__ import annotations

import itertools

import pytest

from enarx.protocol.states import ENDS, MOVES, STATES, OutOfOrderError, move

EVENTS = ("offer", "provision", "run", "exit", "fail")


def test_a_whole_life() -> None:
    """From the boot over two offers to the end."""
    state = STATES[0]
    for event in ("offer", "offer", "provision", "run", "exit"):
        state = move(state, event)  # type: ignore[arg-type]
    assert state == "exited"


@pytest.mark.parametrize(("state", "event"), tuple(itertools.product(STATES, EVENTS)))
def test_every_move_is_in_the_table_or_refused(state: str, event: str) -> None:
    """And a refusal says in which state the keep is, and what it can do there."""
    pair = (state, event)
    if pair in MOVES:
        assert move(*pair) == MOVES[pair]  # type: ignore[index, arg-type]
        return
    with pytest.raises(OutOfOrderError, match=f"cannot {event}: the keep is {state}"):
        move(*pair)  # type: ignore[arg-type]


def test_an_envelope_leaves_offering_for_good() -> None:
    """Attack: a second envelope, or an offer after the first: no move leads back."""
    reachable, found = {"provisioned", "failed"}, set[str]()
    while reachable != found:
        found = set(reachable)
        reachable |= {to for (state, _), to in MOVES.items() if state in found}
    assert found == {"provisioned", "running", "exited", "failed"}


def test_nothing_follows_an_end() -> None:
    """Ends have no move; every other state can fail."""
    assert {state for state, _ in MOVES}.isdisjoint(ENDS)
    assert all((state, "fail") in MOVES for state in STATES if state not in ENDS)
    assert set(MOVES.values()) | {"booting"} == set(STATES)
    assert "nothing is possible" in str(OutOfOrderError("exited", "run"))


def test_events_are_those_of_the_table() -> None:
    """No event without a move."""
    assert {event for _, event in MOVES} == set(EVENTS)
