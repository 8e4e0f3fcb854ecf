"""A guest for the tests, built with componentize-py: each verb exercises one part of WASI 0.2.

It asserts what it sees from inside; an assertion that fails ends it with status 1.
"""

# ruff: noqa: BLE001, PT017, PTH102, PTH104, PTH107, PTH115, PTH116, PTH121, PTH123, PTH208, PTH211, PTH106, SIM115, T201 - this is a program: it prints, and calls what it tests

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import (
    instance_network,
    ip_name_lookup,
    monotonic_clock,
    network,
    poll,
    tcp,
    tcp_create_socket,
    udp_create_socket,
)


def show() -> None:
    """Arguments, environment and standard input."""
    print(sys.argv[2:], os.environ.get("NAME"), sys.stdin.read(), end="")
    print("on stderr", file=sys.stderr, end="")


def files() -> None:
    """Every operation on files and folders, in /scratch."""
    os.chdir("/scratch")
    with open("file", "w") as file:
        file.write("one\n" * 3)
    with open("file", "a") as file:
        file.write("two\n")
    with open("file", "r+b") as file:
        file.seek(4)
        file.write(b"ONE")
        file.truncate(15)
    assert open("file").read() == "one\nONE\none\ntwo"
    os.mkdir("folder")
    os.rename("file", "folder/renamed")
    os.symlink("renamed", "folder/link")
    os.link("folder/renamed", "folder/hard")
    assert os.readlink("folder/link") == "renamed"
    assert sorted(os.listdir("folder")) == ["hard", "link", "renamed"]
    about = os.stat("folder/link")
    assert (about.st_size, about.st_nlink) == (15, 2)
    os.utime("folder/renamed", (1, 2))
    assert os.stat("folder/hard").st_mtime == 2
    assert os.path.samefile("folder/hard", "folder/renamed")
    for name in ("hard", "link", "renamed"):
        os.remove(f"folder/{name}")
    os.rmdir("folder")
    assert os.listdir(".") == []
    for attempt, error in (
        (lambda: open("none"), FileNotFoundError),
        (lambda: os.rmdir("none"), FileNotFoundError),
        (lambda: open("/other/file"), FileNotFoundError),
        (lambda: open("../etc/passwd"), OSError),
        (lambda: os.mkdir("/frozen/new"), OSError),
    ):
        expect(error, attempt)
    assert open("/frozen/hello").read() == "hello"


def bulk() -> None:
    """Megabytes through a file and standard output."""
    data = bytes(range(256)) * 4096
    with open("/scratch/bulk", "wb") as file:
        file.write(data)
    with open("/scratch/bulk", "rb") as file:
        assert file.read() == data
    sys.stdout.buffer.write(data)


def clocks() -> None:
    """Time goes on, and sleeping lasts."""
    before = time.monotonic()
    time.sleep(0.02)
    assert time.monotonic() - before >= 0.02
    assert time.time() > 1_700_000_000
    late = monotonic_clock.subscribe_duration(60_000_000_000)
    soon = monotonic_clock.subscribe_duration(1_000_000)
    assert list(poll.poll([late, soon])) == [1]
    assert not late.ready()
    assert len(set(os.urandom(64))) > 1


def connect() -> None:
    """Connect to the port of argv[2] on 127.0.0.1, send a line, read the answer."""
    stream_in, stream_out, sock = connected("127.0.0.1", int(sys.argv[2]))
    stream_out.blocking_write_and_flush(b"hello\n")
    sock.shutdown(tcp.ShutdownType.SEND)
    answer = b""
    while True:
        try:
            answer += stream_in.blocking_read(1 << 16)
        except Err as end:
            assert type(end.value).__name__ == "StreamError_Closed", end.value
            break
    print(answer.decode(), end="")
    assert sock.remote_address().value.port == int(sys.argv[2])
    assert sock.local_address().value.address == (127, 0, 0, 1)
    sock.set_keep_alive_enabled(True)
    assert sock.keep_alive_enabled()


def refused() -> None:
    """Nothing is allowed: connecting, looking up, listening where no port is opened, UDP."""
    codes = network.ErrorCode
    denied(codes.ACCESS_DENIED, lambda: connected("127.0.0.1", 9))
    handle = instance_network.instance_network()
    lookup = lambda: ip_name_lookup.resolve_addresses(handle, "example.com")  # noqa: E731
    denied(codes.ACCESS_DENIED, lookup)
    denied(codes.NOT_SUPPORTED, lambda: udp_create_socket.create_udp_socket(V4))
    sock = tcp_create_socket.create_tcp_socket(V4)
    denied(codes.INVALID_STATE, sock.start_listen)
    denied(codes.ACCESS_DENIED, lambda: sock.start_bind(handle, address("127.0.0.1", 0)))
    denied(codes.NOT_IN_PROGRESS, sock.finish_connect)
    denied(codes.INVALID_STATE, sock.remote_address)


def serve() -> None:
    """Accept one connection at the port of argv[2], and give its first bytes back in capitals."""
    sock = tcp_create_socket.create_tcp_socket(V4)
    sock.start_bind(instance_network.instance_network(), address("0.0.0.0", int(sys.argv[2])))
    sock.finish_bind()
    sock.start_listen()
    sock.finish_listen()
    poll.poll([sock.subscribe()])
    accepted, reading, writing = sock.accept()
    assert accepted.remote_address().value.address == (127, 0, 0, 1)
    writing.blocking_write_and_flush(reading.blocking_read(100).upper())


def name() -> None:
    """Look up argv[2] and connect to what was found, at the port of argv[3]."""
    handle = instance_network.instance_network()
    found = ip_name_lookup.resolve_addresses(handle, sys.argv[2])
    found.subscribe().block()
    while not isinstance(first := found.resolve_next_address(), network.IpAddress_Ipv4):
        assert first is not None
    text = ".".join(map(str, first.value))
    stream_in, stream_out, _ = connected(text, int(sys.argv[3]))
    stream_out.blocking_write_and_flush(b"by name\n")
    print(stream_in.blocking_read(100).decode(), end="")


V4 = network.IpAddressFamily.IPV4


def address(host: str, port: int) -> network.IpSocketAddress:
    """An IPv4 socket address."""
    parts = tuple(map(int, host.split(".")))
    return network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(port, parts))


def connected(host: str, port: int) -> tuple:
    """Streams and socket of a connection."""
    sock = tcp_create_socket.create_tcp_socket(V4)
    sock.start_connect(instance_network.instance_network(), address(host, port))
    sock.subscribe().block()
    return (*sock.finish_connect(), sock)


def expect(error: type[Exception], attempt: Callable[[], object]) -> None:
    """The attempt fails with *error*."""
    try:
        attempt()
    except error:
        return
    raise AssertionError(attempt)


def denied(code: network.ErrorCode, attempt: Callable[[], object]) -> None:
    """The attempt fails with *code*."""
    try:
        attempt()
    except Err as refusal:
        assert refusal.value == code, refusal.value
        return
    raise AssertionError(code)


class Run(exports.Run):
    """``wasi:cli/run``."""

    def run(self) -> None:
        """Run the verb; ``fail`` returns an error, ``exit`` ends with a status."""
        verb = sys.argv[1]
        if verb == "fail":
            raise Err(None)
        if verb == "exit":
            sys.exit(int(sys.argv[2]))
        if verb == "raise":
            raise ValueError(verb)
        try:
            globals()[verb]()
        except Exception:
            traceback.print_exc()
            raise Err(None) from None
        finally:
            sys.stdout.flush()  # nobody else does: this interpreter never ends
