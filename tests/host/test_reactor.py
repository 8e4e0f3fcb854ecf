"""One loop calls back what is ready, due or posted."""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enarx.host.reactor import Reactor


def test_timers_fire_in_order_and_cancelled_ones_do_not(reactor: Reactor) -> None:
    """What is due earlier is called earlier."""
    fired: list[str] = []
    reactor.later(0.002, lambda: fired.append("second"))
    reactor.later(0.001, lambda: fired.append("first"))
    reactor.later(0, lambda: fired.append("never")).cancel()
    while len(fired) < 2:
        reactor.once(5)
    assert fired == ["first", "second"]


def test_a_post_from_another_thread_wakes_the_loop(reactor: Reactor) -> None:
    """A thread's result is handled in the loop's own thread."""
    seen: list[int] = []
    thread = threading.Thread(
        target=lambda: reactor.post(lambda: seen.append(threading.get_ident()))
    )
    thread.start()
    while not seen:
        reactor.once(5)
    thread.join()
    assert seen == [threading.get_ident()]


def test_a_forgotten_descriptor_is_not_called_in_the_same_round(reactor: Reactor) -> None:
    """One callback may close what another was about to be called for."""
    pipes = [os.pipe() for _ in range(2)]
    called: list[int] = []

    def ready(which: int) -> None:
        called.append(which)
        for read, _ in pipes:
            reactor.forget(read)

    for number, (read, write) in enumerate(pipes):
        os.write(write, b"x")
        reactor.watch(read, select.POLLIN, lambda _, number=number: ready(number))
    reactor.once(1)
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)
    assert len(called) == 1


def test_waiting_has_an_end(reactor: Reactor) -> None:
    """A round without events returns when its time is over."""
    reactor.once(0.001)


def test_a_late_post_reaches_nobody(reactor: Reactor) -> None:
    """A thread that finishes after the loop is gone neither fails nor writes to a stranger."""
    reactor.close()
    stranger = os.eventfd(0, os.EFD_NONBLOCK)
    reactor.post(lambda: None)
    assert not select.select([stranger], [], [], 0)[0]
    os.close(stranger)
