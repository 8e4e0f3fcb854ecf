"""Both ends of a tunnel in one thread, and a far side that says whatever a test wants."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from enarx import frames
from enarx.tunnel import records
from enarx.tunnel.carrier import LINGER_S, Carrier
from enarx.tunnel.records import HOST, KEEP, Hello

PATIENCE_S = 20.0
FILES_BYTES = 8 << 20


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def link_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a link, of which neither blocks."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0.0)
    return ours, theirs


def stream_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a local stream, of which neither blocks."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0.0)
    theirs.settimeout(0.0)
    return ours, theirs


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """A TCP connection on loopback: the broker's side, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    peer.settimeout(0.0)
    return ours, peer


def file_of(data: bytes) -> int:
    """A file in memory."""
    fd = os.memfd_create("file")
    os.write(fd, data)
    return fd


def offer(sock: socket.socket, data: bytes | memoryview) -> int:
    """Send what *sock* takes now: how much."""
    try:
        return sock.send(data) if data else 0
    except BlockingIOError:
        return 0


def there(sock: socket.socket) -> bytes:
    """What *sock* has now; empty if nothing."""
    try:
        return sock.recv(1 << 20)
    except BlockingIOError:
        return b""


class Both:
    """A host and a keep with two links between them.

    Attributes:
        host, keep: what the broker and the agent hold, two links each.
    """

    def __init__(self, files_bytes: int = FILES_BYTES, *, linger_s: float = LINGER_S) -> None:
        near, far = socket.socketpair()
        pairs = [link_pair() for _ in range(4)]
        self.host = [pairs[0][0], pairs[1][0]]
        self.keep = [pairs[2][0], pairs[3][0]]
        self.pipe = near.fileno(), far.fileno()
        links = [theirs for _, theirs in pairs]
        self.carriers = [
            Carrier(near.detach(), links[:2], HOST, files_bytes, linger_s=linger_s),
            Carrier(far.detach(), links[2:], KEEP, files_bytes, linger_s=linger_s),
        ]
        self.held: list[socket.socket] = []

    def step(self) -> None:
        """Let both do what there is to do."""
        for carrier in self.carriers:
            if carrier.end is None:
                carrier.step(0)

    def until(self, done: Callable[[], object]) -> None:
        """Go on until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, [carrier.end for carrier in self.carriers]
            self.step()

    def settle(self) -> None:
        """Go on until nothing happens any more."""
        for _ in range(50):
            self.step()

    def frame(self, link: socket.socket) -> tuple[bytes, list[int]]:
        """The next frame of *link*."""
        found: list[tuple[bytes, list[int]]] = []

        def take() -> bool:
            try:
                found.append(frames.receive(link, wait=False))
            except BlockingIOError:
                return False
            return True

        self.until(take)
        return found[0]

    def sockets(self, link: socket.socket) -> list[socket.socket]:
        """The sockets beside the next frame of *link*."""
        found = [socket.socket(fileno=fd) for fd in self.frame(link)[1]]
        for sock in found:
            sock.settimeout(0.0)
        self.held += found
        return found

    def carry(self, sock: socket.socket, data: bytes = b"take") -> socket.socket:
        """Hand *sock*, which is closed, from the host to the keep: what the keep gets."""
        frames.send(self.host[1], data, (sock.fileno(),))
        sock.close()
        return self.sockets(self.keep[1])[0]

    def receive(self, sock: socket.socket, size: int = 1 << 20) -> bytes:
        """The next bytes of *sock*; empty at its end."""
        found: list[bytes] = []

        def take() -> bool:
            try:
                found.append(sock.recv(size))
            except BlockingIOError:
                return False
            return True

        self.until(take)
        return found[0]

    def receive_all(self, sock: socket.socket) -> bytes:
        """Everything until the end of *sock*."""
        parts = []
        while part := self.receive(sock):
            parts.append(part)
        return b"".join(parts)

    def ends(self) -> list[str]:
        """How both ended; the empty text for one that goes on."""
        return ["" if one.end is None else one.end.kind for one in self.carriers]

    def close(self) -> None:
        """Close everything."""
        for carrier in self.carriers:
            carrier.close()
        for sock in (*self.host, *self.keep, *self.held):
            sock.close()


class Hostile:
    """A carrier, and at the far end of its pipe a test that says what it likes.

    Attributes:
        links: what the agent and the broker hold.
        sent: what the carrier has said.
    """

    def __init__(
        self, role: int = KEEP, *, greets: bool = True, linger_s: float = LINGER_S
    ) -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(0.0)
        pairs = [link_pair() for _ in range(2)]
        self.links = [ours for ours, _ in pairs]
        near = [theirs for _, theirs in pairs]
        self.carrier = Carrier(theirs.detach(), near, role, FILES_BYTES, linger_s=linger_s)
        self.sent = b""
        self.held: list[int] = []
        if greets:
            self.say(records.encode_hello(Hello(1 - role, 2, FILES_BYTES)))

    def say(self, *parts: bytes) -> None:
        """Send these bytes, and let the carrier take them."""
        for part in parts:
            data = memoryview(part)
            while data and self.carrier.end is None:
                try:
                    data = data[self.sock.send(data) :]
                except BlockingIOError:
                    self.turn()
        self.turn()

    def turn(self, times: int = 20) -> None:
        """Let the carrier do what there is to do, and listen."""
        for _ in range(times):
            if self.carrier.end is None:
                self.carrier.step(0)
            try:
                self.sent += self.sock.recv(1 << 20)
            except (BlockingIOError, ConnectionResetError):
                continue

    def records(self) -> list[tuple[int, int, bytes]]:
        """What the carrier has said."""
        return [(kind, number, bytes(p)) for kind, number, p in records.Splitter().feed(self.sent)]

    def frame(self, link: int = 0) -> tuple[bytes, list[int]]:
        """The next frame that was delivered."""
        data, fds = frames.receive(self.links[link], wait=False)
        self.held += fds
        return data, fds

    @property
    def end(self) -> tuple[str, str]:
        """How the carrier ended."""
        assert self.carrier.end is not None
        return self.carrier.end.kind, self.carrier.end.text

    def close(self) -> None:
        """Close everything."""
        self.carrier.close()
        self.sock.close()
        frames.close(self.held)
        for link in self.links:
            link.close()
