"""What TLS offers and demands, as other implementations see it."""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest
from OpenSSL import SSL

from enarx.keep.net.settings import TlsSettings
from enarx.keep.net.tls_context import SUITES, client_context

if TYPE_CHECKING:
    from tests.keep.net.conftest import Authority, World

# IANA TLS Supported Groups
X25519MLKEM768, X25519, SECP256R1, SECP384R1 = 0x11EC, 0x001D, 0x0017, 0x0018
SUPPORTED_GROUPS, SUPPORTED_VERSIONS, KEY_SHARE = 10, 43, 51
TLS_1_3 = 0x0304
ANSWER_S = 10


def client_hello(context: SSL.Context) -> tuple[list[int], dict[int, bytes]]:
    """The suites and extensions of the first thing a client of *context* says."""
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(0)
        connection = SSL.Connection(context, near)
        connection.set_connect_state()
        with pytest.raises(SSL.WantReadError):
            connection.do_handshake()
        record = far.recv(65_536)
    hello = record[5:][4:]  # record header, handshake header
    at = 2 + 32  # legacy_version, random
    at += 1 + hello[at]
    size = int.from_bytes(hello[at : at + 2], "big")
    suites = numbers(hello[at + 2 : at + 2 + size])
    at += 2 + size
    at += 1 + hello[at]
    rest = hello[at + 2 :]
    extensions = {}
    while rest:
        size = int.from_bytes(rest[2:4], "big")
        extensions[int.from_bytes(rest[:2], "big")] = rest[4 : 4 + size]
        rest = rest[4 + size :]
    return suites, extensions


def numbers(data: bytes) -> list[int]:
    """Big-endian pairs."""
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def test_client_hello_offers_x25519mlkem768_first(world: World) -> None:
    """The post-quantum group leads the list and has a key share; X25519, P-256, P-384 follow."""
    context = client_context(TlsSettings(), world.identity, time.time())
    _, extensions = client_hello(context._context)
    groups = numbers(extensions[SUPPORTED_GROUPS][2:])
    assert groups[0] == X25519MLKEM768
    classical = [each for each in groups if each in (X25519, SECP256R1, SECP384R1)]
    assert classical == [X25519, SECP256R1, SECP384R1]
    assert numbers(extensions[KEY_SHARE][2:4]) == [X25519MLKEM768]


def test_client_hello_offers_tls_1_3_only_and_three_suites(world: World) -> None:
    """No older version is offered, and the suites are those of Enarx 0.7 in its order."""
    context = client_context(TlsSettings(), world.identity, time.time())
    suites, extensions = client_hello(context._context)
    assert numbers(extensions[SUPPORTED_VERSIONS][1:]) == [TLS_1_3]
    assert suites == [0x1302, 0x1301, 0x1303], SUITES  # RFC 8446, appendix B.4


def modern_client(port: int) -> str | None:
    """The group a client of the keep's own OpenSSL gets."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    with socket.create_connection(("127.0.0.1", port), ANSWER_S) as sock:
        sock.settimeout(None)
        connection = SSL.Connection(context, sock)
        connection.set_connect_state()
        connection.do_handshake()
        return connection.get_group_name()


def test_server_negotiates_x25519mlkem768(world: World) -> None:
    """A client that knows the post-quantum group gets it."""
    listener, port = world.listen_tls()
    future = world.outside(modern_client, port)
    assert world.accept(listener).group() == "X25519MLKEM768"
    assert world.finish(future) == "X25519MLKEM768"


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("option", ["-tls1", "-tls1_1", "-tls1_2"])
def test_openssl_gets_nothing_below_tls_1_3(world: World, option: str) -> None:
    """s_client with an older version is refused with the alert protocol_version."""
    listener, port = world.listen_tls()
    result = world.finish(world.outside(s_client, port, option, "-cipher", "ALL@SECLEVEL=0"))
    assert result.returncode != 0
    assert "Cipher is (NONE)" in result.stdout
    assert "alert protocol version" in result.stderr
    assert world.refused
    assert not listener.ready()


@pytest.mark.needs("openssl")
def test_openssl_gets_tls_1_3(world: World) -> None:
    """s_client connects, verifies the keep's certificate by name, and is told TLS 1.3."""
    listener, port = world.listen_tls()
    anchor = world.folder / "keep.pem"
    anchor.write_text(world.identity.pem())
    future = world.outside(
        s_client,
        port,
        "-CAfile",
        str(anchor),
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
    )
    stream = world.accept(listener)
    stream.send_blocking(memoryview(b"hello from the keep\n"))
    stream.shutdown(2)
    result = world.finish(future)
    assert "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384" in result.stdout
    assert "Verification: OK" in result.stdout
    assert "hello from the keep" in result.stdout


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
@pytest.mark.parametrize(
    "suite",
    ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"],
)
def test_classical_clients_are_served(world: World, group: str, suite: str) -> None:
    """Every suite of ours, over each classical group."""
    listener, port = world.listen_tls()
    options = ("-groups", group, "-ciphersuites", suite)
    future = world.outside(s_client, port, *options)
    stream = world.accept(listener)
    assert stream.group() == {"P-256": "secp256r1", "P-384": "secp384r1"}.get(group, "x25519")
    stream.close()
    assert f"Cipher is {suite}" in world.finish(future).stdout


