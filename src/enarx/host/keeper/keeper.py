"""All keeps of one host, and what may be done with them: the part that must not be restarted.

It knows neither tenants nor tokens; the API does, and asks.  What the API records on disk and what
is true here can differ after a crash of either: ``list`` is the truth, and the API adapts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from enarx import __version__
from enarx.errors import UnavailableError
from enarx.host.keeper.agent import file_of
from enarx.host.keeper.messages import (
    KeeperReply,
    KeeperRequest,
    KeepStatus,
    encode_statuses,
)
from enarx.host.keeper.pool import Pool
from enarx.protocol.agent_link import Request
from enarx.protocol.states import ENDS
from enarx.seal import receipt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from enarx.host.keeper.agent import Agent, Quote
    from enarx.host.keeper.pool import Start
    from enarx.host.reactor import Reactor, Timer
    from enarx.protocol.agent_link import Reply

    Done: TypeAlias = Callable[[KeeperReply, int], None]
    """Called once with the answer and its file's descriptor, the callee's, or -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a keeper keeps.

    Args:
        most: how many there may be at once, ended ones that nobody has forgotten too.
        unused_s: a keep without an envelope is ended after this time.
    """

    most: int = 2000
    unused_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to start keeps, and the platforms that they can be.

    Args:
        start: starts what starts them.
        quotes: how each platform makes evidence; None where the keep has a TEE that does.
        warm: how many keeps wait.
    """

    start: Start
    quotes: Mapping[str, Quote | None]
    warm: int = 4


