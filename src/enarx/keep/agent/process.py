"""A keep's agent, from the fork to its end: what a zygote's keep of kind "agent" runs.

The order is the point.  The runtime is forked while there is nothing to know.  Then the agent takes
what it needs of the system, closes its sandbox, and only behind that makes keys and talks to the
host.  From then on it opens no file and no socket; it has what it holds, and what is passed to it.
"""

from __future__ import annotations

import encodings.utf_16_be  # noqa: F401 - the order of canonical JSON's keys; no file opens later
import os
import socket

from enarx.keep import outcome as ending
from enarx.keep.agent.agent import Agent
from enarx.keep.agent.loop import Loop
from enarx.keep.agent.runtime import fork_runtime
from enarx.keep.sandbox.lockdown import lock_down

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.engine.engine import Engine

_EX_SOFTWARE = 70  # sysexits.h


def main(link_fd: int, broker_fd: int, engine: Engine, quoter_fd: int = -1) -> int:
    """Be a keep that proves itself; the exit status.

    Args:
        link_fd: the link to the host agent (``protocol.agent_link``).
        broker_fd: the link to the host's broker (``protocol.link``).
        engine: has plain settings and was made before the fork.
        quoter_fd: the link to the quoter (``vm.quoter``), where evidence comes from inside; then
            none is taken from the host.
    """
    try:
        runtime = fork_runtime(engine)
        loop = Loop()
        quoter = socket.socket(fileno=quoter_fd) if quoter_fd >= 0 else None
        link, broker = socket.socket(fileno=link_fd), socket.socket(fileno=broker_fd)
        agent = Agent(loop, link, runtime, broker, quoter=quoter)
        lock_down((), allow_threads=False, child=runtime.pid)
        agent.start()
        loop.run()
        return agent.close()
    except Exception as error:  # noqa: BLE001 - a bug: the places only, for values may be secrets
        os.write(2, f"enarx keep: {ending.trace(error)}\n".encode())
        return _EX_SOFTWARE
