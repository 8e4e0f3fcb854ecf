"""The agent of one keep: its states, and what the host may ask in which of them.

The order of ``protocol.states`` is the whole of it: offer as often as the host likes, open one
envelope, run, end.  A failed provision is an end: the one-time keys are gone then, and with them
everything that an envelope could be opened with.
"""

from __future__ import annotations

import os
import time

from enarx.errors import EnarxError, MalformedError
from enarx.keep.agent.host_link import HostLink, read_file
from enarx.keep.agent.keys import Keys, UnsuitableError
from enarx.keep.agent.launching import launch
from enarx.keep.agent.quoter_link import QuoterLink
from enarx.keep.agent.rehearsal import rehearse
from enarx.keep.agent.relay import Relay
from enarx.keep.agent.tls import Wire, channel_context
from enarx.keep.agent.workload import Workload
from enarx.protocol import outcome, states
from enarx.protocol.claims import ChannelClaims, IdentityClaims, SecretsClaims, report_data
from enarx.protocol.states import ENDS, OutOfOrderError
from enarx.seal.offer import Offer
from enarx.seal.suite import CannotOpenError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from OpenSSL import SSL

    from enarx.keep.agent.keys import Opened
    from enarx.keep.agent.loop import Loop
    from enarx.keep.agent.runtime import Runtime
    from enarx.protocol.agent_link import Request
    from enarx.protocol.link import Event
    from enarx.protocol.link import Request as Asked
    from enarx.protocol.outcome import Outcome
    from enarx.protocol.states import State

HOST_LOST = 75
"""Exit status of a keep whose host went away before its end (EX_TEMPFAIL of sysexits.h)."""

FORGET_S = 600.0
"""How long a keep stays that failed before it knew its owner's wish."""

SKEW_S = 300
"""By how much a host's clock may be behind its owner's."""

_REHEARSE_S = 0.005

_MAX_CERTIFIED = 64 * 1024  # OpenSSL takes certificates of 100 KiB
_UNSUITABLE = "what was sealed is not a package with an owner's key and known options"
_SHOWN = frozenset(("error", "warn"))


class HostClockError(Exception):
    """The host's clock is so many seconds behind its owner's."""

    def __init__(self, behind_s: float) -> None:
        super().__init__(f"the host's clock is {behind_s:.0f} s behind the owner's")


