"""The keep's end of a link believes nothing that does not fit."""

from __future__ import annotations

import errno
import gc
import json
import os
import socket
import time
from pathlib import Path

import pytest

from enarx import frames
from enarx.errors import MalformedError
from enarx.keep.link import Link
from enarx.protocol.link import MAX_OUTSTANDING, Reply, Request, encode_reply


@pytest.mark.parametrize(
    "reply",
    [
        b"junk",
        encode_reply(Reply(99, {"addresses": []})),
        encode_reply(Reply(1, {"addresses": 1})),
        encode_reply(Reply(1, None)),
    ],
)
def test_a_keep_believes_no_reply_that_does_not_fit(reply: bytes) -> None:
    """A hostile host ends the keep at worst; it cannot confuse it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = Link(ours.detach())
    theirs.send(reply)
    with pytest.raises(MalformedError):
        link.resolve("x")
    link.close()
    theirs.close()


def test_a_keep_takes_no_file_for_a_socket() -> None:
    """The descriptor of a reply is checked to be of the kind that was asked for."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = Link(ours.detach())
    fd = os.memfd_create("no socket")
    frames.send(theirs, encode_reply(Reply(1, {"peer": ["::1", 1]})), (fd,))
    os.close(fd)
    gc.collect()  # what tests before left to the collector
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(MalformedError, match="wrong kind"):
        link.connect("x", 1, 1.0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    link.close()
    theirs.close()


def test_requests_without_waiting_complete_in_any_order() -> None:
    """A running application's requests are pumped; replies may overtake each other."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = Link(ours.detach())
    one = link.submit(Request("resolve", host="one"))
    two = link.submit(Request("resolve", host="two"))
    link.pump()
    assert not one.done
    theirs.send(encode_reply(Reply(2, {"addresses": ["::2"]})))
    link.pump()
    assert (one.done, two.done) == (False, True)
    theirs.send(encode_reply(Reply(1, errno=errno.EACCES, text="no")))
    link.pump(wait=True)
    with pytest.raises(PermissionError, match="no"):
        one.result()
    link.close()
    theirs.close()


def test_a_keep_cannot_ask_without_end() -> None:
    """Beyond the bound a request is refused in the keep, before it is sent."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = Link(ours.detach())
    for _ in range(MAX_OUTSTANDING):
        link.submit(Request("resolve", host="x"))
    with pytest.raises(BlockingIOError):
        link.submit(Request("resolve", host="x"))
    link.close()
    theirs.close()


def test_a_log_that_nobody_reads_does_not_stop_the_keep() -> None:
    """Lines are dropped while the link is full, and after the host has gone."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = Link(ours.detach())
    for _ in range(5000):
        link.log("info", "enarx.keep", "x" * 5000 + "\0")
    fields = json.loads(theirs.recv(1 << 16))
    assert fields == {"event": "log", "level": "info", "target": "enarx.keep", "text": "x" * 1000}
    theirs.close()
    link.log("info", "enarx.keep", "gone")
    link.close()


def test_a_reply_that_comes_too_late_is_closed() -> None:
    """Who waits no longer than until a deadline leaves no descriptor behind."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = Link(ours.detach())
    with pytest.raises(TimeoutError, match="did not answer in time"):
        link.connect("x", 1, 1.0, deadline=time.monotonic())
    near, far = socket.socketpair()
    frames.send(theirs, encode_reply(Reply(1, {"peer": ["::1", 1]})), (far.fileno(),))
    far.close()
    link.pump()
    assert near.recv(1) == b""
    for one in (near, theirs, link):
        one.close()
