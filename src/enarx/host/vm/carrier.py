"""Carries a keep's links over the one port of its machine: the tunnel's end in the host.

A process of its own: it reads what an untrusted guest sends, and has nothing but these links.
"""

from __future__ import annotations

import resource
import socket

from enarx.tunnel import carrier
from enarx.tunnel.records import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


FILES_BYTES = 8 * 1024 * 1024
"""Of files under way from a guest: an offer, a receipt, evidence; each has a fraction of that."""


def carry(pipe: int, links: Sequence[int]) -> tuple[str, str]:
    """Carry *links* over *pipe* until either is closed; all are owned from here on.

    Returns:
        How it ended (``tunnel.carrier``: FINISHED, LOST, VIOLATION, FAILED), and why, in one line.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    end = carrier.carry(pipe, [socket.socket(fileno=link) for link in links], HOST, FILES_BYTES)
    return end.kind, end.text
