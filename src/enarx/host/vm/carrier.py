"""Carries a keep's links over the one port of its machine: the tunnel's end in the host."""

from __future__ import annotations

import os
import resource
import socket

from enarx.tunnel.carrier import FINISHED
from enarx.tunnel.carrier import carry as carry_over
from enarx.tunnel.records import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BROKEN = 1
"""Exit status when the guest broke the protocol, or was cut off in the middle."""


def carry(pipe: int, links: Sequence[int]) -> int:
    """Carry the frames of *links*, agent's and broker's, over *pipe* until either ends.

    Returns:
        0 if both were through with each other.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    end = carry_over(pipe, [socket.socket(fileno=fd) for fd in links], HOST)
    if end.kind == FINISHED:
        return 0
    os.write(2, f"enarx: link of a machine: {end.kind}: {end.text}\n".encode())
    return BROKEN
