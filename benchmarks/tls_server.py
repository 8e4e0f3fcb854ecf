"""The benchmark's server in plain Python over pyOpenSSL: the TLS of a keep without the keep.

It speaks the protocol of ``guests/server.c`` with the same buffer, on blocking sockets, in the
shortest loops that Python allows.  Descriptor 3 listens.
"""

from __future__ import annotations

import datetime as dt
import socket
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

ROOM = 1 << 16
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n"
buffer = bytearray(ROOM)
view = memoryview(buffer)


def context() -> SSL.Context:
    """TLS 1.3 with a certificate like the keep's own: self-signed, P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    made.set_min_proto_version(SSL.TLS1_3_VERSION)
    made.use_privatekey(key)
    made.use_certificate(certificate)
    return made


def receive_count(connection: SSL.Connection) -> int:
    """Eight bytes, little-endian."""
    data = b""
    while len(data) < 8:
        data += connection.recv(8 - len(data))
    return int(struct.unpack("<Q", data)[0])


def echo(connection: SSL.Connection) -> None:
    """Send back every byte."""
    while True:
        got = connection.recv_into(buffer)
        connection.sendall(view[:got])


def take(connection: SSL.Connection) -> None:
    """Read as many bytes as announced, then send one."""
    left = receive_count(connection)
    while left > 0:
        left -= connection.recv_into(buffer)
    connection.sendall(b"k")


def give(connection: SSL.Connection) -> None:
    """Send as many bytes as asked for."""
    left = receive_count(connection)
    while left > 0:
        connection.sendall(view[: min(left, ROOM)])
        left -= ROOM


def http(connection: SSL.Connection) -> None:
    """Answer requests; the first byte was read."""
    have = 1
    while True:
        end = buffer.find(b"\r\n\r\n", 0, have)
        if end >= 0:
            connection.sendall(ANSWER)
            rest = bytes(view[end + 4 : have])
            have = len(rest)
            view[:have] = rest
            continue
        have += connection.recv_into(view[have:])


SERVICES = {b"p": echo, b"i": take, b"o": give, b"G": http}


def main() -> None:
    """Serve connections one after another."""
    listener = socket.socket(fileno=3)
    made = context()
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = SSL.Connection(made, sock)
        connection.set_accept_state()
        try:
            first = connection.recv(1)
            buffer[:1] = first
            SERVICES[first](connection)
        except SSL.Error:
            pass  # the client has gone
        sock.close()


main()
