"""The life of a keep that is provisioned: one table, and the only legal moves.

    booting ──▶ offering ──▶ provisioned ──▶ running ──▶ exited
                 │    ▲           │             │
                 └────┘           ▼             ▼
             (another nonce)    failed ◀────────┘      (from every state that is not an end)

An envelope leaves ``offering`` for good, whether it could be opened or not: the one-time key is
gone then.
"""

from __future__ import annotations

from enarx.errors import RejectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    State: TypeAlias = Literal["booting", "offering", "provisioned", "running", "exited", "failed"]
    Event: TypeAlias = Literal["offer", "provision", "run", "exit", "fail"]

MOVES: Mapping[tuple[State, Event], State] = {
    ("booting", "offer"): "offering",
    ("offering", "offer"): "offering",
    ("offering", "provision"): "provisioned",
    ("provisioned", "run"): "running",
    ("running", "exit"): "exited",
    ("booting", "fail"): "failed",
    ("offering", "fail"): "failed",
    ("provisioned", "fail"): "failed",
    ("running", "fail"): "failed",
}
STATES: tuple[State, ...] = ("booting", "offering", "provisioned", "running", "exited", "failed")
ENDS: frozenset[State] = frozenset(("exited", "failed"))


class OutOfOrderError(RejectedError):
    """What was asked for is not possible in the keep's state.

    Args:
        state: in which it is.
        event: what was asked for.
    """

    def __init__(self, state: State, event: Event) -> None:
        allowed = [name for (where, name) in MOVES if where == state and name != "fail"]
        want = f"only {' or '.join(allowed)} is possible" if allowed else "nothing is possible"
        super().__init__(f"cannot {event}: the keep is {state}, where {want}")
        self.state = state
        self.event = event


def move(state: State, event: Event) -> State:
    """The state after *event*.

    Raises:
        OutOfOrderError: *event* is not legal in *state*.
    """
    try:
        return MOVES[state, event]
    except KeyError:
        raise OutOfOrderError(state, event) from None
