"""A server: many connections that are read side by side, and one application that answers.

The application is called for one request at a time, in the order in which requests became
complete; a keep has one thread, and a component runs on it.  Whoever waits costs a little
memory, bounded by ``MAX_CONNECTIONS``; beyond it the longest idle client has to go.
"""

from __future__ import annotations

import errno
import time

from enarx.keep.http.connection import CLOSED, HEAD, READY, Connection
from enarx.keep.http.fields import HttpError
from enarx.keep.http.head import date
from enarx.keep.http.wire import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enarx.keep.clock import Clock
    from enarx.keep.http.connection import Exchange
    from enarx.keep.net.wait import Background
    from enarx.keep.system import Listening

    # Answers, and returns when the application is through; raises HttpError for a failure of it.
    Respond = Callable[[Exchange], None]
    Log = Callable[[str, str], None]

MAX_CONNECTIONS = 256
_FAILURE = 500  # of the application; what is above is the client's again
_ACCEPTED = 16  # connections taken before those that are there get their turn


class Server:
    """Serves until every listening socket is closed by the host.

    Args:
        sockets: where clients come from.
        respond: the application.
        background: handshakes and closes that go on while nothing happens.
        clock: for Date.
        log: takes a level and a line.
        idle: called when there is nothing to do, before the wait.
    """

    def __init__(
        self,
        sockets: Sequence[Listening],
        respond: Respond,
        *,
        background: Background,
        clock: Clock,
        log: Log,
        idle: Callable[[], None],
    ) -> None:
        self._sockets = list(sockets)
        self._respond = respond
        self._background = background
        self._clock = clock
        self._log = log
        self._idle = idle
        self._connections: list[Connection] = []

    def run(self) -> None:
        """Serve."""
        while self._sockets or self._connections:
            self.turn()

    def turn(self) -> None:
        """Wait for something, and do what it makes possible."""
        self._idle()
        watched = [(connection, connection.interest()) for connection in self._connections]
        ready = self._wait([pair for _, pairs in watched for pair in pairs])
        now = time.monotonic()
        for connection, pairs in watched:
            if not ready.isdisjoint(fd for fd, _ in pairs) or connection.is_due(now):
                self._advance(connection)
        self._accept()
        for connection in self._connections:
            if connection.state == READY:
                self._serve(connection)
        self._connections = [c for c in self._connections if c.state != CLOSED]

    def close(self) -> None:
        """Give up every connection."""
        for connection in self._connections:
            connection.close()

    def date(self) -> bytes:
        """Now, for Date."""
        return date(self._clock.now_s())

    def _wait(self, interest: list[tuple[int, int]]) -> set[int]:
        """Sleep until something is ready or due: the descriptors that are ready."""
        for socket in self._open():
            interest += socket.listener.interest()
        due = [c.deadline for c in self._connections if c.deadline is not None]
        if any(c.state == READY for c in self._connections):
            due.append(0.0)
        return {fd for fd, _ in self._background.wait(interest, min(due, default=None))}

    def _open(self) -> list[Listening]:
        """The sockets to listen to now: none while there is no room for a client."""
        if len(self._connections) < MAX_CONNECTIONS or self._oldest_idle() is not None:
            return self._sockets
        return []

    def _accept(self) -> None:
        for socket in list(self._open()):
            for _ in range(_ACCEPTED):
                try:
                    stream = socket.listener.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno == errno.EINVAL:  # the host has closed it
                        self._sockets.remove(socket)
                    break
                self._make_room()
                connection = Connection(Wire(stream), is_tls=socket.is_tls)
                self._connections.append(connection)
                self._advance(connection)  # most often its request is here already

    def _make_room(self) -> None:
        if len(self._connections) >= MAX_CONNECTIONS and (idle := self._oldest_idle()):
            idle.close()
            self._connections.remove(idle)

    def _oldest_idle(self) -> Connection | None:
        return next((c for c in self._connections if c.state == HEAD and not c.wire.received), None)

    def _advance(self, connection: Connection) -> None:
        try:
            if connection.is_due(time.monotonic()):
                connection.expire()
            connection.advance()
        except HttpError as problem:
            self._refuse(connection, problem)

    def _serve(self, connection: Connection) -> None:
        if connection.exchange is None:
            raise TypeError("a connection is ready without a request")
        try:
            self._respond(connection.exchange)
            connection.finish()
            connection.advance()  # the next request may be here already
        except HttpError as problem:
            self._refuse(connection, problem)

    def _refuse(self, connection: Connection, problem: HttpError) -> None:
        host, port = connection.peer
        line = f"HTTP request of {host} port {port}: {problem.status}: {problem.problem}"
        self._log("warn" if problem.status == _FAILURE else "info", line)
        connection.refuse(problem, self.date())