@pytest.mark.needs("openssl")
def test_key_updates_are_followed(world: World) -> None:
    """A peer may change its keys, and ask for ours to change, in the middle (RFC 8446, 4.6.3)."""
    listener, port = world.listen_tls()
    said, say = os.pipe()
    future = world.outside(s_client, port, "-quiet", "-no_ign_eof", given=said)
    stream = world.accept(listener)
    view = memoryview(bytearray(100))
    for command in (b"before\n", b"K\n", b"after\n"):
        os.write(say, command)
        world.pump_until(lambda: not unread(said))  # a command counts at the start of a read
        if command != b"K\n":
            assert bytes(view[: stream.recv_into_blocking(view)]) == command
    stream.send_blocking(memoryview(b"answer\n"))
    stream.close()
    os.close(say)
    assert "answer" in world.finish(future).stdout
    os.close(said)


def unread(fd: int) -> int:
    """Bytes waiting in a pipe."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.mark.needs("curl")
def test_curl_gets_nothing_below_tls_1_3(world: World) -> None:
    """A client that insists on TLS 1.2 gets no connection."""
    _, port = world.listen_tls()
    future = world.outside(
        lambda: subprocess.run(
            ["curl", "-sSk", "--tls-max", "1.2", f"https://127.0.0.1:{port}/"],
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    )
    result = world.finish(future)
    assert result.returncode == 35  # CURLE_SSL_CONNECT_ERROR
    assert world.refused


def s_client(
    port: int, *options: str, given: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``openssl s_client`` until the server ends; its input stays open, or it would quit."""
    silent, kept_open = os.pipe()
    try:
        return subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
            stdin=silent if given is None else given,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    finally:
        os.close(silent)
        os.close(kept_open)


