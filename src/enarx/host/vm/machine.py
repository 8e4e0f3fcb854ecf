"""The process of one machine: it starts QEMU, carries the guest's link, and tells how all ended.

    keeper ── machine ─┬─ QEMU      the guest; its monitor is ours
                       └─ carrier   the port's bytes to the links of the keep, and back

Each dies with the process above it, whatever kills that: the keeper's end closes the control
socket, the machine's kills its children.  Nothing is left behind, since nothing has a name: files
are in memory, sockets are pairs.

Descriptor 3 is the control socket (``order``).
"""

from __future__ import annotations

import os
import select
import signal
import socket
from contextlib import suppress

from enarx import frames
from enarx.errors import EnarxError
from enarx.host.reactor import Reactor
from enarx.host.vm import sealed
from enarx.host.vm.child import die_with_parent, execute, fork, keep_only
from enarx.host.vm.command import PORT_ID, Ends, Files, argv
from enarx.host.vm.ends import STATUSES, Course, End
from enarx.host.vm.monitor import Monitor
from enarx.host.vm.order import LINKS, MAX_FILES, decode_order, encode_booted, encode_end
from enarx.host.vm.qmp import Answer
from enarx.host.vm.tail import MAX_LINE, Tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from enarx.host.vm.child import Child
    from enarx.host.vm.order import Order
    from enarx.host.vm.qmp import Event

    Carry: TypeAlias = Callable[[int, Sequence[int]], tuple[str, str]]
    """Carries the links' frames over the guest's port; says how that ended, as ``carrier`` does."""

CONTROL = 3

_LAST_WORDS_S = 2.0
"""For the carrier to hand over what the guest said last."""
_PATIENCE_S = {"finished": 10.0, "lost": 1.0}
"""Between the end of the link and that of QEMU: its guest powers off, or it is the cause."""
_READ_BYTES = 1 << 16
_AT_A_TIME = 16


def main(parent: int, carry: Carry) -> None:
    """Be the process of one machine, which *parent* started; never returns."""
    os.set_inheritable(CONTROL, False)  # noqa: FBT003 - takes it by position only
    with suppress(PermissionError):  # the leader of a session already
        os.setsid()
    die_with_parent(parent)
    control = socket.socket(fileno=CONTROL)
    data, fds = frames.receive(control, descriptors=LINKS + MAX_FILES)
    if not data:
        os._exit(STATUSES["ordered"])
    try:
        machine = Machine(control, decode_order(data, len(fds)), fds, carry)
        end = machine.run()
    except EnarxError as error:
        end = End(kind="not-started", reason=str(error))
    with suppress(OSError):  # the host is gone
        frames.send(control, encode_end(end))
    os._exit(STATUSES[end.kind])


