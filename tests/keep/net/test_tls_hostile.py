"""A network that changes bytes: it can break a connection, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from enarx.keep.identity import make_identity
from enarx.keep.net.handshake import Handshake
from enarx.keep.net.settings import TlsSettings
from enarx.keep.net.tls_context import server_context
from enarx.keep.net.wait import Background

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.net.tls import TlsStream

MESSAGE = b"pay 10 to bob" * 20
CONTEXT = server_context(
    TlsSettings(server_names=["localhost"], alpn=["http/1.1"]),
    make_identity(time.time()),
    time.time(),
)


class Client:
    """A TLS client whose bytes the test carries itself."""

    def __init__(self) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_alpn_protos([b"http/1.1"])
        self.tls = SSL.Connection(context)
        self.tls.set_tlsext_host_name(b"localhost")
        self.tls.set_connect_state()

    def step(self, received: bytes) -> bytes:
        """What it says to *received*."""
        if received:
            self.tls.bio_write(received)
        with contextlib.suppress(SSL.WantReadError):
            self.tls.do_handshake()
        return self.spoken()

    def spoken(self) -> bytes:
        """What it has to send."""
        try:
            return self.tls.bio_read(100_000)
        except SSL.WantReadError:
            return b""


def handshake(fd: int) -> Handshake:
    """The keep's side."""
    return Handshake(fd, ("x", 1), CONTEXT, deadline=time.monotonic() + 10, now_s=time.time())


def connected() -> tuple[Client, socket.socket, TlsStream]:
    """Both sides after a good handshake."""
    near, far = socket.socketpair()
    far.settimeout(10)
    client, keep = Client(), handshake(near.detach())
    far.sendall(client.step(b""))
    while not keep.advance():
        far.sendall(client.step(far.recv(100_000)))
    return client, far, keep.stream(Background())


def outcome(call: Callable[[], int]) -> int:
    """The number of the OSError, or what is returned; anything else escapes."""
    try:
        return call()
    except OSError as e:
        return e.errno


def flipped(data: bytes, where: int, bit: int) -> bytes:
    """*data* with one bit changed."""
    at = where % len(data)
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


@settings(max_examples=60)
@given(where=st.integers(0, 1 << 16), bit=st.integers(0, 7))
def test_a_changed_record_is_never_delivered(where: int, bit: int) -> None:
    """One bit of a record flipped: an error, or still waiting for the rest; never other bytes."""
    client, far, stream = connected()
    with far:
        client.tls.send(MESSAGE)
        far.sendall(flipped(client.spoken(), where, bit))
        view = memoryview(bytearray(len(MESSAGE)))
        said = outcome(lambda: stream.recv_into(view))
        assert said in (errno.EPROTO, errno.EAGAIN), "EAGAIN: its length was made longer"
        stream.close()


@settings(max_examples=60)
@given(where=st.integers(0, 1 << 16), bit=st.integers(0, 7))
def test_a_changed_client_hello_ends_in_nothing_but_a_refusal(where: int, bit: int) -> None:
    """OSError, or waiting for more, or an answer that a real client would then refuse."""
    near, far = socket.socketpair()
    with far:
        keep = handshake(near.detach())
        far.sendall(flipped(Client().step(b""), where, bit))
        assert outcome(keep.advance) in (errno.EPROTO, errno.ECONNRESET, 0), "0: not complete"
        keep.close()


@settings(max_examples=60)
@given(junk=st.binary(max_size=600), type_=st.sampled_from([20, 21, 22, 23, 24, 0, 255]))
def test_junk_records_end_in_nothing_but_a_refusal(junk: bytes, type_: int) -> None:
    """Records with well-formed headers and anything inside."""
    near, far = socket.socketpair()
    with far:
        keep = handshake(near.detach())
        far.sendall(bytes([type_, 3, 3]) + len(junk).to_bytes(2, "big") + junk)
        far.shutdown(socket.SHUT_WR)
        assert outcome(keep.advance) in (errno.EPROTO, errno.ECONNRESET)
        keep.close()


def test_a_repeated_record_is_refused() -> None:
    """A replayed record does not deliver its bytes twice."""
    client, far, stream = connected()
    with far:
        client.tls.send(MESSAGE)
        record = client.spoken()
        far.sendall(record + record)
        view = memoryview(bytearray(len(MESSAGE)))
        assert stream.recv_into(view) == len(MESSAGE)
        assert outcome(lambda: stream.recv_into(view)) == errno.EPROTO
        stream.close()


def test_records_out_of_order_are_refused() -> None:
    """The host cannot swap two records."""
    client, far, stream = connected()
    with far:
        client.tls.send(b"first")
        first = client.spoken()
        client.tls.send(b"second")
        far.sendall(client.spoken() + first)
        assert outcome(lambda: stream.recv_into(memoryview(bytearray(100)))) == errno.EPROTO
        stream.close()
