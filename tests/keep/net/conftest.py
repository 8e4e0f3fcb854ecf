"""A broker, clients and certificate authorities on loopback; nothing of the product is patched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import ssl
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from enarx.keep.identity import make_identity
from enarx.keep.net.channel import AcceptChannel
from enarx.keep.net.connecting import tls_connect
from enarx.keep.net.listener import Listener
from enarx.keep.net.settings import TlsSettings
from enarx.keep.net.tls_context import client_context, server_context
from enarx.keep.net.tls_listener import TlsListener
from enarx.keep.net.wait import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from enarx.keep.net.plain import PlainStream
    from enarx.keep.net.tls import TlsStream

    Stream = PlainStream | TlsStream

T = TypeVar("T")
PATIENCE_S = 10.0


class Issued:
    """A certificate with its key, in PEM."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.cert = certificate.public_bytes(Encoding.PEM)
        self.key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def files(self, folder: Path, name: str) -> tuple[str, str]:
        """Write both into *folder*."""
        cert, key = folder / f"{name}.pem", folder / f"{name}.key"
        cert.write_bytes(self.cert)
        key.write_bytes(self.key)
        return str(cert), str(key)


class Authority:
    """A certificate authority, self-signed unless it has an *issuer*."""

    def __init__(
        self,
        name: str = "Test CA",
        *,
        start: timedelta = -timedelta(days=1),
        end: timedelta = timedelta(days=30),
        issuer: Authority | None = None,
    ) -> None:
        self.now = datetime.now(UTC)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        signer = issuer or self
        builder = signer._builder(self.name, self.key, start, end)
        self.certificate = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        ).sign(signer.key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    @classmethod
    def of(cls, leaf: Issued) -> Authority:
        """What the owner of a leaf can do: sign in its name."""
        made = cls()
        made.name = leaf.certificate.subject
        made.key = load_pem_private_key(leaf.key, None)
        return made

    def issue(
        self,
        *names: str,
        start: timedelta = -timedelta(hours=1),
        end: timedelta = timedelta(days=1),
        client: bool = False,
        alternative: tuple[str, ...] = (),
        extension: x509.ExtensionType | None = None,
    ) -> Issued:
        """A leaf for *names*, which may be addresses.

        *alternative* or *extension* takes their place in the list of names.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        listed = extension or x509.SubjectAlternativeName(
            [_general(each) for each in alternative or names]
        )
        builder = (
            self._builder(subject, key, start, end)
            .add_extension(listed, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        return Issued(builder.sign(self.key, hashes.SHA256()), key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, start: timedelta, end: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + start)
            .not_valid_after(self.now + end)
        )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Broker:
    """The host's end of one listening socket: accepts TCP and hands it over."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self.listening.getsockname()[1]
        self.near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel_fd = far.detach()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, peer = self.listening.accept()
                with sock:
                    message = json.dumps({"peer": list(peer[:2])}).encode()
                    socket.send_fds(self.near, [message], [sock.fileno()])

    def close(self) -> None:
        """Stop, as a host that has gone does."""
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.near.close()
        self.listening.close()
        self._thread.join(PATIENCE_S)


class World:
    """A keep's side of the network, and the outside."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.background = Background()
        self.identity = make_identity(time.time())
        self.refused: list[tuple[tuple[str, int], OSError]] = []
        self.pool = stack.enter_context(ThreadPoolExecutor(8))
        self.brokers: list[Broker] = []
        self.patience_s = PATIENCE_S

    def broker(self) -> Broker:
        """A listening socket on the host."""
        broker = Broker()
        self.brokers.append(broker)
        self.stack.callback(broker.close)
        return broker

    def listen_tls(self, **settings: object) -> tuple[TlsListener, int]:
        """A TLS listener of the keep and its port."""
        broker = self.broker()
        context = server_context(TlsSettings(**settings), self.identity, time.time())
        listener = TlsListener(
            AcceptChannel(broker.channel_fd),
            context,
            self.background,
            clock=time.time,
            refused=lambda peer, error: self.refused.append((peer, error)),
        )
        self.stack.callback(listener.close)
        return listener, broker.port

    def listen(self) -> tuple[Listener, int]:
        """A plain listener of the keep and its port."""
        broker = self.broker()
        listener = Listener(AcceptChannel(broker.channel_fd))
        self.stack.callback(listener.close)
        return listener, broker.port

    def accept(self, listener: Listener | TlsListener) -> Stream:
        """What a guest's blocking accept does, with patience."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                stream = listener.accept()
            except BlockingIOError:
                listener.wait(deadline)
            else:
                self.stack.callback(stream.close)
                return stream
        pytest.fail(f"no connection; refused: {self.refused}")

    def pump_until(self, done: Callable[[], object]) -> None:
        """Let the background work until *done*."""
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, f"not done; refused: {self.refused}"
            self.background.wait((), time.monotonic() + 0.02)

    def finish(self, future: Future[T]) -> T:
        """Pump until the client's thread is done, and its result."""
        self.pump_until(future.done)
        return future.result()

    def outside(self, work: Callable[..., T], *args: object, **kwargs: object) -> Future[T]:
        """Run *work* as somebody outside the keep."""
        return self.pool.submit(work, *args, **kwargs)

    def client_context(self, anchor: bytes | None = None) -> ssl.SSLContext:
        """Another TLS implementation's client (Python's ssl, on the system's OpenSSL)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=(anchor or self.identity.pem().encode()).decode())
        return context

    def tls_client(
        self, port: int, name: str = "localhost", context: ssl.SSLContext | None = None
    ) -> ssl.SSLSocket:
        """A connected TLS client from outside."""
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        try:
            return (context or self.client_context()).wrap_socket(raw, server_hostname=name)
        except BaseException:
            raw.close()
            raise

    @staticmethod
    def noise(seed: int, size: int) -> bytes:
        """Bytes without a pattern, the same each time."""
        return hashlib.shake_128(seed.to_bytes(8, "big")).digest(size)

    def fill(self, stream: TlsStream) -> bytes:
        """Send until the socket is full; what was taken."""
        data, sent = self.noise(1, 1 << 20), b""
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += data[: stream.send(memoryview(data))]
        return sent

    def tcp_pair(self) -> tuple[int, socket.socket]:
        """A connected descriptor for the keep and the socket outside."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            outside = socket.create_connection(server.getsockname(), PATIENCE_S)
            inside, _ = server.accept()
        self.stack.callback(outside.close)
        return inside.detach(), outside

    def connect_tls(
        self,
        port: int,
        name: str = "localhost",
        *,
        now_s: float | None = None,
        timeout_s: float = PATIENCE_S,
        **settings: object,
    ) -> TlsStream:
        """What another keep does for ``connect``, with its own wait: it may run outside."""
        now_s = time.time() if now_s is None else now_s
        context = client_context(TlsSettings(**settings), self.identity, time.time())
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        stream = tls_connect(
            sock.detach(),
            (name, port),
            context,
            server_name=name,
            deadline=time.monotonic() + timeout_s,
            now_s=now_s,
            background=Background(),
        )
        self.stack.callback(stream.close)
        return stream

    def serve_tls(
        self,
        issued: Issued,
        work: Callable[[ssl.SSLSocket], T],
        adjust: Callable[[ssl.SSLContext], None] = lambda _: None,
        chain: bytes = b"",
    ) -> tuple[int, Future[T | Exception]]:
        """A TLS server outside, for one connection; the result of *work* or the TLS error."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.cert += chain
        context.load_cert_chain(*issued.files(self.folder, f"server{os.urandom(4).hex()}"))
        adjust(context)
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(PATIENCE_S)

        def run() -> T | Exception:
            with server:
                raw, _ = server.accept()
            raw.settimeout(PATIENCE_S)
            with raw:
                try:
                    with context.wrap_socket(raw, server_side=True) as tls:
                        return work(tls)
                except (ssl.SSLError, ConnectionError) as e:
                    return e

        return server.getsockname()[1], self.outside(run)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A keep's side of the network, and the outside."""
    with contextlib.ExitStack() as stack:
        yield World(tmp_path, stack)


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A certificate authority the tests trust."""
    return Authority()


@pytest.fixture(scope="session")
def new_authority() -> type[Authority]:
    """More of them."""
    return Authority


@pytest.fixture(scope="session")
def world_maker(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], contextlib.AbstractContextManager[World]]:
    """A fresh world per example of a property."""

    @contextlib.contextmanager
    def make() -> Iterator[World]:
        with contextlib.ExitStack() as stack:
            yield World(tmp_path_factory.getbasetemp(), stack)

    return make
