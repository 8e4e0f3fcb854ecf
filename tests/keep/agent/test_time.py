"""What a hostile host's clock can do to a keep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.keep.agent.parties import Owner, deliver, seal
from tests.keep.agent.programs import HELLO, TELLS_TIME
from tests.keep.agent.test_attacks import refuses

from enarx.protocol import channel

if TYPE_CHECKING:
    from tests.keep.agent.conftest import NewKeep


def test_host_whose_clock_is_set_back(new_keep: NewKeep) -> None:
    """What the owner's clock said is the earliest; a host that is far behind runs nothing."""
    now = int(time.time())
    keep = new_keep()
    owner = Owner(options={"not_before_s": now + 3600})
    text = refuses(keep, seal(owner.content(HELLO), keep.offer()), "unavailable")
    assert text.startswith("the host's clock is 3")
    assert text.endswith("s behind the owner's")
    keep = new_keep()
    ahead = Owner(options={"not_before_s": now + 200})
    deliver(keep, ahead, TELLS_TIME)
    client = keep.connect(ahead)
    client.attach()
    told = b""
    while len(told) < 8:
        frame = client.frame()
        told += frame.body if frame.kind == channel.STDOUT else b""
    assert int.from_bytes(told, "little") >= (now + 200) * 1_000_000_000
