"""A waiting keep rehearses with keys of nobody, and then is what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.keep.agent.parties import Owner, deliver
from tests.keep.agent.programs import HELLO

from enarx.keep.agent.keys import Keys
from enarx.keep.agent.rehearsal import rehearse

if TYPE_CHECKING:
    from tests.keep.agent.conftest import NewKeep


def test_a_rehearsal_leaves_keys_alone() -> None:
    """A keep's own keys are not touched, and go on being what they were."""
    own = Keys()
    before = own.claims(bytes(32))
    rehearse(1_700_000_000.0)
    assert own.claims(bytes(32)) == before


def test_keeps_that_waited_are_keeps(new_keep: NewKeep) -> None:
    """Two that had the time: keys of their own, and an application that runs."""
    first, second = new_keep(), new_keep()
    spkis = {keep.offer().content.channel_spki for keep in (first, second)}
    assert len(spkis) == 2
    owner = Owner()
    deliver(first, owner, HELLO)
    first.until_state("exited")
