"""Serve one process keep from its launch to its end: what ``enarx run`` does.

A host with many keeps uses the same parts around one reactor of its own.
"""

from __future__ import annotations

import select

from enarx.host.broker import Broker, allow
from enarx.host.reactor import Reactor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.host.broker import Policy
    from enarx.host.process import ProcessKeep, Zygote
    from enarx.ports import AotStore
    from enarx.protocol.link import Event
    from enarx.protocol.outcome import Outcome


def supervise(
    zygote: Zygote,
    keep: ProcessKeep,
    *,
    store: AotStore | None = None,
    modules: frozenset[str] = frozenset(),
    policy: Policy = allow,
    event: Callable[[Event], None] = lambda _: None,
) -> Outcome:
    """Serve *keep* until it has ended and return how.

    Signals that arrive meanwhile run their Python handlers, which may call ``keep.kill``.
    *event* sees every event of the keep except its report.
    """
    reactor = Reactor()

    def take(message: Event) -> None:
        if message.name == "ended":
            keep.report(message.fields["outcome"])
            return
        if message.name == "running":
            limit = message.fields.get("wall_time_s")
            keep.wall_time_s = limit if isinstance(limit, float) else None
        event(message)

    broker = Broker(reactor, keep.link, take, store=store, modules=modules, policy=policy)
    reactor.watch(zygote.fileno(), select.POLLIN, lambda _: _listen_to(zygote, reactor))
    try:
        while not (keep.over or (keep.reported and broker.closed)):
            reactor.once()
            if broker.problem and not keep.over:
                keep.broke(broker.problem)
        broker.drain()
        while broker.busy:  # compiled code is still being saved
            reactor.once()
        return keep.outcome()
    finally:
        broker.close()
        keep.close()
        reactor.close()


def _listen_to(zygote: Zygote, reactor: Reactor) -> None:
    """Take what the zygote says, and stop listening when it has ended."""
    control = zygote.fileno()
    zygote.pump()
    if zygote.ended:
        reactor.forget(control)