@pytest.mark.needs("curl")
def test_curl_fetches_a_page(world: World) -> None:
    """Curl verifies the keep and reads a page that ends with the connection."""
    listener, port = world.listen_tls(alpn=["http/1.1"])
    anchor = world.folder / "keep.pem"
    anchor.write_text(world.identity.pem())
    future = world.outside(
        lambda: subprocess.run(
            [
                "curl",
                "-sS",
                "--cacert",
                str(anchor),
                f"https://localhost:{port}/",
                "--resolve",
                f"localhost:{port}:127.0.0.1",
                "--tlsv1.3",
            ],
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    )
    stream = world.accept(listener)
    assert stream.recv_into_blocking(memoryview(bytearray(4096))) > 0
    stream.send_blocking(memoryview(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npage"))
    stream.close()
    result = world.finish(future)
    assert (result.returncode, result.stdout) == (0, "page"), result.stderr


def test_no_session_is_resumed(world: World) -> None:
    """A client that offers its last session gets a full handshake, so it is verified anew."""
    listener, port = world.listen_tls()
    context = world.client_context()

    def connect(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool | None]:
        raw = socket.create_connection(("127.0.0.1", port), ANSWER_S)
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
            tls.recv(1)
            return tls.session, tls.session_reused

    session, reused = None, None
    for _ in range(2):
        future = world.outside(connect, session)
        world.accept(listener).send_blocking(memoryview(b"x"))
        session, reused = world.finish(future)
    assert session is not None
    assert reused is False


class TestServerNames:
    """RFC 6066, section 3; RFC 8446, section 9.2."""

    @pytest.mark.parametrize("name", ["a.example", "A.EXAMPLE", "x.b.example"])
    def test_a_served_name_is_accepted(self, world: World, name: str) -> None:
        """Names are compared without case; a wildcard stands for one label."""
        listener, port = world.listen_tls(server_names=["a.example", "*.b.example"])
        context = world.client_context()
        context.check_hostname = False
        future = world.outside(world.tls_client, port, name, context)
        world.accept(listener)
        world.finish(future).close()

    @pytest.mark.parametrize("name", ["c.example", "b.example", "x.y.b.example"])
    def test_an_unknown_name_gets_unrecognized_name(
        self, world: World, capfd: pytest.CaptureFixture[str], name: str
    ) -> None:
        """The client is told which alert, and nothing is printed."""
        listener, port = world.listen_tls(server_names=["a.example", "*.b.example"])
        future = world.outside(world.tls_client, port, name)
        world.pump_until(future.done)
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            future.result()
        assert f"'{name}'" in str(world.refused[0][1])
        assert not listener.ready()
        assert capfd.readouterr() == ("", "")

    def test_no_name_gets_missing_extension(self, world: World) -> None:
        """A client that names no server is refused where names are configured."""
        _, port = world.listen_tls(server_names=["a.example"])
        context = world.client_context()
        context.check_hostname = False
        future = world.outside(lambda: world.tls_client(port, "", context))
        world.pump_until(future.done)
        with pytest.raises((ssl.SSLError, ValueError)):
            future.result()

    def test_a_client_that_leaves_before_the_alert(self, world: World) -> None:
        """Refusing somebody who has gone is quiet, and still named."""
        _, port = world.listen_tls(server_names=["a.example"])
        tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
        tls.set_tlsext_host_name(b"c.example")
        tls.set_connect_state()
        with pytest.raises(SSL.WantReadError):
            tls.do_handshake()
        with socket.create_connection(("127.0.0.1", port), ANSWER_S) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(tls.bio_read(10_000))
        world.pump_until(lambda: world.refused)


class TestAlpn:
    """RFC 7301."""

    @pytest.mark.parametrize(
        ("theirs", "agreed"), [(["h2", "http/1.1"], "http/1.1"), (["x", "h3"], "h3"), ([], None)]
    )
    def test_the_listeners_preference_wins(
        self, world: World, theirs: list[str], agreed: str | None
    ) -> None:
        """The first of ours the client offers is chosen; no offer, no protocol."""
        listener, port = world.listen_tls(alpn=["http/1.1", "h3"])
        context = world.client_context()
        if theirs:
            context.set_alpn_protocols(theirs)
        future = world.outside(world.tls_client, port, "localhost", context)
        stream = world.accept(listener)
        with world.finish(future) as tls:
            assert tls.selected_alpn_protocol() == agreed
        assert stream.alpn() == (agreed or "").encode()

    def test_nothing_in_common_gets_no_application_protocol(
        self, world: World, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """The alert names the reason, the next client is not affected, nothing is printed."""
        listener, port = world.listen_tls(alpn=["h3"])
        context = world.client_context()
        context.set_alpn_protocols(["h2"])
        future = world.outside(world.tls_client, port, "localhost", context)
        world.pump_until(future.done)
        with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
            future.result()
        assert "ALPN" in str(world.refused[0][1])
        good = world.outside(world.tls_client, port)
        world.accept(listener)
        world.finish(good).close()
        assert capfd.readouterr() == ("", "")


def test_a_configured_certificate_is_served(world: World, authority: Authority) -> None:
    """``certificate`` and ``private_key`` replace the keep's own."""
    issued = authority.issue("service.example")
    listener, port = world.listen_tls(certificate=issued.cert, private_key=issued.key)
    context = world.client_context(authority.pem)
    future = world.outside(world.tls_client, port, "service.example", context)
    world.accept(listener)
    world.finish(future).close()
