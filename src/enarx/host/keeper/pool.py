"""Keeps that wait: forked and with keys made, so that a deploy costs one quote and one envelope.

A waiting keep belongs to no tenant and no platform yet; whoever takes it gives it both, once.
"""

from __future__ import annotations

from collections import deque

from enarx.errors import UnavailableError
from enarx.host.keeper.agent import Agent
from enarx.protocol.agent_link import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.host.keeper.launcher import Launcher
    from enarx.host.reactor import Reactor
    from enarx.protocol.agent_link import Reply

    Start: TypeAlias = Callable[[], Launcher]
    Changed: TypeAlias = Callable[[Agent], None]

_PAUSE_S = 1.0
"""Before a launcher or a waiting keep that has died is replaced."""

_LEISURE_S = 0.05
"""Before a keep that was taken is replaced while others wait: its launch comes first."""


class Pool:
    """One launcher, and up to *warm* keeps of it that wait.

    Args:
        changed: told of every keep that was taken.
    """

    def __init__(self, reactor: Reactor, start: Start, *, warm: int, changed: Changed) -> None:
        self._reactor = reactor
        self._start = start
        self._warm = warm
        self._changed = changed
        self._launcher: Launcher | None = None
        self._ready: deque[Agent] = deque()
        self._booting: Agent | None = None
        self._all: set[Agent] = set()
        self._closed = False
        self._restart()

    @property
    def waiting(self) -> int:
        """Keeps that are ready to be taken."""
        return len(self._ready)

    def take(self) -> Agent:
        """A keep, waiting or just forked.

        Raises:
            UnavailableError: none can be started.
        """
        agent = self._ready.popleft() if self._ready else self._fork()
        agent.changed = self._changed
        self._reactor.later(_LEISURE_S if self._ready else 0, self._refill)
        return agent

    def close(self) -> None:
        """End the launcher, and every keep with it."""
        self._closed = True
        if self._launcher is not None:
            self._reactor.forget(self._launcher.fileno())
            self._launcher.close()
            self._launcher = None
        self._bury()

    def _restart(self) -> None:
        if self._closed:
            return
        try:
            self._launcher = self._start()
        except UnavailableError:
            self._reactor.later(_PAUSE_S, self._restart)
            return
        self._reactor.watch(self._launcher.fileno(), 1, lambda _: self._listen())  # POLLIN
        self._refill()

    def _listen(self) -> None:
        """Take what the launcher says: keeps began and ended, or all of them with it."""
        launcher = self._launcher
        if launcher is None:
            return
        control = launcher.fileno()
        launcher.pump()
        if launcher.ended:
            self._reactor.forget(control)
            self._launcher = None
            self._reactor.later(_PAUSE_S, self._restart)
        self._bury()

    def _bury(self) -> None:
        """Close those whose process has ended, and say so."""
        for agent in [agent for agent in self._all if agent.process.over]:
            self._all.discard(agent)
            if agent in self._ready:
                self._ready.remove(agent)
            if agent is self._booting:
                self._booting = None
            agent.drain()
            agent.close()
            agent.changed(agent)

    def _fork(self) -> Agent:
        if self._launcher is None:
            raise UnavailableError("keep", "no keep can be started now", retry_after_s=1)
        process, broker = self._launcher.launch_agent()
        agent = Agent(self._reactor, process, broker, changed=self._waiting_changed)
        self._all.add(agent)
        return agent

    def _refill(self) -> None:
        """Start the next keep that shall wait, one at a time."""
        if self._closed or self._booting or len(self._ready) >= self._warm:
            return
        try:
            agent = self._booting = self._fork()
        except UnavailableError:
            self._reactor.later(_PAUSE_S, self._refill)
            return

        def answered(reply: Reply, _fd: int) -> None:
            if self._booting is agent:
                self._booting = None
            if reply.kind is None and agent in self._all:
                self._ready.append(agent)
                self._refill()

        agent.ask(Request("status"), answered)

    def _waiting_changed(self, agent: Agent) -> None:
        """One that waits has ended."""
        if agent.process.over:
            self._reactor.later(_PAUSE_S, self._refill)
