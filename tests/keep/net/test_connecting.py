"""Outgoing TLS: who is believed, and what the operator is told otherwise."""

from __future__ import annotations

import errno
import gc
import os
import socket
import ssl
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.keep.net.connecting import advice

if TYPE_CHECKING:
    from tests.keep.net.conftest import Authority, Issued, World

pytestmark = pytest.mark.slow

DAY_S = 86_400


def echo(tls: ssl.SSLSocket) -> bytes:
    """A server that answers once and reports what it heard."""
    heard = tls.recv(100)
    tls.sendall(b"echo " + heard)
    return heard


def open_descriptors() -> int:
    """How many descriptors this process has."""
    gc.collect()  # what tests before left to the collector
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def refusal(world: World, port: int, name: str, **options: object) -> OSError:
    """Why the keep refuses this server; nothing may stay open."""
    before = open_descriptors()
    with pytest.raises(OSError, match="Errno") as caught:
        world.connect_tls(port, name, **options)
    assert open_descriptors() <= before
    return caught.value


@pytest.mark.parametrize(
    ("certified", "asked"),
    [
        ("db.example", "db.example"),
        ("db.example", "DB.Example."),
        ("*.example.org", "a.example.org"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("xn--bcher-kva.example", "bücher.example"),
    ],
)
def test_a_certified_server_is_believed(
    world: World, authority: Authority, certified: str, asked: str
) -> None:
    """Chain and name are right: bytes flow, with the post-quantum group where the peer has it."""
    port, served = world.serve_tls(authority.issue(certified), echo)
    stream = world.connect_tls(port, asked, trust_anchors=[authority.pem])
    stream.send_blocking(memoryview(b"hello"))
    view = memoryview(bytearray(20))
    assert bytes(view[: stream.recv_into_blocking(view)]) == b"echo hello"
    assert served.result(world.patience_s) == b"hello"
    stream.close()


@pytest.mark.parametrize(
    ("certified", "asked"),
    [
        ("other.example", "db.example"),
        ("*.example", "db.example"),
        ("*.example.org", "a.b.example.org"),
        ("*.example.org", "example.org"),
        ("127.0.0.2", "127.0.0.1"),
        ("127.0.0.1.example", "127.0.0.1"),
    ],
)
def test_a_certificate_for_another_name_is_refused(
    world: World, authority: Authority, certified: str, asked: str
) -> None:
    """Name mismatch, with both names in the message and an alert to the server."""
    port, served = world.serve_tls(authority.issue(certified), echo)
    error = refusal(world, port, asked, trust_anchors=[authority.pem])
    assert error.strerror == f"the certificate is not for {asked} (it is for {certified})"
    assert isinstance(served.result(world.patience_s), ssl.SSLError | ConnectionError)


def test_the_common_name_does_not_count(world: World, authority: Authority) -> None:
    """RFC 9525, section 2: a name only in the subject certifies nothing."""
    issued = authority.issue("db.example", alternative=("other.example",))
    port, _ = world.serve_tls(issued, echo)
    assert "not for db.example" in str(
        refusal(world, port, "db.example", trust_anchors=[authority.pem])
    )


def test_the_server_name_of_the_settings_wins(world: World, authority: Authority) -> None:
    """``tls.server_name`` is what is asked for (SNI) and verified, whatever the host is called."""
    asked = []

    def adjust(context: ssl.SSLContext) -> None:
        context.sni_callback = lambda _, name, __: asked.append(name)

    port, _ = world.serve_tls(authority.issue("db.example"), echo, adjust)
    world.connect_tls(
        port, "10.0.0.1", trust_anchors=[authority.pem], server_name="db.example"
    ).close()
    assert asked == ["db.example"]


def test_an_unknown_authority_is_refused(
    world: World, authority: Authority, new_authority: type[Authority]
) -> None:
    """A right name from a wrong authority is worth nothing; neither is Mozilla's list for ours."""
    for anchors in ([new_authority("Other CA").pem], ["mozilla"]):
        port, _ = world.serve_tls(authority.issue("db.example"), echo)
        error = refusal(world, port, "db.example", trust_anchors=anchors)
        assert "issuer that is not among the trust anchors" in str(error)


def test_an_authority_of_the_same_name_is_refused(
    world: World, authority: Authority, new_authority: type[Authority]
) -> None:
    """An anchor is a key, not a name."""
    port, _ = world.serve_tls(authority.issue("db.example"), echo)
    refusal(world, port, "db.example", trust_anchors=[new_authority("Test CA").pem])


def test_an_expired_certificate_is_refused(world: World, authority: Authority) -> None:
    """With the dates, because the clock may be what is wrong."""
    port, _ = world.serve_tls(authority.issue("db.example", end=-timedelta(minutes=1)), echo)
    error = refusal(world, port, "db.example", trust_anchors=[authority.pem])
    assert "CN=db.example has expired (valid from" in str(error)


@pytest.mark.parametrize(
    ("shift_s", "problem"), [(2 * DAY_S, "has expired"), (-DAY_S / 2, "is not valid yet")]
)
def test_now_is_an_argument(
    world: World, authority: Authority, shift_s: float, problem: str
) -> None:
    """Certificates are judged at the instant the keep says, not at the machine's."""
    port, _ = world.serve_tls(authority.issue("db.example"), echo)
    now_s = time.time() + shift_s
    assert problem in str(
        refusal(world, port, "db.example", trust_anchors=[authority.pem], now_s=now_s)
    )


def test_a_self_signed_certificate_can_be_pinned(world: World) -> None:
    """Two keeps can talk: one's own certificate is an anchor for itself."""
    listener, port = world.listen_tls()
    future = world.outside(
        lambda: world.connect_tls(port, trust_anchors=[world.identity.pem().encode()])
    )
    world.accept(listener)
    future.result(world.patience_s)
    port, _ = world.serve_tls(self_made(), echo)
    error = refusal(world, port, "localhost", trust_anchors=[world.identity.pem().encode()])
    assert "trust anchors" in str(error)


def self_made() -> Issued:
    """A certificate a machine in the middle made for itself."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    from enarx.keep.identity import make_identity

    identity = make_identity(time.time())

    class Made:
        cert = identity.pem().encode()
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

        def files(self, folder: Path, name: str) -> tuple[str, str]:
            for suffix, data in (("pem", self.cert), ("key", self.key)):
                (folder / f"{name}.{suffix}").write_bytes(data)
            return str(folder / f"{name}.pem"), str(folder / f"{name}.key")

    return Made()


def test_the_keeps_certificate_is_offered(world: World, authority: Authority) -> None:
    """A server that asks for a client certificate gets the keep's own."""

    def adjust(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=world.identity.pem())

    port, served = world.serve_tls(
        authority.issue("db.example"), lambda tls: (tls.recv(1), tls.getpeercert())[1], adjust
    )
    stream = world.connect_tls(port, "db.example", trust_anchors=[authority.pem])
    stream.send_blocking(memoryview(b"x"))
    served_to = served.result(world.patience_s)
    assert served_to["subject"] == ((("commonName", "localhost"),),)


def test_alpn_is_offered(world: World, authority: Authority) -> None:
    """The server picks from what the settings say."""
    port, served = world.serve_tls(
        authority.issue("db.example"),
        lambda tls: tls.selected_alpn_protocol(),
        lambda context: context.set_alpn_protocols(["b", "c"]),
    )
    stream = world.connect_tls(
        port, "db.example", trust_anchors=[authority.pem], alpn=["a", "b", "c"]
    )
    assert stream.alpn() == b"b"
    assert served.result(world.patience_s) == "b"


def test_a_server_below_tls_1_3_is_refused(world: World, authority: Authority) -> None:
    """With words, because it is the server that must be updated."""

    def adjust(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    port, _ = world.serve_tls(authority.issue("db.example"), echo, adjust)
    error = refusal(world, port, "db.example", trust_anchors=[authority.pem])
    assert str(error.strerror) == "the other side does not speak TLS 1.3"


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n" + bytes(50), b"HTTP/1.1 400 Bad\r\n\r\n"])
def test_a_server_without_tls_is_refused(world: World, said: bytes) -> None:
    """A plain server is named as one."""
    inside, outside = world.tcp_pair()
    outside.sendall(said)
    error = handshake_error(world, inside)
    assert "does not speak TLS" in str(error)


def test_a_silent_server_times_out(world: World) -> None:
    """A server that accepts and says nothing is given up at the deadline."""
    inside, _ = world.tcp_pair()
    start = time.monotonic()
    error = handshake_error(world, inside, timeout_s=0.05)
    assert isinstance(error, TimeoutError)
    assert time.monotonic() - start < 5


def test_a_server_that_hangs_up_is_named(world: World) -> None:
    """TCP that ends in the handshake is no success."""
    inside, outside = world.tcp_pair()
    outside.close()
    assert handshake_error(world, inside).errno in (errno.ECONNRESET, errno.EPIPE)


def handshake_error(
    world: World, fd: int, *, timeout_s: float = 10.0, server_name: str = "db.example"
) -> OSError:
    """What tls_connect raises on this descriptor."""
    from enarx.keep.net.connecting import tls_connect
    from enarx.keep.net.settings import TlsSettings
    from enarx.keep.net.tls_context import client_context

    context = client_context(TlsSettings(), world.identity, time.time())
    with pytest.raises(OSError, match="Errno") as caught:
        tls_connect(
            fd,
            ("x", 1),
            context,
            server_name=server_name,
            deadline=time.monotonic() + timeout_s,
            now_s=time.time(),
            background=world.background,
        )
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    return caught.value


def test_what_is_no_socket_is_refused(world: World) -> None:
    """A broker that passes something else is an error of that connection, and it is closed."""
    for fd in (os.open("/dev/null", os.O_RDWR), socket.socket(type=socket.SOCK_DGRAM).detach()):
        assert handshake_error(world, fd).errno in (errno.ENOTSOCK, errno.EPROTOTYPE)


@pytest.mark.parametrize(
    ("problem", "hint"),
    [
        ("the certificate of X has an issuer that is not among the trust anchors", "trust_anchors"),
        ("the certificate is not for a (it is for b)", "tls.server_name"),
        ("the certificate of X has expired (valid from 2020-01-01 to 2021-01-01)", "renewed"),
        ("the other side does not speak TLS at all", 'prot = "tcp"'),
        ("the TLS handshake timed out", "firewall"),
        (None, None),
        ("something new", None),
    ],
)
def test_advice(problem: str | None, hint: str | None) -> None:
    """What is known to help is said."""
    told = advice(OSError(errno.EPROTO, problem))
    assert told is None if hint is None else hint in str(told)


def test_an_intermediate_authority_completes_the_chain(
    world: World, authority: Authority, new_authority: type[Authority]
) -> None:
    """A server that sends its issuer is believed by the root, or by the issuer as the anchor."""
    middle = new_authority("Middle CA", issuer=authority)
    leaf = middle.issue("db.example")
    listener, port = world.listen_tls(certificate=leaf.cert + middle.pem, private_key=leaf.key)
    for anchor in (authority.pem, middle.pem):
        future = world.outside(
            lambda anchor=anchor: world.connect_tls(port, "db.example", trust_anchors=[anchor])
        )
        world.accept(listener)
        future.result(world.patience_s)


def test_a_leaf_cannot_certify(
    world: World, authority: Authority, new_authority: type[Authority]
) -> None:
    """A certificate that is no authority's does not become one by signing."""
    leaf = authority.issue("owner.example")
    forged = new_authority.of(leaf).issue("db.example")
    port, _ = world.serve_tls(forged, echo, chain=leaf.cert)
    error = refusal(world, port, "db.example", trust_anchors=[authority.pem])
    assert "not among" in str(error) or "authority" in str(error)


def test_what_cannot_be_a_server_name_is_refused(world: World) -> None:
    """Before a byte is sent."""
    inside, outside = world.tcp_pair()
    error = handshake_error(world, inside, server_name="a..example")
    assert error.errno == errno.EINVAL
    assert "'a..example'" in str(error)
    assert outside.recv(1) == b""
