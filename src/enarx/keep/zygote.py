"""The process that keeps are forked from: the engine is loaded in it, nothing else happens in it.

It never compiles, runs a guest, makes a key or reads a package: a process that has started the
engine's threads cannot be forked, and what it knew, every keep would know.  Its children share its
address layout and stack canaries; separate zygotes do not.

Descriptor 3 is a SEQPACKET socket to the host's launcher:

    host -> {"op": "spawn", "id": n, "kind": k} + one end of each of the new keep's links
         <- {"spawned": n, "pid": p} + a pidfd where the kernel has them
         <- {"spawned": n, "error": {"errno", "text"}}
         <- {"exited": p, "status": wait status}

A keep of kind "run", which is meant where none is named, has one link: it runs what it is told
(``boot``).  One of kind "agent" has two, and proves itself first (``agent.process``); only a zygote
that preloaded "agent" forks it.

It ends when that socket closes, and its keeps with it (PR_SET_PDEATHSIG).  It stays in the
terminal's process group and blocks the terminal's signals: a Ctrl-C reaches the keep directly and
ends it by the default action, and the zygote lives to tell its status.  Blocked, not ignored: one
that reaches a keep between its fork and its first step is then delivered, not lost.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import socket
import sys

from enarx import frames
from enarx.errors import MalformedError
from enarx.keep.sandbox import prctl
from enarx.wire.document import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from enarx.keep.engine.engine import Engine

    Body: TypeAlias = Callable[..., int]
    """What a keep runs: called with its links' descriptors, returns its exit status."""

CONTROL = 3
"""Descriptor of the control socket in the zygote, and of the first link in a keep."""

RUN = "run"
AGENT = "agent"
_LINKS = {RUN: 1, AGENT: 2}
"""Kinds of keeps, and how many links each has."""

_TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)
_LAST_DESCRIPTOR = 0x7FFF_FFFF
_EX_SOFTWARE = 70  # sysexits.h
_STACK = 16 << 20  # the guest's, which the engine limits, and ours on top of it
_DESCRIPTORS = 8192  # the 4096 an application may have, and as many for folders and handshakes


def main(names: tuple[str, ...] = ()) -> None:
    """Be a zygote of ordinary keeps; *names* say what to import beside."""
    serve(lambda: _load(names))


def serve(load: Callable[[], Mapping[str, Body]]) -> None:
    """Serve the control socket until it closes; *load* returns what a keep of each kind runs.

    The caller guarantees a clean environment and that descriptor 3 is the control socket.
    """
    os.closerange(CONTROL + 1, _LAST_DESCRIPTOR)
    signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL_SIGNALS)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # the interpreter's
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _harden()
    bodies = load()
    gc.freeze()
    gc.enable()  # whoever started this process disabled it: imports leave no garbage
    Zygote(socket.socket(fileno=CONTROL), bodies).serve()
    os._exit(0)  # the host waits for this end: no time to take the interpreter apart