class Keeper:
    """Serves requests of the API; *changed* is told whenever a keep's status changes."""

    def __init__(
        self,
        reactor: Reactor,
        kinds: tuple[Kind, ...],
        *,
        settings: Settings,
        changed: Callable[[KeepStatus], None],
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._told = changed
        self._keeps: dict[str, _Held] = {}
        self._by_agent: dict[Agent, _Held] = {}
        self._platforms: dict[str, tuple[Pool, Quote | None]] = {}
        self._pools: list[Pool] = []
        for kind in kinds:
            pool = Pool(reactor, kind.start, warm=kind.warm, changed=self._changed)
            self._pools.append(pool)
            self._platforms |= {name: (pool, quote) for name, quote in kind.quotes.items()}

    def serve(self, request: KeeperRequest, fd: int, done: Done) -> None:
        """Answer one request; *fd* is ours from here on."""
        if request.op in _OF_ALL:
            _OF_ALL[request.op](self, request, done)
        elif request.keep not in self._keeps:
            _close(fd)
            _refuse(request, done, "unknown-keep", "there is no such keep")
        else:
            _OF_ONE[request.op](self, self._keeps[request.keep], request, fd, done)

    def close(self) -> None:
        """End every keep."""
        for pool in self._pools:
            pool.close()

    def _hello(self, request: KeeperRequest, done: Done) -> None:
        platforms = tuple(sorted(self._platforms))
        done(KeeperReply(id=request.id, version=__version__, platforms=platforms), -1)

    def _list(self, request: KeeperRequest, done: Done) -> None:
        data = encode_statuses(held.status() for held in self._keeps.values())
        done(KeeperReply(id=request.id, size=len(data)), file_of("keeps", data))

    def _create(self, request: KeeperRequest, done: Done) -> None:
        if request.platform not in self._platforms:
            _refuse(request, done, "malformed", f"no platform {request.platform}")
        elif request.keep in self._keeps:
            _refuse(request, done, "out-of-order", "there is such a keep already")
        elif len(self._keeps) >= self._settings.most:
            _refuse(request, done, "full", "the host has no room for another keep")
        else:
            self._take(request, done)

    def _take(self, request: KeeperRequest, done: Done) -> None:
        pool, quote = self._platforms[request.platform]
        try:
            agent = pool.take()
        except UnavailableError as error:
            _refuse(request, done, "unavailable", error.message)
            return
        agent.quote = quote
        held = _Held(request.keep, request.platform, agent)
        self._keeps[request.keep] = self._by_agent[agent] = held
        held.timer = self._reactor.later(self._settings.unused_s, lambda: _end(held, "unused"))
        done(KeeperReply(id=request.id), -1)

    def _offer(self, held: _Held, request: KeeperRequest, _fd: int, done: Done) -> None:
        asked = Request("offer", nonce=request.nonce)
        held.agent.ask(asked, lambda reply, file: _pass_on(request, reply, file, done))

    def _envelope(self, held: _Held, request: KeeperRequest, fd: int, done: Done) -> None:
        if held.given:
            _close(fd)
            _refuse(request, done, "out-of-order", "an envelope was handed to this keep before")
            return
        held.given = True
        if held.timer is not None:
            held.timer.cancel()

        def answered(reply: Reply, file: int) -> None:
            if file >= 0 and 0 < reply.size <= receipt.MAX_BYTES:
                held.receipt = _read(file, reply.size)
            _pass_on(request, reply, file, done)

        held.agent.ask(Request("envelope", size=request.size), answered, fd)

    def _receipt(self, held: _Held, request: KeeperRequest, _fd: int, done: Done) -> None:
        if not held.receipt:
            _refuse(request, done, "out-of-order", "the keep has given no receipt")
            return
        file = file_of("receipt", held.receipt)
        done(KeeperReply(id=request.id, size=len(held.receipt)), file)

    def _channel(self, held: _Held, request: KeeperRequest, fd: int, done: Done) -> None:
        held.agent.ask(Request("channel"), lambda reply, _: _pass_on(request, reply, -1, done), fd)

    def _stop(self, held: _Held, request: KeeperRequest, _fd: int, done: Done) -> None:
        held.reason = held.reason or "stopped"
        asked = Request("stop", grace_s=request.grace_s)
        held.agent.ask(asked, lambda reply, _: _pass_on(request, reply, -1, done))

    def _end(self, held: _Held, request: KeeperRequest, _fd: int, done: Done) -> None:
        _end(held, request.reason)
        done(KeeperReply(id=request.id), -1)

    def _forget(self, held: _Held, request: KeeperRequest, _fd: int, done: Done) -> None:
        if not held.over:
            _refuse(request, done, "out-of-order", "the keep has not ended")
            return
        del self._keeps[held.keep]
        done(KeeperReply(id=request.id), -1)

    def _changed(self, agent: Agent) -> None:
        held = self._by_agent.get(agent)
        if held is None:
            return
        if agent.process.over and not held.over:
            held.over = True
            held.reason = held.reason or ("" if agent.state in ENDS else "crashed")
            if held.timer is not None:
                held.timer.cancel()
            agent.close()
            del self._by_agent[agent]
        self._told(held.status())


class _Held:
    """One keep that somebody asked for."""

    __slots__ = ("agent", "given", "keep", "over", "platform", "reason", "receipt", "timer")

    def __init__(self, keep: str, platform: str, agent: Agent) -> None:
        self.keep = keep
        self.platform = platform
        self.agent = agent
        self.given = False
        self.over = False
        self.reason = ""
        self.receipt = b""
        self.timer: Timer | None = None

    def status(self) -> KeepStatus:
        return KeepStatus(
            keep=self.keep,
            platform=self.platform,
            state=self.agent.state,
            workload_digest=self.agent.workload_digest,
            given=self.given,
            over=self.over,
            reason=self.reason,
        )


def _end(held: _Held, reason: str) -> None:
    """Kill it; its launcher tells when it is gone."""
    if not held.over:
        held.reason = reason
        held.agent.kill()


def _pass_on(request: KeeperRequest, reply: Reply, file: int, done: Done) -> None:
    """The agent's answer is the keeper's."""
    if reply.kind is not None:
        _close(file)
        _refuse(request, done, reply.kind, reply.text)
    else:
        done(KeeperReply(id=request.id, size=reply.size), file)


def _refuse(request: KeeperRequest, done: Done, kind: str, text: str) -> None:
    done(KeeperReply(id=request.id, kind=kind, text=text), -1)


def _read(fd: int, size: int) -> bytes:
    return os.pread(fd, size, 0)


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


_OF_ALL: dict[str, Callable[[Keeper, KeeperRequest, Done], None]] = {
    "create": Keeper._create,  # noqa: SLF001 - the class's own table
    "hello": Keeper._hello,  # noqa: SLF001
    "list": Keeper._list,  # noqa: SLF001
}
_OF_ONE: dict[str, Callable[[Keeper, _Held, KeeperRequest, int, Done], None]] = {
    "channel": Keeper._channel,  # noqa: SLF001
    "end": Keeper._end,  # noqa: SLF001
    "envelope": Keeper._envelope,  # noqa: SLF001
    "forget": Keeper._forget,  # noqa: SLF001
    "offer": Keeper._offer,  # noqa: SLF001
    "receipt": Keeper._receipt,  # noqa: SLF001
    "stop": Keeper._stop,  # noqa: SLF001
}
