"""The keep's end of its link: the launch, requests to the host, events.

The host is not trusted: every reply is checked against the request it answers, and what does not
fit ends the keep (``MalformedError``) instead of being guessed at.  A host that is gone ends it
too: ``LinkLostError`` is not an ``OSError``, so no system call of the application can swallow it.

Start-up code calls ``cached``, ``listen``, ``connect``..., which wait.  The running application's
calls use ``submit`` and ``pump`` with ``fileno()`` in their poll, which do not.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat

from enarx import frames
from enarx.errors import MalformedError
from enarx.keep.net.wait import wait as wait_for
from enarx.protocol.launch import decode_launch, decode_spilled
from enarx.protocol.link import (
    MAX_OUTSTANDING,
    MAX_TEXT,
    Answer,
    Request,
    check_answer,
    decode_reply,
    encode_event,
    encode_request,
)
from enarx.protocol.outcome import legible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enarx.protocol.launch import Launch
    from enarx.protocol.link import Reply

CONNECT_TIMEOUT_S = 30.0
"""How long an application waits for a peer that says nothing."""

EXIT_STATUS = 75
"""Exit status of a keep that lost its host (EX_TEMPFAIL of sysexits.h)."""

_BRINGS_FILE = frozenset(("cached", "prove", "vouch"))


class LinkLostError(Exception):
    """The host closed the link; the keep must end with ``EXIT_STATUS``."""


class Pending:
    """One request whose reply may not be here yet."""

    __slots__ = ("_abandoned", "_answer", "_error", "_fd", "done", "op")

    def __init__(self, op: str) -> None:
        self.op = op
        self.done = False
        self._abandoned = False
        self._answer: Answer | None = None
        self._error: OSError | None = None
        self._fd = -1

    def result(self) -> tuple[Answer | None, int]:
        """Return the answer and its descriptor (-1 if none), which the caller then owns.

        Raises:
            OSError: the host refused, or the world did; with its errno and a text.
            BlockingIOError: the reply is not here yet.
        """
        if not self.done:
            raise BlockingIOError
        if self._error is not None:
            raise self._error
        return self._answer, self._fd

    def complete(self, reply: Reply, fds: Sequence[int]) -> None:
        """Take the reply.

        Raises:
            MalformedError: it does not answer this request; the caller still owns *fds*.
        """
        if reply.errno:
            if fds:
                raise MalformedError(f"reply of the host to {self.op}", "a refusal has descriptors")
            self._error = OSError(reply.errno, reply.text)
        else:
            self._answer = check_answer(self.op, reply.ok, len(fds))
            if fds:
                _check_descriptor(self.op, fds[0])
                self._fd = fds[0]
                if self._abandoned:
                    os.close(self._fd)
        self.done = True

    def abandon(self) -> None:
        """Nobody will ask for the result: what comes is closed."""
        self._abandoned = True


class Link:
    """The keep's end of the link; takes ownership of descriptor *fd*."""

    __slots__ = ("_next", "_pending", "_sock")

    def __init__(self, fd: int) -> None:
        self._sock = socket.socket(fileno=fd)
        self._pending: dict[int, Pending] = {}
        self._next = 1

    def fileno(self) -> int:
        """The descriptor to poll for reading while requests are pending."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the link."""
        self._sock.close()

    def launch(self) -> Launch:
        """Wait for the launch message; its descriptors belong to the caller.

        Raises:
            MalformedError: it has a wrong shape.
            LinkLostError: the host went away first.
        """
        data, fds = self._receive(wait=True, descriptors=None)
        try:
            spilled = decode_spilled(data, fds)
            if spilled is None:
                return decode_launch(data, fds)
            file, size = spilled
            data = _read_exactly(file, size)
            os.close(fds.pop())
            return decode_launch(data, fds)
        except MalformedError:
            frames.close(fds)
            raise

    def event(self, name: str, **fields: object) -> None:
        """Tell the host something; waits while the link is full.

        Raises:
            LinkLostError: the host is gone.
        """
        self._send(encode_event(name, fields))

    def log(self, level: str, target: str, text: str) -> None:
        """Tell the host's log something; dropped where the link is full.

        *text* may hold what a peer sent, but nothing secret.
        """
        line: dict[str, object] = {"level": level, "target": target}
        line["text"] = legible(text, MAX_TEXT)
        try:
            frames.send(self._sock, encode_event("log", line), wait=False)
        except OSError:
            return  # full, or gone: who needs the link learns the latter

    def cached(self, key: str) -> tuple[str, int] | None:
        """Ask for the ahead-of-time file of *key*: (its claimed sha256, descriptor), or None.

        *key* begins with the sha256 of the module it was compiled from, in hexadecimal, then a
        hyphen: the host keeps a keep from filing code under another module's name.  The caller
        must check the sha256 over the bytes it loads.
        """
        answer, fd = self._call(Request("cached", key=key))
        return None if answer is None else (answer.sha256, fd)

    def store(self, key: str, sha256: str, size: int, fd: int) -> None:
        """Offer the host a file for ``cached`` and do not wait; *fd* stays the caller's."""
        self.submit(Request("store", key=key, sha256=sha256, size=size), (fd,))

    def listen(self, name: str, host: str, port: int) -> tuple[int, int]:
        """Ask the host to listen: (accept channel, port).

        Raises:
            OSError: the port is in use, forbidden, the address is not this machine's...
        """
        answer, fd = self._call(Request("listen", name=name, host=host, port=port))
        return fd, answer.port if answer else 0

    def connect(
        self, host: str, port: int, timeout_s: float, *, deadline: float | None = None
    ) -> tuple[int, tuple[str, int]]:
        """Ask the host for a connection: (socket in blocking mode, numeric peer).

        The host is asked to give up after *timeout_s*; what it does, *deadline*, an instant of
        `time.monotonic`, ends.
        """
        request = Request("connect", host=host, port=port, timeout_s=timeout_s)
        answer, fd = self._call(request, deadline)
        return fd, answer.peer if answer else ("", 0)

    def resolve(self, host: str) -> tuple[str, ...]:
        """Ask the host for the addresses of a name; a hint, not a fact."""
        answer, _ = self._call(Request("resolve", host=host))
        return answer.addresses if answer else ()

    def prove(self, spki: bytes, nonce: bytes, *, deadline: float | None = None) -> bytes:
        """Ask for evidence that the key *spki* is this keep's; not verified here.

        Raises:
            OSError: there is none, or not before *deadline*, an instant of `time.monotonic`.
        """
        return self._evidence(Request("prove", spki=spki, nonce=nonce), deadline)

    def vouch(
        self,
        nonce: bytes,
        spki: bytes,
        suites: Mapping[str, bytes],
        names: tuple[str, ...],
        *,
        deadline: float,
    ) -> bytes:
        """Ask for evidence bound to secrets claims with these values; not verified here.

        Args:
            spki: the key that signs the receipt.
            suites: public one-time keys by mechanism, the preferred one first.
            names: of the secrets.

        Raises:
            OSError: there is none, or not before *deadline*, an instant of `time.monotonic`.
        """
        request = Request("vouch", nonce=nonce, spki=spki, suites=suites, names=names)
        return self._evidence(request, deadline)

    def _evidence(self, request: Request, deadline: float | None) -> bytes:
        answer, fd = self._call(request, deadline)
        try:
            return _read_exactly(fd, answer.size if answer else 0, "evidence")
        finally:
            os.close(fd)

    def submit(self, request: Request, fds: Sequence[int] = ()) -> Pending:
        """Send a request and return at once; ``pump`` completes what it returns.

        Raises:
            OSError: EAGAIN, too many requests are pending.
            LinkLostError: the host is gone.
        """
        if len(self._pending) >= MAX_OUTSTANDING:
            raise BlockingIOError
        request.id = self._next
        self._next += 1
        pending = Pending(request.op)
        self._pending[request.id] = pending
        self._send(encode_request(request), fds)
        return pending

    def pump(self, *, wait: bool = False) -> None:
        """Take every reply that is here; with *wait*, wait for one first.

        Raises:
            MalformedError: the host sent something that answers nothing.
            LinkLostError: the host is gone.
        """
        while True:
            try:
                data, fds = self._receive(wait=wait, descriptors=1)
            except BlockingIOError:
                return
            wait = False
            try:
                reply = decode_reply(data)
                self._answered(reply).complete(reply, fds)
            except MalformedError:
                frames.close(fds)
                raise

    def _answered(self, reply: Reply) -> Pending:
        """Find the request that *reply* answers."""
        try:
            return self._pending.pop(reply.id)
        except KeyError:
            raise MalformedError("reply of the host", f"answers no request {reply.id}") from None

    def _call(self, request: Request, deadline: float | None = None) -> tuple[Answer | None, int]:
        """Send a request and wait for its reply, completing others that come first."""
        pending = self.submit(request)
        while not pending.done:
            if deadline is not None and not wait_for(self.fileno(), select.POLLIN, deadline):
                pending.abandon()
                raise TimeoutError(errno.ETIMEDOUT, "the host did not answer in time")
            self.pump(wait=deadline is None)
        return pending.result()

    def _send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        try:
            frames.send(self._sock, data, fds)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise LinkLostError from error
        except BlockingIOError:  # the host made the shared socket non-blocking
            poll = select.poll()
            poll.register(self._sock, select.POLLOUT)
            poll.poll()
            self._send(data, fds)

    def _receive(self, *, wait: bool, descriptors: int | None) -> tuple[bytes, list[int]]:
        if descriptors is None:
            data, fds = frames.receive(self._sock, wait=wait)
        else:
            data, fds = frames.receive(self._sock, wait=wait, descriptors=descriptors)
        if not data:
            frames.close(fds)
            raise LinkLostError
        return data, fds


def _check_descriptor(op: str, fd: int) -> None:
    """A reply's descriptor must be what was asked for: a regular file or a socket."""
    mode = os.fstat(fd).st_mode
    wanted = stat.S_ISREG(mode) if op in _BRINGS_FILE else stat.S_ISSOCK(mode)
    if not wanted:
        raise MalformedError(f"reply of the host to {op}", "brings the wrong kind of descriptor")


def _read_exactly(fd: int, size: int, where: str = "launch message") -> bytes:
    """Read a file, which may be shorter than it was announced."""
    parts = []
    offset = 0
    while offset < size:
        part = os.pread(fd, size - offset, offset)
        if not part:
            raise MalformedError(where, f"got {offset} bytes in its file, want {size}")
        parts.append(part)
        offset += len(part)
    return b"".join(parts)