class Zygote:
    """Forks a keep for each request and reports how each ended."""

    def __init__(self, control: socket.socket, bodies: Mapping[str, Body]) -> None:
        self._control = control
        self._bodies = bodies
        self._outbox: list[tuple[bytes, tuple[int, ...]]] = []

    def serve(self) -> None:
        """Answer requests until the control socket closes."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        while True:
            wanted = select.POLLIN | (select.POLLOUT if self._outbox else 0)
            poll.register(self._control, wanted)
            ready = dict(poll.poll())
            if woken in ready:
                os.read(woken, 4096)
                self._reap()
            events = ready.get(CONTROL, 0)
            if events & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self._request():
                return
            self._flush()

    def _request(self) -> bool:
        """Take one request; false when the launcher is gone or talks nonsense."""
        try:
            data, fds = frames.receive(self._control, descriptors=max(_LINKS.values()), wait=False)
        except BlockingIOError:
            return True
        if not data:
            return False
        try:
            fields = load(data, "zygote request")
            fields.one_of("op", ("spawn",))
            number = fields.integer("id", 1, 1 << 53)
            kind = fields.one_of("kind", self._bodies) if "kind" in fields else RUN
            fields.done()
            if len(fds) != _LINKS[kind]:
                fields.refuse("descriptors", f"got {len(fds)}, want {_LINKS[kind]}")
            self._spawn(number, self._bodies[kind], fds)
        finally:
            frames.close(fds)
        return True

    def _spawn(self, number: int, body: Body, links: Sequence[int]) -> None:
        """Fork one keep."""
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._outbox.append((_refusal(number, error), ()))
            return
        if pid == 0:
            self._become_keep(body, links, parent)
        try:
            handle: tuple[int, ...] = (os.pidfd_open(pid),)
        except OSError:  # before Linux 5.3, or forbidden: the pid has to do
            handle = ()
        self._outbox.append((dump({"spawned": number, "pid": pid}), handle))

    def _become_keep(self, body: Body, links: Sequence[int], parent: int) -> None:
        """Turn the forked child into a keep; never returns."""
        status = _EX_SOFTWARE
        try:
            prctl.end_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            own = range(CONTROL, CONTROL + len(links))
            for link, number in zip(links, own, strict=True):  # none is among those numbers yet
                os.dup2(link, number, inheritable=False)
            os.closerange(own.stop, _LAST_DESCRIPTOR)
            self._control.detach()  # its number is the first link's now
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            status = body(*own)
        except BaseException as error:  # noqa: BLE001 - the outermost edge of this process
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(status)

    def _reap(self) -> None:
        """Queue a report for each keep that ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._outbox.append((dump({"exited": pid, "status": status}), ()))

    def _flush(self) -> None:
        """Send what fits; the rest waits until the launcher has read."""
        while self._outbox:
            data, fds = self._outbox[0]
            try:
                frames.send(self._control, data, fds, wait=False)
            except BlockingIOError:
                return
            except OSError:  # the launcher is gone; the next receive says so
                pass
            frames.close(fds)
            del self._outbox[0]


def preload(names: tuple[str, ...]) -> Engine:
    """Import what every keep needs, and what *names* stand for; the engine, loaded."""
    from enarx.keep.engine import engine
    from enarx.keep.sandbox import lockdown

    for module in _NEEDED_LATER:
        __import__(module)
    for name in names:
        if name not in _PRELOADABLE:
            raise MalformedError("preload", f"got {name!r}, want one of {sorted(_PRELOADABLE)}")
        for module in _PRELOADABLE[name]:
            __import__(module)
    lockdown.preload()
    return engine.preload()


def _load(names: tuple[str, ...]) -> Mapping[str, Body]:
    """Import what is needed, and return what a keep of each kind runs."""
    from enarx.keep import boot

    loaded = preload(names)
    bodies: dict[str, Body] = {RUN: lambda link: boot.main(link, loaded)}
    if AGENT in names:
        from enarx.keep.agent import process

        bodies[AGENT] = lambda link, broker: process.main(link, broker, loaded)
    return bodies


def _harden() -> None:
    """Give up what no keep needs, and allow the descriptors that one may; keeps inherit it."""
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
    prctl.prctl(prctl.SET_PDEATHSIG, signal.SIGKILL)
    prctl.prctl(prctl.SET_DUMPABLE, 0)  # no core dump, no ptrace, /proc/<pid> is root's
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (_least(_STACK, hard), hard))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < _DESCRIPTORS:  # RLIM_INFINITY is -1
        resource.setrlimit(resource.RLIMIT_NOFILE, (_least(_DESCRIPTORS, hard), hard))


def _least(wanted: int, hard: int) -> int:
    """*wanted*, as far as a hard limit allows it."""
    return wanted if hard < 0 else min(wanted, hard)


def _refusal(number: int, error: OSError) -> bytes:
    """Say that a keep could not be forked."""
    return dump(
        {"spawned": number, "error": {"errno": error.errno or 1, "text": error.strerror or ""}}
    )


_NEEDED_LATER = ("enarx.keep.wasi.command", "time")
"""What a keep imports when its sandbox is closed: it must be there already."""

_PRELOADABLE = {
    AGENT: ("enarx.keep.agent.process",),
    "tls": ("enarx.keep.net.tls", "enarx.pki.self_signed"),
}
