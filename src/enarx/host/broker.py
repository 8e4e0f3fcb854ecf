"""The host's end of one link: does on the keep's behalf what the keep may not do itself.

The keep is not trusted: frames and descriptors are bounded and checked, requests beyond
``MAX_OUTSTANDING`` wait unread, and nothing it can ask for blocks the loop or raises out of it.
What it may ask for is the *policy*'s to say; connections it may make are also decided inside the
keep, by its own configuration, which the host does not read.
"""

from __future__ import annotations

import errno
import select
from collections import deque

from enarx import frames
from enarx.errors import MalformedError
from enarx.host.accept import Acceptor, bind
from enarx.host.connect import Connecting
from enarx.host.resolve import Lookups
from enarx.protocol.link import (
    MAX_OUTSTANDING,
    Event,
    Reply,
    Request,
    decode_message,
    encode_reply,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.host.reactor import Reactor
    from enarx.ports import AotStore

    Policy: TypeAlias = Callable[[Request], None]

_AT_A_TIME = 32
_MOST_LISTENERS = 64
_PAUSE_S = 0.1
_SAVED_AT_ONCE = 1 << 20  # bytes; what is larger is copied in a thread


def allow(_request: Request) -> None:
    """The default policy; another raises ``OSError`` with errno and text to refuse a request."""


class Broker:
    """Serves one link until the keep closes it or breaks its rules.

    Args:
        reactor: the loop that calls back; the broker adds only watches and timers.
        link: the host's end, owned by the caller.
        event: called with every event of the keep, its fields checked.
        store: where ahead-of-time code is kept; without one nothing is.
        modules: hexadecimal sha256 of the modules in the launch: a keep may file code under these
            names only, so that it cannot plant code for another application, and once for each,
            so that it cannot fill the disk.
        policy: raises ``OSError`` to refuse a request.
    """

    def __init__(
        self,
        reactor: Reactor,
        link: socket.socket,
        event: Callable[[Event], None],
        *,
        store: AotStore | None = None,
        modules: frozenset[str] = frozenset(),
        policy: Policy = allow,
    ) -> None:
        self.closed = False
        self.problem = ""
        """The rule that the keep broke, if that is why the link is closed."""
        self._reactor = reactor
        self._link = link
        self._event = event
        self._store = store
        self._modules = modules
        self._filed: set[str] = set()
        self._policy = policy
        self._lookups = Lookups(reactor)
        self._outbox: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._outstanding = 0
        self._saving = 0
        self._gone = False
        self._acceptors: list[Acceptor] = []
        self._connecting: set[Connecting] = set()
        self._watch()

    @property
    def busy(self) -> bool:
        """Code is still being saved; the process should not end yet."""
        return self._saving > 0

    def close(self) -> None:
        """Stop serving: listeners, connections on their way and unsent replies are dropped."""
        if self.closed:
            return
        self.closed = True
        self._reactor.forget(self._link.fileno())
        for acceptor in self._acceptors:
            acceptor.close()
        for connecting in self._connecting:
            connecting.cancel()
        for _, fds in self._outbox:
            frames.close(fds)
        self._acceptors.clear()
        self._connecting.clear()
        self._outbox.clear()

    def drain(self) -> None:
        """Take what the keep said before it went: events, and code to keep; the rest is moot."""
        self._gone = True
        while not self.closed and self._one():
            pass

    def _watch(self) -> None:
        reads = select.POLLIN if self._outstanding < MAX_OUTSTANDING else 0
        writes = select.POLLOUT if self._outbox else 0
        self._reactor.watch(self._link.fileno(), reads | writes, self._ready)

    def _ready(self, events: int) -> None:
        """The link is readable or writable."""
        if events & (select.POLLHUP | select.POLLERR):
            self.drain()
            return
        if events & select.POLLOUT:
            self._flush()
        for _ in range(_AT_A_TIME):
            if self.closed or self._outstanding >= MAX_OUTSTANDING or not self._one():
                break
        if not self.closed:
            self._watch()

    def _one(self) -> bool:
        """Take one frame if there is one."""
        try:
            data, fds = frames.receive(self._link, descriptors=1, wait=False)
        except BlockingIOError:
            return False
        except MalformedError as error:
            self._break_off(error)
            return False
        if not data:
            frames.close(fds)
            self.close()
            return False
        try:
            message = decode_message(data, len(fds))
            if isinstance(message, Event):
                self._event(message)
                return True
        except MalformedError as error:
            frames.close(fds)
            self._break_off(error)
            return False
        if self._gone and message.op != "store":
            frames.close(fds)
        else:
            self._serve(message, fds)
        return True

    def _break_off(self, error: MalformedError) -> None:
        """The keep does not speak the protocol: nothing it says afterwards can be trusted."""
        self.problem = str(error)
        self.close()

    def _serve(self, request: Request, fds: list[int]) -> None:
        """Start on a request, of which the descriptors are ours."""
        self._outstanding += 1
        try:
            self._policy(request)
            _SERVICES[request.op](self, request, fds)
        except OSError as error:
            self._refuse(request, error)
        finally:
            frames.close(fds)

    def _cached(self, request: Request, _fds: list[int]) -> None:
        found = self._store.find(request.key) if self._store and self._own(request) else None
        if found is None:
            self._reply(request, None)
        else:
            self._reply(request, {"sha256": found[0]}, (found[1],))

    def _prove(self, request: Request, _fds: list[int]) -> None:
        """A host has no evidence to give; a keep with some has an agent that answers instead."""
        self._refuse(request, OSError(errno.EOPNOTSUPP, "no evidence here"))

    def _save(self, request: Request, fds: list[int]) -> None:
        """Keep compiled code; the keep does not wait for it, so it is not told how it went."""
        store = self._store
        module = request.key.partition("-")[0]
        if store is None or not self._own(request) or module in self._filed:
            self._reply(request, {})
            return
        self._filed.add(module)
        if request.size <= _SAVED_AT_ONCE:
            store.save(request.key, request.sha256, request.size, fds[0])
            self._reply(request, {})
        else:
            self._save_aside(store, request, fds.pop())

    def _save_aside(self, store: AotStore, request: Request, fd: int) -> None:
        import threading  # only for large files

        def saved() -> None:
            self._saving -= 1
            self._reply(request, {})

        def work() -> None:
            try:
                store.save(request.key, request.sha256, request.size, fd)
            finally:
                frames.close((fd,))
                self._reactor.post(saved)

        self._saving += 1
        threading.Thread(target=work, daemon=True, name="aot").start()

    def _own(self, request: Request) -> bool:
        """The key begins with one of the launch's own modules."""
        return request.key.partition("-")[0] in self._modules

    def _listen(self, request: Request, _fds: list[int]) -> None:
        if len(self._acceptors) >= _MOST_LISTENERS:
            raise OSError(errno.EMFILE, f"{request.name}: too many listening sockets")
        sockets = bind(request.host, request.port)
        acceptor = Acceptor(self._reactor, sockets, self._acceptors.remove)
        self._acceptors.append(acceptor)
        self._reply(request, {"port": acceptor.port}, (acceptor.keeps_end.detach(),))

    def _connect(self, request: Request, _fds: list[int]) -> None:
        def done(sock: socket.socket | None, error: OSError | None) -> None:
            self._connecting.discard(connecting)
            if sock is None:
                self._refuse(request, error or OSError(errno.EIO, "cannot connect"))
                return
            try:
                peer = sock.getpeername()
            except OSError as gone:  # reset between connecting and now
                sock.close()
                self._refuse(request, gone)
                return
            self._reply(request, {"peer": [peer[0], peer[1]]}, (sock.detach(),))

        connecting = Connecting(
            self._reactor,
            self._lookups,
            host=request.host,
            port=request.port,
            timeout_s=request.timeout_s,
        )
        self._connecting.add(connecting)
        connecting.start(done)

    def _resolve(self, request: Request, _fds: list[int]) -> None:
        def done(addresses: tuple[str, ...], error: OSError | None) -> None:
            if error is not None:
                self._refuse(request, error)
            else:
                self._reply(request, {"addresses": list(addresses)})

        self._lookups.start(request.host, done)

    def _refuse(self, request: Request, error: OSError) -> None:
        text = error.strerror or str(error)
        self._send(encode_reply(Reply(request.id, errno=error.errno or errno.EIO, text=text)))

    def _reply(self, request: Request, ok: object, fds: tuple[int, ...] = ()) -> None:
        self._send(encode_reply(Reply(request.id, ok)), fds)

    def _send(self, frame: bytes, fds: tuple[int, ...] = ()) -> None:
        """Queue a reply with descriptors that are closed once it is sent."""
        if self.closed or self._gone:
            frames.close(fds)
            return
        self._outbox.append((frame, fds))
        self._flush()
        if not self.closed:
            self._watch()

    def _flush(self) -> None:
        while self._outbox:
            frame, fds = self._outbox[0]
            try:
                frames.send(self._link, frame, fds, wait=False)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ETOOMANYREFS:  # too many descriptors are on their way
                    self._reactor.later(_PAUSE_S, self._flush_again)
                else:  # the keep is gone, but may have said something before
                    self.drain()
                    self.close()
                return
            frames.close(fds)
            self._outbox.popleft()
            self._outstanding -= 1

    def _flush_again(self) -> None:
        if not self.closed:
            self._flush()
        if not self.closed:
            self._watch()


_SERVICES: dict[str, Callable[[Broker, Request, list[int]], None]] = {
    "cached": Broker._cached,  # noqa: SLF001 - the class's own table
    "connect": Broker._connect,  # noqa: SLF001
    "listen": Broker._listen,  # noqa: SLF001
    "prove": Broker._prove,  # noqa: SLF001
    "resolve": Broker._resolve,  # noqa: SLF001
    "store": Broker._save,  # noqa: SLF001
    "vouch": Broker._prove,  # noqa: SLF001
}
