"""The application from outside: its streams, its end, and the owner's connections to it.

Which connections there are is the host's to say; who they are is proven by TLS.  Their number is
bounded: a new one takes the place of the one that has been silent longest.
"""

from __future__ import annotations

import os
import select
from functools import partial

from enarx.errors import UnavailableError
from enarx.keep.agent.input import WINDOW, Input
from enarx.keep.agent.output import Output
from enarx.keep.agent.session import Session
from enarx.protocol import outcome
from enarx.protocol.channel import STREAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.keep.agent.loop import Loop, Timer
    from enarx.keep.agent.options import Options
    from enarx.keep.agent.runtime import Runtime
    from enarx.keep.agent.tls import Wire
    from enarx.protocol.outcome import Outcome

    Evidence: TypeAlias = Callable[[bytes, bytes, Callable[[bytes | None], None]], None]
    State: TypeAlias = Callable[[], tuple[str, str]]

MOST_SESSIONS = 16
STALL_S = 300.0
"""How long the application waits for a reader that must miss nothing."""

_FIRST = "the first reader"
_MOST_INPUT = 4 * WINDOW
_READ = 64 * 1024


class Workload:
    """The application, once it was launched.

    Args:
        evidence: asks for evidence over (nonce, exporter).
        state: the keep's state, and the workload's digest.

    Attributes:
        outputs: the log of each output stream.
        outcome: how it ended, once it has.
    """

    def __init__(
        self,
        loop: Loop,
        runtime: Runtime,
        options: Options,
        *,
        evidence: Evidence,
        state: State,
    ) -> None:
        self._loop = loop
        self._runtime = runtime
        self._state = state
        self.evidence = evidence
        self.outcome: Outcome | None = None
        self.sessions: list[Session] = []
        self._sender: Session | None = None
        self._input = Input(loop, runtime.stdin, self._input_moved)
        self._stalled: Timer | None = None
        self._stopped = False
        self.outputs = {name: Output(options.logs_bytes) for name in STREAMS}
        self._pipes = {"stdout": runtime.stdout, "stderr": runtime.stderr}
        if not options.detached:
            for output in self.outputs.values():
                output.held[_FIRST] = 0
        if not options.stdin:
            self._input.end()
        self.read()

    def admit(self, wire: Wire) -> None:
        """Serve one more connection."""
        while len(self.sessions) >= MOST_SESSIONS:
            min(self.sessions, key=lambda one: one.active_s).close()
        self.sessions.append(Session(self._loop, wire, self))

    def closed(self, session: Session) -> None:
        """A connection is over."""
        if session in self.sessions:
            self.sessions.remove(session)
        if self._sender is session:
            self._sender = None
        self.read()

    def attached(self) -> None:
        """Somebody reads: what waited for the first reader waits for that one."""
        for output in self.outputs.values():
            output.held.pop(_FIRST, None)
        self.read()

    def take_input(self, session: Session) -> bool:
        """Make *session* the one who sends input; false if it cannot be."""
        if self._sender is not None or self._input.ended or self._input.waiting > _MOST_INPUT:
            return False
        self._sender = session
        return True

    def input(self, data: bytes) -> None:
        """Send *data* to the application."""
        self._input.write(data)

    def end_input(self) -> None:
        """Send the end of input."""
        self._sender = None
        self._input.end()

    def stop(self, grace_s: float) -> None:
        """End the application: by the end of its input, and after *grace_s* by force."""
        if self.outcome is not None:
            return
        self._stopped = True
        self._input.end()
        if grace_s > 0:
            self._loop.later(grace_s, self._kill)
        else:
            self._kill()

    def status(self) -> dict[str, object]:
        """What a status says."""
        state, digest = self._state()
        return {"state": state, "workload_digest": digest or None, "outcome": self.exit()}

    def exit(self) -> dict[str, object] | None:
        """The outcome as it is sent, once there is one."""
        return None if self.outcome is None else self.outcome.encode()

    def log(self, level: str, text: str) -> None:
        """Let the owner read what the runtime has to say, among the errors."""
        self.outputs["stderr"].write(f"enarx: {level}: {text}\n".encode(errors="replace"))
        self._tell()

    def end(self, reported: Outcome | None, problem: str, wall_time_s: float | None) -> Outcome:
        """The runtime is gone, or broke the rules: say how it ended.

        Args:
            reported: its own account.
            problem: the rule that it broke, if it did.
            wall_time_s: the time limit it has, if it has one.
        """
        if problem:
            self.outcome = outcome.bug(f"the runtime broke the protocol of its link: {problem}")
        elif reported is not None:
            self.outcome = reported
        elif self._stopped:
            self.outcome = outcome.failed(UnavailableError("keep", "was stopped"))
        else:
            self.outcome = self._runtime.outcome(wall_time_s)
        self._runtime.end()
        self._input.close()
        self.read()
        self._tell()
        return self.outcome

    def read(self) -> None:
        """Take from the application what there is room for."""
        stuck = False
        for name, fd in self._pipes.items():
            output = self.outputs[name]
            if output.ended:
                continue
            if output.room:
                self._loop.watch(fd, select.POLLIN, partial(self._take, name))
            else:
                stuck = True
                self._loop.forget(fd)
        if not stuck and self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        elif stuck and self._stalled is None:
            self._stalled = self._loop.later(STALL_S, self._give_up)

    def close(self) -> None:
        """Cut everybody off, and forget what the application wrote."""
        for session in tuple(self.sessions):
            session.close()
        self._input.close()
        self.outputs = {name: Output(0) for name in STREAMS}

    def _take(self, name: str, _events: int) -> None:
        """Read what the application wrote."""
        output, fd = self.outputs[name], self._pipes[name]
        if output.room:
            try:
                data = os.read(fd, min(output.room, _READ))
            except BlockingIOError:
                return
            if data:
                output.write(data)
            else:
                output.ended = True
                self._loop.forget(fd)
                os.close(fd)
        self.read()
        self._tell()

    def _give_up(self) -> None:
        """Readers that stood still for too long are waited for no more; they will miss some."""
        self._stalled = None
        for output in self.outputs.values():
            if not output.room:
                oldest = min(output.held.values())
                for reader in [one for one, at in output.held.items() if at == oldest]:
                    del output.held[reader]
        self.read()

    def _tell(self) -> None:
        for session in tuple(self.sessions):
            session.pump()

    def _input_moved(self, size: int) -> None:
        if self._sender is not None:
            self._sender.granted(size)

    def _kill(self) -> None:
        if self.outcome is None:
            self._runtime.end()  # its link ends with it, and that is noticed as any other end
