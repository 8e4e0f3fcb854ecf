"""One connection of the owner: the handshake, then the frames of ``protocol.channel``.

Nothing waits here without bound.  Output is taken from its log only as far as the client has
granted credit and the socket takes it; a client that does not read its answers is not read from;
one that sends more than it may, or nonsense, is cut off.
"""

from __future__ import annotations

import select
import time
from collections import deque

from enarx.errors import EnarxError, MalformedError
from enarx.protocol import channel
from enarx.protocol.channel import STREAMS, WINDOW, Splitter, control, decode_command, frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from enarx.keep.agent.loop import Loop
    from enarx.keep.agent.output import Output
    from enarx.keep.agent.tls import Wire
    from enarx.protocol.channel import Command, Frame

    class Workload(Protocol):
        """What the session's owner asks things of."""

        outputs: dict[str, Output]

        def evidence(
            self, nonce: bytes, exporter: bytes, done: Callable[[bytes | None], None]
        ) -> None:
            """Get evidence for one connection; *done* gets None where there is none."""

        def attached(self) -> None:
            """Somebody reads the output."""

        def take_input(self, session: Session) -> bool:
            """Make *session* the one who sends input; false if another one is."""

        def input(self, data: bytes) -> None:
            """Send *data* to the application."""

        def end_input(self) -> None:
            """Send the end of input."""

        def stop(self, grace_s: float) -> None:
            """End the application, first by the end of its input, then by force."""

        def status(self) -> dict[str, object]:
            """State, digest and outcome."""

        def exit(self) -> dict[str, object] | None:
            """The outcome, once there is one."""

        def read(self) -> None:
            """A reader has moved on: there may be room for more output."""

        def closed(self, session: Session) -> None:
            """The session is over."""


HANDSHAKE_S = 10.0
IDLE_S = 120.0
"""After so many seconds without a word, one that is not attached is cut off."""

_PIECE = 32 * 1024
_AT_A_TIME = 16  # records read, and frames sent, before others have their turn
_MOST_ANSWERS = 64
_GRANTED_AT_ONCE = WINDOW // 4


