"""What an owner does on a keep's channel: prove the other end, then speak to the application.

``prove`` comes first.  Until the evidence that it returns was accepted, nothing may be sent to the
application and nothing that comes may be believed; ``attach`` refuses before.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from enarx.errors import MalformedError, RejectedError, UnavailableError
from enarx.protocol import channel
from enarx.protocol.channel import (
    CONTROL,
    EVIDENCE,
    MAX_BODY,
    STDERR,
    STDIN,
    STDIN_END,
    STDOUT,
    WINDOW,
    Splitter,
)
from enarx.protocol.claims import ChannelClaims, report_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.client.tls import ChannelTls
    from enarx.protocol.channel import Frame, Notice

_HERE = "channel"
_QUIET_ROUNDS = 3
"""Questions that the keep answers without output in between, after which none is waiting."""


class NoInputError(RejectedError):
    """The keep takes no input from here: it has ended, or another client sends it."""


class Pipe(Protocol):
    """Carries bytes to the keep and back, and may be cut at any time."""

    def send(self, data: bytes) -> None:
        """Send all of *data*.

        Raises:
            UnavailableError: the other end is gone.
        """
        ...

    def receive(self) -> bytes:
        """What comes next; empty when nothing will.

        Raises:
            UnavailableError: it broke off.
        """
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Session:
    """One connection to a keep.

    Args:
        pipe: from now on the session's.
        tls: a fresh one.
        channel_spki: the keep's key, DER.
    """

    def __init__(self, pipe: Pipe, tls: ChannelTls, channel_spki: bytes) -> None:
        self._pipe, self._tls, self._spki = pipe, tls, channel_spki
        self._splitter = Splitter()
        self._frames: deque[Frame] = deque()
        self._lock = threading.Lock()
        self._credit = threading.Condition()
        self._allowed = WINDOW
        self._last = 0
        self._proven = False
        self._over = False
        self._closed = False
        self._attaching = 0
        self._takes_input = False
        self.positions = {"stdout": 0, "stderr": 0}
        """How many bytes of each stream have been shown: where another session would go on."""

    def open(self) -> None:
        """Do the handshake; if it fails, the pipe is closed.

        Raises:
            UnauthenticError: the other end is not the keep of the offer.
            UnavailableError: the connection broke, or the keep wants another owner.
        """
        try:
            self._handshake()
        except BaseException:
            self._pipe.close()
            raise

    def prove(self, nonce: bytes, workload_digest: str) -> tuple[bytes, bytes]:
        """Ask for evidence over this connection; ``(evidence, report_data)``, not verified.

        The caller must authenticate and appraise the evidence with that report data, and then
        call ``accept``.

        Raises:
            UnavailableError: the connection broke.
            RejectedError: the keep refused.
            MalformedError: it sent something else.
        """
        exporter = self._tls.exporter()
        claims = ChannelClaims(nonce, self._spki, exporter, workload_digest)
        number = self._number()
        self._send(channel.attest(number, nonce))
        parts: list[bytes] = []
        while True:
            frame = self._next()
            if frame.kind == EVIDENCE:
                parts.append(frame.body)
                if sum(map(len, parts)) > channel.MAX_EVIDENCE_BYTES:
                    raise MalformedError(_HERE, "more evidence than there can be")
                continue
            notice = self._notice(frame)
            if notice.name == "evidence" and notice.id == number:
                evidence = b"".join(parts)
                if len(evidence) != notice.amount:
                    want = f"got {len(evidence)} bytes of evidence, want {notice.amount}"
                    raise MalformedError(_HERE, want)
                return evidence, report_data(claims.encode())
            if notice.name == "refused":
                raise RejectedError(f"the keep refuses to prove itself: {notice.text}")

    def accept(self) -> None:
        """Take the evidence of this connection for accepted; the caller has appraised it."""
        self._proven = True

    def attach(self, *, stdin: bool) -> None:
        """Go on with the output where this session's positions are, perhaps sending input.

        Raises:
            UnavailableError: the connection broke.
        """
        if not self._proven:
            raise TypeError("attach: the evidence of this connection was not accepted")
        number = self._number()
        self._attaching = number if stdin else 0
        where = self.positions
        self._send(
            channel.attach(number, stdin=stdin, stdout=where["stdout"], stderr=where["stderr"])
        )

    def run(self, show: Callable[[str, bytes], None], lost: Callable[[str, int], None]) -> object:
        """Pass output on until the application has ended; its outcome, as the keep wrote it.

        Args:
            show: takes a piece of "stdout" or "stderr".
            lost: is told how many bytes fell out of the keep's log.

        Raises:
            UnavailableError: the connection broke before the end.
            RejectedError: the keep refused.
            MalformedError: it sent something else.
        """
        try:
            while True:
                frame = self._next()
                if self._is_shown(frame, show):
                    continue
                notice = self._notice(frame)
                if notice.name == "exit":
                    return notice.outcome
                self._take(notice, lost)
        finally:
            with self._credit:
                self._over = True
                self._credit.notify_all()

    def drain(self, show: Callable[[str, bytes], None], lost: Callable[[str, int], None]) -> None:
        """Pass on the output that is there already, and return when no more comes.

        Raises: as ``run``.
        """
        quiet = 0
        while quiet < _QUIET_ROUNDS:
            number = self._number()
            self._send(channel.control(op="status", id=number))
            quiet += 1
            while True:
                frame = self._next()
                if self._is_shown(frame, show):
                    quiet = 0
                    continue
                notice = self._notice(frame)
                if notice.name == "status" and notice.id == number:
                    break
                if notice.name == "exit":
                    return
                self._take(notice, lost)

    def status(self) -> Notice:
        """The keep's state, workload and outcome."""
        number = self._number()
        self._send(channel.control(op="status", id=number))
        while True:
            notice = self._notice(self._next())
            if notice.name == "status" and notice.id == number:
                return notice

    def stop(self, grace_s: float) -> None:
        """Ask the application to end, and make it after *grace_s* seconds."""
        self._send(channel.control(op="stop", id=self._number(), grace_s=grace_s))

    def write(self, data: bytes) -> bool:
        """Send *data* to the application, as fast as it takes it; false when nobody reads.

        Waits until the keep has said that input comes from here.
        """
        view = memoryview(data)
        while view:
            with self._credit:
                self._credit.wait_for(lambda: self._may_send(1))
                if self._over:
                    return False
                size = min(len(view), self._allowed, MAX_BODY)
                self._allowed -= size
            self._send(channel.frame(STDIN, bytes(view[:size])))
            view = view[size:]
        return True

    def end_input(self) -> None:
        """Say that no more input comes."""
        with self._credit:
            self._credit.wait_for(lambda: self._may_send(0))
            if self._over:
                return
        self._send(channel.frame(STDIN_END))

    def _may_send(self, size: int) -> bool:
        """Whether to wait no longer: the keep takes input, and so much of it, or all is over."""
        return self._over or (self._takes_input and self._allowed >= size)

    def close(self) -> None:
        """Let go of the connection; the keep goes on.  Whoever still writes is told."""
        with self._credit:
            self._over = True
            self._credit.notify_all()
        try:
            with self._lock, suppress(UnavailableError):
                self._closed = True
                self._tls.close()
                if data := self._tls.take():
                    self._pipe.send(data)
        finally:
            self._pipe.close()

    def _handshake(self) -> None:
        while not self._tls.handshake():
            self._flush()
            data = self._pipe.receive()
            if not data:
                raise UnavailableError(_HERE, "closed during the handshake")
            self._tls.feed(data)
        self._flush()

    def _is_shown(self, frame: Frame, show: Callable[[str, bytes], None]) -> bool:
        """Whether *frame* was output, which is shown then, and granted anew."""
        if frame.kind not in (STDOUT, STDERR):
            return False
        name = "stdout" if frame.kind == STDOUT else "stderr"
        show(name, frame.body)
        self.positions[name] += len(frame.body)
        if frame.body:
            self._send(channel.control(op="credit", stream=name, bytes=len(frame.body)))
        return True

    def _take(self, notice: Notice, lost: Callable[[str, int], None]) -> None:
        if notice.name == "credit":
            with self._credit:
                self._allowed += notice.amount
                self._credit.notify_all()
        elif notice.name == "lost":
            self.positions[notice.stream] += notice.amount
            lost(notice.stream, notice.amount)
        elif notice.name == "ok" and notice.id == self._attaching:
            with self._credit:
                self._takes_input = True
                self._credit.notify_all()
        elif notice.name == "refused":
            kind = NoInputError if notice.id == self._attaching else RejectedError
            raise kind(f"the keep refuses: {notice.text}")

    def _notice(self, frame: Frame) -> Notice:
        if frame.kind != CONTROL:
            raise MalformedError(_HERE, f"got a frame of type {frame.kind} before it was asked for")
        return channel.decode_notice(frame.body)

    def _next(self) -> Frame:
        while not self._frames:
            with self._lock:
                data = self._tls.read()
            if data:
                self._frames.extend(self._splitter.feed(data))
                continue
            if self._tls.ended:
                raise UnavailableError(_HERE, "the keep closed the connection")
            received = self._pipe.receive()
            if not received:
                raise UnavailableError(_HERE, "the connection was cut; the keep may still run")
            with self._lock:
                self._tls.feed(received)
        return self._frames.popleft()

    def _send(self, data: bytes) -> None:
        with self._lock:
            if self._closed:
                raise UnavailableError(_HERE, "it was closed")
            self._tls.write(data)
            self._pipe.send(self._tls.take())

    def _flush(self) -> None:
        with self._lock:
            if data := self._tls.take():
                self._pipe.send(data)

    def _number(self) -> int:
        self._last += 1
        return self._last