class Agent:
    """One keep between its fork and its end.

    Args:
        quoter: the link to whoever gives evidence; without it, that is the host.
    """

    def __init__(
        self,
        loop: Loop,
        link: socket.socket,
        runtime: Runtime,
        broker: socket.socket,
        *,
        quoter: socket.socket | None = None,
    ) -> None:
        self._loop = loop
        self._host = HostLink(loop, link, self)
        self._quoter: HostLink | QuoterLink = self._host
        if quoter is not None:
            self._quoter = QuoterLink(loop, quoter)
        self._runtime = runtime
        self._relay = Relay(
            loop,
            runtime.link,
            broker,
            event=self._runtime_says,
            gone=self._runtime_gone,
            prove=self._prove,
        )
        self._state: State = "booting"
        self._digest = ""
        self._offer: Offer | None = None
        self._keys: Keys
        self._workload: Workload | None = None
        self._context: SSL.Context
        self._owner_spki = b""
        self._keep_s = FORGET_S
        self._reported: Outcome | None = None
        self._wall_time_s: float | None = None
        self._status = 0

    def start(self) -> None:
        """Make the keys and begin to listen; the sandbox is closed."""
        self._keys = Keys()
        self._host.start()
        if self._quoter is not self._host:
            self._quoter.start()
        self._loop.later(_REHEARSE_S, self._rehearse)

    def _rehearse(self) -> None:
        """Use the time, if nobody has asked for anything."""
        if self._state == "booting":
            rehearse(time.time())

    def close(self) -> int:
        """Erase what can be erased, end the runtime, and return the exit status."""
        self._keys.erase()
        if self._workload is not None:
            self._workload.close()
        self._relay.close()
        self._runtime.end()
        self._quoter.close()
        self._host.close()
        return self._status

    def request(self, request: Request, fd: int) -> None:
        """Answer the host."""
        try:
            _SERVICES[request.op](self, request, fd)
        except OutOfOrderError as error:
            self._host.refuse(request, "out-of-order", error.message)
        except MalformedError as error:
            self._host.refuse(request, "malformed", error.message)

    def host_lost(self) -> None:
        """Nobody will ever ask again."""
        self._host.close()
        self._status = 0 if self._state in ENDS else HOST_LOST
        self._loop.stop()

    def evidence(self, nonce: bytes, exporter: bytes, done: Callable[[bytes | None], None]) -> None:
        """Evidence for one connection of the channel."""
        claims = ChannelClaims(nonce, self._keys.channel_spki, exporter, self._digest).encode()
        self._quoter.quote(report_data(claims), done)

    def _prove(self, asked: Asked, done: Callable[[bytes | None], None]) -> None:
        """Evidence for keys of the runtime's, which never says what it is bound to beside them."""
        if asked.op == "vouch":
            claims = SecretsClaims(
                asked.nonce,
                asked.suites,
                asked.spki,
                workload_digest=self._digest,
                names=asked.names,
            ).encode()
        else:
            claims = IdentityClaims(asked.nonce, asked.spki, self._digest).encode()
        self._quoter.quote(report_data(claims), done)

    def _make_offer(self, request: Request, _fd: int) -> None:
        states.move(self._state, "offer")
        claims = self._keys.claims(request.nonce)

        def quoted(evidence: bytes | None) -> None:
            if evidence is None:
                self._host.refuse(request, "unavailable", "no evidence was given")
                return
            try:
                self._move("offer")  # an envelope may have come meanwhile
            except OutOfOrderError as error:
                self._host.refuse(request, "out-of-order", error.message)
                return
            self._offer = Offer(claims, evidence)
            self._host.answer(request, self._offer.encode())

        self._quoter.quote(report_data(claims), quoted)

    def _provision(self, request: Request, fd: int) -> None:
        states.move(self._state, "provision")
        if self._offer is None:
            raise TypeError("offering without an offer")
        try:
            opened = self._keys.open(read_file(fd, request.size), self._offer)
            self._launch(opened, self._offer.evidence)
        except CannotOpenError as error:
            self._host.refuse(request, "cannot-open", error.message)
        except MalformedError as error:
            self._host.refuse(request, "malformed", error.message)
        except UnsuitableError:
            self._host.refuse(request, "malformed", _UNSUITABLE)
        except HostClockError as error:
            self._host.refuse(request, "unavailable", str(error))
        except OSError as error:
            text = f"the keep is out of resources: {os.strerror(error.errno or 0).lower()}"
            self._host.refuse(request, "unavailable", text)
        else:
            self._move("provision")
            self._host.answer(request, opened.receipt)
            return
        self._fail()

    def _launch(self, opened: Opened, evidence: bytes) -> None:
        """Let the application begin, and its owner in.

        Raises:
            HostClockError: the host's clock is behind what the owner's said.
            OSError: there is not enough memory, or the runtime is gone.
        """
        now_s = time.time()
        if now_s < opened.options.not_before_s - SKEW_S:
            raise HostClockError(opened.options.not_before_s - now_s)
        content = opened.content
        self._owner_spki = content.owner_spki
        self._context = channel_context(
            self._keys.channel,
            evidence=evidence if len(evidence) <= _MAX_CERTIFIED else b"",
            owner_spki=content.owner_spki,
            now_s=now_s,
        )
        launch(
            self._runtime,
            opened.package,
            args=content.arguments,
            env=tuple(content.environment.items()),
            secrets=content.secrets,
            not_before_s=opened.options.not_before_s,
        )
        self._digest = opened.package.digest
        self._keep_s = opened.options.keep_s
        self._workload = Workload(
            self._loop,
            self._runtime,
            opened.options,
            evidence=self.evidence,
            state=lambda: (self._state, self._digest),
        )

    def _connect(self, request: Request, fd: int) -> None:
        if self._workload is None:
            text = f"no channel: the keep is {self._state}, and knows no owner"
            self._host.refuse(request, "out-of-order", text)
            return
        try:
            wire = Wire(os.dup(fd), self._context, self._owner_spki)
        except OSError as error:
            problem = f"not usable: {os.strerror(error.errno or 0).lower()}"
            raise MalformedError("socket of the host", problem) from error
        self._workload.admit(wire)
        self._host.answer(request)

    def _stop(self, request: Request, _fd: int) -> None:
        if self._workload is not None:
            self._workload.stop(request.grace_s)
        elif self._state not in ENDS:
            self._fail()
        self._host.answer(request)

    def _tell_status(self, request: Request, _fd: int) -> None:
        self._host.answer_status(request, self._state, self._digest)

    def _runtime_says(self, event: Event) -> None:
        """Take what the runtime tells its host: it is us."""
        if event.name == "running" and self._state == "provisioned":
            limit = event.fields.get("wall_time_s")
            self._wall_time_s = limit if isinstance(limit, float) else None
            self._move("run")
        elif event.name == "ended" and self._reported is None:
            try:
                self._reported = outcome.decode(event.fields["outcome"])
            except EnarxError as error:
                self._reported = outcome.failed(error)
        elif event.name == "log" and self._workload is not None and event.fields["level"] in _SHOWN:
            self._workload.log(str(event.fields["level"]), str(event.fields["text"]))

    def _runtime_gone(self, problem: str) -> None:
        """The application has ended; what is left is to say so, to whom it concerns."""
        if self._workload is None:  # before it was told anything
            if self._state not in ENDS:
                self._fail()
            return
        ended = self._workload.end(self._reported, problem, self._wall_time_s)
        self._move("exit" if ended.kind == "exit" and self._state == "running" else "fail")
        self._loop.later(self._keep_s, self._loop.stop)

    def _fail(self) -> None:
        """There will be no workload: nothing is left that could be used."""
        self._keys.erase()
        self._runtime.end()
        self._move("fail")
        self._loop.later(self._keep_s, self._loop.stop)

    def _move(self, event: states.Event) -> None:
        before = self._state
        self._state = states.move(before, event)
        if self._state != before:
            self._host.event(self._state, self._digest)


_SERVICES: dict[str, Callable[[Agent, Request, int], None]] = {
    "channel": Agent._connect,  # noqa: SLF001 - the class's own table
    "envelope": Agent._provision,  # noqa: SLF001
    "offer": Agent._make_offer,  # noqa: SLF001
    "status": Agent._tell_status,  # noqa: SLF001
    "stop": Agent._stop,  # noqa: SLF001
}