class Machine:
    """One machine from its start to its end; the descriptors are its own from here on."""

    def __init__(
        self, control: socket.socket, order: Order, fds: Sequence[int], carry: Carry
    ) -> None:
        self._control = control
        self._order = order
        self._links, self._files = tuple(fds[:LINKS]), tuple(fds[LINKS:])
        self._reactor = Reactor()
        self._course = Course()
        self._complaints = Tail(unless=" warning: ")
        self._console = Tail()
        self._start(carry)

    def run(self) -> End:
        """Supervise it to its end, and return how it was."""
        while self._qemu is not None:
            self._reactor.once()
        self._reactor.later(_LAST_WORDS_S, self._cut_carrier)
        while self._carrier is not None:
            self._reactor.once()
        self._reactor.close()
        return self._end

    # ── start ─────────────────────────────────────────────────────────────────────────────────

    def _start(self, carry: Carry) -> None:
        for fd in self._files:
            sealed.check(fd)
        link, guests = socket.socketpair()
        qmp, qemus = socket.socketpair()
        self._stderr, complaints = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._serial, console = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(complaints, True)
        ends = Ends(
            link=guests.fileno(),
            qmp=qemus.fileno(),
            console=console if self._order.console else -1,
        )
        self._words, words = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._carrier: Child | None = fork(lambda: self._carry(carry, link, words), what="carrier")
        self._qemu: Child | None = fork(lambda: self._execute(ends, complaints), what="QEMU")
        for sock in (link, guests, qemus):
            sock.close()
        frames.close((*self._links, *self._files, complaints, console, words))
        self._monitor = Monitor(self._reactor, qmp, said=self._said, broken=self._broke)
        self._monitor.command("cont")
        self._watch()

    def _carry(self, carry: Carry, link: socket.socket, words: int) -> int:
        """In the carrier: it has its links and nothing else, but for its last words."""
        keep_only((link.fileno(), words, *self._links))
        kind, text = carry(link.detach(), self._links)
        os.write(words, f"{kind}\n{text[:MAX_LINE]}\n".encode("utf-8", "replace"))
        return 0

    def _execute(self, ends: Ends, complaints: int) -> int:
        """In QEMU's process."""
        firmware, kernel, initrd = (*map(sealed.path, self._files), "", "")[:MAX_FILES]
        files = Files(firmware=firmware, kernel=kernel, initrd=initrd)
        inherit = [
            ends.link,
            ends.qmp,
            *self._files,
            *([ends.console] if ends.console >= 0 else []),
        ]
        line = argv(self._order.qemu, self._order.vm, files, ends)
        return execute(line, inherit=inherit, stderr=complaints)

    def _watch(self) -> None:
        assert self._qemu is not None  # noqa: S101 - just started
        assert self._carrier is not None  # noqa: S101
        reactor = self._reactor
        reactor.watch(self._qemu.fileno(), select.POLLIN, lambda _: self._qemu_ended())
        reactor.watch(self._carrier.fileno(), select.POLLIN, lambda _: self._carrier_ended())
        reactor.watch(self._control.fileno(), select.POLLIN, lambda _: self._host_spoke())
        reactor.watch(self._stderr, select.POLLIN, lambda _: self._listen(self._stderr))
        reactor.watch(self._serial, select.POLLIN, lambda _: self._listen(self._serial))
        reactor.later(self._order.boot_timeout_s, self._boot_is_due)
        signal.signal(signal.SIGTERM, lambda *_: reactor.post(self._ordered))

    # ── what happens ──────────────────────────────────────────────────────────────────────────

    def _said(self, said: Event | Answer) -> None:
        """QEMU's monitor said something."""
        course = self._course
        if isinstance(said, Answer):
            if said.command == "cont":
                course.ran(said.problem)
            course.status(said.status)
        else:
            before = course.booted
            course.event(said, PORT_ID)
            if course.booted and not before:
                with suppress(OSError):  # the host is gone
                    frames.send(self._control, encode_booted(), wait=False)
            if said.name == "STOP":
                self._monitor.command("query-status")
        if course.decided:
            self._kill()

    def _broke(self, problem: str) -> None:
        self._course.end("failed", problem)
        self._kill()

    def _ordered(self) -> None:
        self._decide("ordered", "the host ended it")

    def _host_spoke(self) -> None:
        """The host has no more to say than that it is gone."""
        self._reactor.forget(self._control.fileno())
        self._decide("ordered", "its host is gone")

    def _boot_is_due(self) -> None:
        if not self._course.booted:
            limit = self._order.boot_timeout_s
            self._decide("boot-timeout", f"the guest opened no port within {limit:g} s")

    def _decide(self, kind: str, reason: str) -> None:
        """It ends for a reason of ours, unless QEMU has told another before."""
        self._monitor.drain()
        self._course.end(kind, reason)
        self._kill()

    def _kill(self) -> None:
        """End QEMU: it has no disk to flush, and what the guest said is in the link's socket."""
        if self._qemu is not None:
            self._qemu.kill()

    def _cut_carrier(self) -> None:
        if self._carrier is not None:
            self._carrier.kill()

    def _qemu_ended(self) -> None:
        assert self._qemu is not None  # noqa: S101 - it is watched
        self._monitor.drain()
        for fd in (self._stderr, self._serial):
            self._listen(fd)
        self._complaints.close()
        self._console.close()
        self._course.complained(self._complaints.first)
        self._reactor.forget(self._qemu.fileno())
        self._end = self._with_console(self._course.ended(self._qemu.wait()))
        self._qemu = None
        self._monitor.close()

    def _with_console(self, end: End) -> End:
        if not self._console.last or end.kind == "powered-off":
            return end
        return End(kind=end.kind, reason=f"{end.reason}; its console: {self._console.last}")

    def _carrier_ended(self) -> None:
        """QEMU's end is its first reason to end, and may be seen later."""
        assert self._carrier is not None  # noqa: S101 - it is watched
        self._reactor.forget(self._carrier.fileno())
        status, self._carrier = self._carrier.wait(), None
        said = Tail()
        with suppress(BlockingIOError):  # it was killed
            said.feed(os.read(self._words, _READ_BYTES))
        os.close(self._words)
        kind, reason = said.first, f"its link: {said.last}"
        if kind in _PATIENCE_S:
            self._reactor.later(_PATIENCE_S[kind], lambda: self._decide("link-broken", reason))
        elif kind == "violation":
            self._decide("link-broken", reason)
        else:
            self._decide("failed", reason if kind else f"its carrier ended (status {status:#x})")

    def _listen(self, fd: int) -> None:
        """Take what was written to one of the pipes."""
        tail = self._complaints if fd == self._stderr else self._console
        for _ in range(_AT_A_TIME):
            try:
                data = os.read(fd, _READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                self._reactor.forget(fd)
                return
            tail.feed(data)
