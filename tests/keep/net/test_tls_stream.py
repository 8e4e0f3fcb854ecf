"""A TLS stream: bytes, ends, and what a hostile network can do to them."""

from __future__ import annotations

import errno
import os
import random
import socket
import ssl
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def read_all(stream, size=65_536):
    """Receive until the end, as a blocking guest does."""
    view, data = memoryview(bytearray(size)), bytearray()
    while count := stream.recv_into_blocking(view):
        data += view[:count]
    return bytes(data)


def test_bytes_cross_both_ways(world) -> None:
    """What a client sends arrives, and what the guest answers arrives."""
    listener, port = world.listen_tls()

    def client():
        with world.tls_client(port) as tls:
            tls.sendall(b"ping")
            return tls.recv(100), tls.version()

    future = world.outside(client)
    stream = world.accept(listener)
    view = memoryview(bytearray(10))
    assert stream.recv_into_blocking(view) == 4
    assert bytes(view[:4]) == b"ping"
    assert stream.send_blocking(memoryview(b"pong!")) == 5
    assert world.finish(future) == (b"pong!", "TLSv1.3")