class Session:
    """One connection.

    Attributes:
        active_s: the monotonic instant of the client's last word.
        is_open: both sides have proven their keys.
        attached: it reads the output.
    """

    __slots__ = (
        "_answers", "_asking", "_credit", "_exit_said", "_grant", "_loop", "_more", "_positions",
        "_splitter", "_stdin_left", "_timer", "_wire", "_workload", "active_s", "attached",
        "is_open",
    )  # fmt: skip

    def __init__(self, loop: Loop, wire: Wire, workload: Workload) -> None:
        self._loop = loop
        self._wire = wire
        self._workload = workload
        self._splitter = Splitter()
        self._answers: deque[bytes] = deque()
        self._positions: dict[str, int] = {}
        self._credit = dict.fromkeys(STREAMS, WINDOW)
        self._stdin_left = -1  # of the credit for input; -1: not the one who sends it
        self._grant = 0  # credit for input that was not granted yet
        self._asking = False
        self._exit_said = False
        self._more = False  # others had their turn before all was sent
        self.attached = False
        self.is_open = False
        self.active_s = time.monotonic()
        self._timer = loop.later(HANDSHAKE_S, self.close)
        loop.watch(wire.fileno(), select.POLLIN, self._ready)

    def close(self) -> None:
        """Cut it off; what the application wrote stays for another connection."""
        if self._wire.fileno() < 0:
            return
        self._timer.cancel()
        self._loop.forget(self._wire.fileno())
        self._wire.close()
        for output in self._workload.outputs.values():
            output.held.pop(self, None)
        self._workload.closed(self)

    def pump(self) -> None:
        """Send what there is to say, as far as the socket takes it."""
        if not self.is_open or self._wire.fileno() < 0:
            return
        try:
            self._pump()
        except OSError:
            self.close()
        self._watch()

    def granted(self, size: int) -> None:
        """*size* bytes of input have reached the application."""
        if self._stdin_left < 0:
            return
        self._grant += size
        if self._grant >= _GRANTED_AT_ONCE or self._stdin_left == 0:
            amount, self._grant = min(self._grant, WINDOW), max(0, self._grant - WINDOW)
            self._stdin_left += amount
            self._say(control(credit=amount))

    def _ready(self, _events: int) -> None:
        try:
            if not self.is_open and not self._shake_hands():
                return
            if len(self._answers) < _MOST_ANSWERS:
                self._read()
            if self._wire.fileno() >= 0:
                self._pump()
        except (OSError, EnarxError):
            self.close()
        self._watch()

    def _shake_hands(self) -> bool:
        if not self._wire.handshake():
            self._loop.watch(self._wire.fileno(), self._wire.wants, self._ready)
            return False
        self.is_open = True
        self._timer.cancel()
        self._timer = self._loop.later(IDLE_S, self._check_idle)
        return True

    def _check_idle(self) -> None:
        left = self.active_s + IDLE_S - time.monotonic()
        if left <= 0 and not self.attached:
            self.close()
        else:
            self._timer = self._loop.later(max(left, 1.0), self._check_idle)

    def _watch(self) -> None:
        if self._wire.fileno() < 0 or not self.is_open:
            return
        reads = select.POLLIN if len(self._answers) < _MOST_ANSWERS else 0
        writes = select.POLLOUT if self._wire.sending or self._more else 0
        self._loop.watch(self._wire.fileno(), reads | writes, self._ready)

    def _read(self) -> None:
        """Take what has arrived.

        Raises:
            OSError: the connection is broken.
            EnarxError: the client broke the protocol.
        """
        for _ in range(_AT_A_TIME):
            data = self._wire.receive()
            if data is None:
                return
            if not data:
                self.close()
                return
            self.active_s = time.monotonic()
            for one in self._splitter.feed(data):
                self._take(one)
                if self._wire.fileno() < 0:
                    return

    def _take(self, one: Frame) -> None:
        if one.kind == channel.CONTROL:
            command = decode_command(one.body)
            _COMMANDS[command.op](self, command)
            return
        if one.kind not in (channel.STDIN, channel.STDIN_END) or self._stdin_left < len(one.body):
            raise MalformedError("channel", "input that was not granted, or a frame of the keep's")
        if one.kind == channel.STDIN:
            self._stdin_left -= len(one.body)
            self._workload.input(one.body)
        else:
            self._stdin_left = -1
            self._workload.end_input()

    def _attest(self, command: Command) -> None:
        """Ask for evidence; the answer is the frames of it, in the order of other answers."""
        if self._asking:
            self._refuse(command, "one at a time")
            return
        self._asking = True

        def done(evidence: bytes | None) -> None:
            self._asking = False
            if evidence is None:
                self._refuse(command, "no evidence was given")
                return
            for start in range(0, len(evidence), channel.MAX_BODY):
                part = evidence[start : start + channel.MAX_BODY]
                self._answers.append(frame(channel.EVIDENCE, part))
            self._say(control(evidence=command.id, size=len(evidence)))

        exporter = self._wire.exporter(channel.EXPORTER_LABEL, 32)
        self._workload.evidence(command.nonce, exporter, done)

    def _attach(self, command: Command) -> None:
        if command.stdin and self._stdin_left < 0:
            if not self._workload.take_input(self):
                self._refuse(command, "another client sends the input, or it has ended")
                return
            self._stdin_left = WINDOW
        for name, position in command.positions.items():
            output = self._workload.outputs[name]
            self._positions[name] = min(position, output.end)
            output.held[self] = max(self._positions[name], output.start)
        self.attached = True
        self._workload.attached()
        self._say(control(ok=command.id))

    def _add_credit(self, command: Command) -> None:
        self._credit[command.stream] = min(
            self._credit[command.stream] + command.amount, 2 * WINDOW
        )

    def _stop(self, command: Command) -> None:
        self._workload.stop(command.grace_s)
        self._say(control(ok=command.id))

    def _status(self, command: Command) -> None:
        self._say(control(status=command.id, **self._workload.status()))

    def _refuse(self, command: Command, text: str) -> None:
        self._say(control(refused=command.id, text=text))

    def _say(self, data: bytes) -> None:
        self._answers.append(data)
        if self.is_open and self._wire.fileno() >= 0:
            self._loop.watch(self._wire.fileno(), select.POLLIN | select.POLLOUT, self._ready)

    def _pump(self) -> None:
        self._more = False
        for _ in range(_AT_A_TIME):
            if not self._wire.flush():
                return
            data = self._next()
            if not data or not self._wire.send(data):
                return
        self._more = True

    def _next(self) -> bytes:
        """The next frame to send: answers first, then output, in the end how it ended."""
        if self._answers:
            return self._answers.popleft()
        if not self.attached:
            return b""
        for name, kind in (("stdout", channel.STDOUT), ("stderr", channel.STDERR)):
            data = self._output(name, kind)
            if data:
                return data
        outcome = None if self._exit_said else self._workload.exit()
        if outcome is None or not self._has_all():
            return b""
        self._exit_said = True
        return control(exit=outcome)

    def _output(self, name: str, kind: int) -> bytes:
        """The next frame of one stream, empty if there is none or the client grants none."""
        output = self._workload.outputs[name]
        position = self._positions[name]
        if position < output.start:
            self._positions[name] = output.start
            return control(lost=name, bytes=output.start - position)
        _, data = output.read(position, min(_PIECE, self._credit[name]))
        if not data:
            return b""
        self._credit[name] -= len(data)
        self._positions[name] += len(data)
        if self in output.held:  # else it was too slow for too long: the application waits no more
            output.held[self] = self._positions[name]
        self._workload.read()
        return frame(kind, data)

    def _has_all(self) -> bool:
        outputs = self._workload.outputs
        return all(
            outputs[name].ended and at == outputs[name].end for name, at in self._positions.items()
        )


_COMMANDS: dict[str, Callable[[Session, Command], None]] = {
    "attach": Session._attach,  # noqa: SLF001 - the class's own table
    "attest": Session._attest,  # noqa: SLF001
    "credit": Session._add_credit,  # noqa: SLF001
    "status": Session._status,  # noqa: SLF001
    "stop": Session._stop,  # noqa: SLF001
}
