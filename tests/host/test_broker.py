"""The broker does what a keep asks for, and no keep can stall or crash it."""

from __future__ import annotations

import errno
import gc
import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx import frames
from enarx.keep.link import Link, LinkLostError
from enarx.protocol.link import (
    MAX_OUTSTANDING,
    Request,
    decode_peer,
    encode_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.host.conftest import Pair

KEY = "ab" * 32 + "-01"
MODULES = frozenset({"ab" * 32})


class Memory:
    """A store in memory that obeys the port."""

    def __init__(self) -> None:
        self.saved: dict[str, tuple[str, bytes]] = {}

    def find(self, key: str) -> tuple[str, int] | None:
        """Return a file in memory."""
        if key not in self.saved:
            return None
        sha256, data = self.saved[key]
        fd = os.memfd_create("code")
        os.write(fd, data)
        return sha256, fd

    def save(self, key: str, sha256: str, size: int, fd: int) -> None:
        """Keep what is there."""
        self.saved[key] = (sha256, os.pread(fd, size, 0))


def test_a_listening_keep_gets_its_connections(pair: Callable[..., Pair]) -> None:
    """A connection from outside arrives on the accept channel with its peer's address."""

    def work(link: Link) -> tuple[tuple[str, int], bytes, str]:
        fd, port = link.listen("web", "127.0.0.1", 0)
        with (
            socket.socket(fileno=fd) as channel,
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            data, fds = frames.receive(channel)
            peer = decode_peer(data, len(fds))
            client.sendall(b"hello")
            with socket.socket(fileno=fds[0]) as server:
                return peer, server.recv(10), str(server.gettimeout())

    peer, data, timeout = pair().keep(work)  # type: ignore[misc]
    assert peer[0] == "127.0.0.1"
    assert (data, timeout) == (b"hello", "None")


@pytest.mark.parametrize(
    ("host", "port", "code", "text"),
    [
        ("no.such.name", 1, errno.EADDRNOTAVAIL, "no.such.name: is not an address of this machine"),
        ("192.0.2.1", 1, errno.EADDRNOTAVAIL, "192.0.2.1:1: cannot assign requested address"),
        ("2001:db8::1", 7, errno.EADDRNOTAVAIL, "[2001:db8::1]:7: "),
    ],
)
def test_a_refused_listen_says_where_and_why(
    pair: Callable[..., Pair], host: str, port: int, code: int, text: str
) -> None:
    """The keep gets the errno and a text with the place in it."""
    error = pair().keep(lambda link: link.listen("web", host, port))
    assert isinstance(error, OSError)
    assert (error.errno, str(error.strerror)[: len(text)]) == (code, text)


def test_a_port_in_use_is_told(pair: Callable[..., Pair]) -> None:
    """Two keeps cannot have one port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = pair().keep(lambda link: link.listen("web", "127.0.0.1", port))
    assert isinstance(error, OSError)
    assert error.errno == errno.EADDRINUSE
    assert f"127.0.0.1:{port}" in str(error)


def test_closing_the_channel_frees_the_port(pair: Callable[..., Pair]) -> None:
    """The keep ends a listener by closing its end of the channel."""
    made = pair()

    def work(link: Link) -> int:
        fd, port = link.listen("web", "127.0.0.1", 0)
        os.close(fd)
        return port

    port = made.keep(work)
    made.until(lambda: not made.broker._acceptors)
    assert isinstance(made.keep(lambda link: link.listen("web", "127.0.0.1", port)), tuple)


def test_what_a_keep_does_not_accept_waits_in_the_kernel(pair: Callable[..., Pair]) -> None:
    """The broker stops accepting while the channel is full, and goes on when there is room."""
    made = pair()
    fd, port = made.keep(lambda link: link.listen("web", "127.0.0.1", 0))  # type: ignore[misc]
    channel = socket.socket(fileno=fd)
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    acceptor = made.broker._acceptors[0]
    made.until(lambda: acceptor._held is not None)
    for _ in range(3):
        made.reactor.once(0)
    assert acceptor._held is not None
    got = 0
    while got < len(clients):
        try:
            _, fds = frames.receive(channel, wait=False)
        except BlockingIOError:
            made.reactor.once(1)
            continue
        frames.close(fds)
        got += len(fds)
    assert got == 300
    for client in clients:
        client.close()
    channel.close()


def test_a_connection_is_handed_over_ready_to_use(pair: Callable[..., Pair]) -> None:
    """The keep gets a blocking socket and the address it is connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def work(link: Link) -> object:
            fd, peer = link.connect("127.0.0.1", port, 5.0)
            with socket.socket(fileno=fd) as sock:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"hello")
                return peer, sock.recv(10), sock.gettimeout()

        assert pair().keep(work) == (("127.0.0.1", port), b"hello", None)


def test_a_refused_connection_says_where(pair: Callable[..., Pair]) -> None:
    """Nobody listens: the errno and the place."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = pair().keep(lambda link: link.connect("127.0.0.1", port, 5.0))
    assert isinstance(error, ConnectionRefusedError)
    assert str(error.strerror) == f"127.0.0.1:{port}: connection refused"


def test_names_are_resolved_for_the_keep(pair: Callable[..., Pair]) -> None:
    """A name becomes addresses; an address stays itself."""
    made = pair()
    assert set(made.keep(lambda link: link.resolve("localhost"))) & {"127.0.0.1", "::1"}  # type: ignore[call-overload]
    assert made.keep(lambda link: link.resolve("::0001")) == ("::1",)


def test_a_name_that_cannot_be_resolved_is_an_error(pair: Callable[..., Pair]) -> None:
    """The failure of the resolver arrives as an error with the name in it."""
    error = pair().keep(lambda link: link.resolve("no such name"))
    assert isinstance(error, OSError)
    assert "no such name" in str(error)


def test_a_host_vouches_for_nothing(pair: Callable[..., Pair]) -> None:
    """Evidence is the business of a keep's agent."""
    asked: tuple[Callable[[Link], object], ...] = (
        lambda link: link.prove(b"key", bytes(32)),
        lambda link: link.vouch(
            bytes(32), b"key", {"x25519": b"k"}, ("a",), deadline=time.monotonic() + 10
        ),
    )
    for ask in asked:
        error = pair().keep(ask)
        assert isinstance(error, OSError)
        assert error.errno == errno.EOPNOTSUPP


def test_compiled_code_is_filed_and_found(pair: Callable[..., Pair]) -> None:
    """What one launch stored the next one gets."""
    made = pair(store=Memory(), modules=MODULES)

    def work(link: Link) -> object:
        fd = os.memfd_create("code")
        os.write(fd, b"native")
        before = link.cached(KEY)
        link.store(KEY, "cd" * 32, 6, fd)
        os.close(fd)
        found = link.cached(KEY)
        assert found is not None
        data = os.pread(found[1], 10, 0)
        os.close(found[1])
        return before, found[0], data

    assert made.keep(work) == (None, "cd" * 32, b"native")


def test_a_large_file_is_filed_without_blocking(pair: Callable[..., Pair]) -> None:
    """A large file is saved aside, and the broker stays busy until it is."""
    store = Memory()
    made = pair(store=store, modules=MODULES)

    def work(link: Link) -> None:
        fd = os.memfd_create("code")
        os.ftruncate(fd, 2 << 20)
        link.store(KEY, "cd" * 32, 2 << 20, fd)
        os.close(fd)
        link.resolve("127.0.0.1")

    made.keep(work)
    made.until(lambda: not made.broker.busy)
    assert len(store.saved[KEY][1]) == 2 << 20


def test_code_is_filed_even_if_the_keep_is_already_gone(pair: Callable[..., Pair]) -> None:
    """A short program is over before its host has read what it left to be kept."""
    store = Memory()
    modules = frozenset({"ab" * 32, "cd" * 32})
    made = pair(store=store, modules=modules)
    for module, size in zip(modules, (6, 2 << 20), strict=True):
        fd = os.memfd_create("code")
        os.ftruncate(fd, size)
        key = f"{module}-01"
        frames.send(
            made.raw,
            encode_request(Request("store", id=1, key=key, sha256="cd" * 32, size=size)),
            (fd,),
        )
        os.close(fd)
    frames.send(made.raw, b'{"event":"running"}')
    made.leave()
    made.until(lambda: made.broker.closed and not made.broker.busy)
    assert sorted(len(data) for _, data in store.saved.values()) == [6, 2 << 20]
    assert [event.name for event in made.events] == ["running"]


def test_a_keep_cannot_file_code_under_another_module(pair: Callable[..., Pair]) -> None:
    """A taken-over keep cannot plant code for another application."""
    store = Memory()
    store.saved["ef" * 32 + "-01"] = ("00" * 32, b"other")
    made = pair(store=store, modules=MODULES)

    def work(link: Link) -> object:
        fd = os.memfd_create("code")
        link.store("ef" * 32 + "-02", "cd" * 32, 1, fd)
        os.close(fd)
        return link.cached("ef" * 32 + "-01")

    assert made.keep(work) is None
    assert len(store.saved) == 1


def test_a_keep_files_code_once(pair: Callable[..., Pair]) -> None:
    """A taken-over keep cannot fill the disk, or have threads started, by filing again."""
    store = Memory()
    made = pair(store=store, modules=MODULES)

    def work(link: Link) -> None:
        fd = os.memfd_create("code")
        os.write(fd, b"native")
        for number in range(3):
            link.store(f"{KEY}{number}", "cd" * 32, 6, fd)
        os.close(fd)
        link.resolve("127.0.0.1")

    made.keep(work)
    assert list(store.saved) == [f"{KEY}0"]


def test_a_policy_refuses_with_its_own_words(pair: Callable[..., Pair]) -> None:
    """The host's policy is asked first and its errno and text reach the keep."""

    def policy(request: Request) -> None:
        if request.op == "listen":
            raise PermissionError(errno.EACCES, "not on this host")

    made = pair(policy=policy)
    error = made.keep(lambda link: link.listen("web", "127.0.0.1", 0))
    assert isinstance(error, PermissionError)
    assert error.strerror == "not on this host"
    assert isinstance(made.keep(lambda link: link.resolve("::1")), tuple)


def test_events_reach_the_host(pair: Callable[..., Pair]) -> None:
    """Events arrive in order and checked."""
    made = pair()

    def work(link: Link) -> None:
        link.event("running")
        link.event("log", level="info", target="enarx", text="hello")
        link.resolve("::1")

    made.keep(work)
    assert [event.name for event in made.events] == ["running", "log"]


@pytest.mark.parametrize("junk", [b"x", b"{}", b'{"id":1,"op":"exec"}', b'{"event":"x"}'])
def test_junk_closes_the_link(pair: Callable[..., Pair], junk: bytes) -> None:
    """A keep that breaks the protocol is cut off, with the reason kept."""
    made = pair()
    made.raw.send(junk)
    made.until(lambda: made.broker.closed)
    assert made.broker.problem


def test_descriptors_that_were_not_asked_for_are_closed(pair: Callable[..., Pair]) -> None:
    """A frame stuffed with descriptors leaves none open in the host."""
    made = pair()
    read, write = os.pipe()
    frames.send(made.raw, b'{"event":"running"}', (write, write))
    os.close(write)
    made.until(lambda: made.broker.closed)
    assert os.read(read, 1) == b""
    os.close(read)


def test_a_frame_that_is_too_long_closes_the_link(pair: Callable[..., Pair]) -> None:
    """No frame of a keep can use more memory than a frame has."""
    made = pair()
    made.raw.send(b"x" * 100_000)
    made.until(lambda: made.broker.closed)
    assert "too long" in made.broker.problem


def test_unread_replies_stop_the_reading(pair: Callable[..., Pair]) -> None:
    """A keep that asks and never listens is not read any further, and nothing grows."""
    made = pair()
    made.raw.setblocking(False)  # noqa: FBT003 - socket's own interface
    made.host.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    frame = encode_request(Request("resolve", id=1, host="127.0.0.1"))
    sent = 0
    for _ in range(200):
        try:
            while True:
                made.raw.send(frame)
                sent += 1
        except BlockingIOError:
            made.reactor.once(0)
    assert made.broker._outstanding <= MAX_OUTSTANDING
    assert len(made.broker._outbox) <= MAX_OUTSTANDING
    assert not made.broker.closed


def test_closing_gives_every_descriptor_back(pair: Callable[..., Pair]) -> None:
    """Listeners, connections on their way and unsent replies are closed with the broker."""
    gc.collect()  # what tests before left to the collector
    before = len(list(Path("/proc/self/fd").iterdir()))
    made = pair()

    def work(link: Link) -> None:
        for _ in range(5):
            fd, _ = link.listen("web", "127.0.0.1", 0)
            os.close(fd)
        for _ in range(5):
            link.submit(Request("connect", host="192.0.2.1", port=9, timeout_s=60.0))
        link.resolve("127.0.0.1")

    made.keep(work)
    made.close()
    after = len(list(Path("/proc/self/fd").iterdir()))
    assert after == before


def test_a_keep_notices_that_its_host_is_gone(pair: Callable[..., Pair]) -> None:
    """A closed link is no error of the application's: it ends the keep."""
    made = pair()
    made.broker.close()
    made.host.close()
    for work in (lambda link: link.resolve("x"), lambda link: link.event("running")):
        assert isinstance(made.keep(work), LinkLostError)


def test_no_thread_for_what_needs_none(pair: Callable[..., Pair]) -> None:
    """Numeric addresses are answered in the loop."""
    made = pair()
    made.raw.send(encode_request(Request("resolve", id=1, host="127.0.0.1")))
    before = threading.active_count()
    made.reactor.once(1)
    assert threading.active_count() == before
    assert b"127.0.0.1" in made.raw.recv(1000)
