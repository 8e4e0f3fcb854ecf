"""What two carriers bring from one end to the other, and in which order it ends."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from tests.tunnel.parties import (
    FILES_BYTES,
    Both,
    file_of,
    link_pair,
    offer,
    stream_pair,
    tcp_pair,
    there,
)

from enarx import frames

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

BIG = bytes(range(256)) * 8192  # 2 MiB: many windows


def push(both: Both, sock: socket.socket, data: bytes) -> None:
    """Send all of *data*."""
    left = [memoryview(data)]

    def sent() -> bool:
        try:
            left[0] = left[0][sock.send(left[0]) :]
        except BlockingIOError:
            return False
        return not left[0]

    both.until(sent)


def test_frames_arrive_in_order_on_their_link(both: Both) -> None:
    """Both ways, on both links, as they were sent."""
    for n in range(20):
        frames.send(both.host[0], b"agent %d" % n)
        frames.send(both.host[1], b"broker %d" % n)
        frames.send(both.keep[1], b"request %d" % n)
    for n in range(20):
        assert both.frame(both.keep[0]) == (b"agent %d" % n, [])
        assert both.frame(both.keep[1]) == (b"broker %d" % n, [])
        assert both.frame(both.host[1]) == (b"request %d" % n, [])


def test_the_longest_frame_and_the_most_descriptors_arrive(both: Both) -> None:
    """64 KiB and 128 files in one frame: what a link allows, the tunnel carries."""
    files = [file_of(b"%d" % n) for n in range(128)]
    frames.send(both.host[0], bytes(65_536), files)
    frames.close(files)
    data, fds = both.frame(both.keep[0])
    assert data == bytes(65_536)
    assert [os.read(fd, 9) for fd in fds] == [b"%d" % n for n in range(128)]
    frames.close(fds)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, FILES_BYTES])
def test_a_file_is_there_when_its_frame_is(both: Both, size: int) -> None:
    """All of its content, at its beginning, and nobody can change it any more."""
    content = os.urandom(size)
    file = file_of(content)
    os.lseek(file, 0, os.SEEK_END)
    frames.send(both.keep[0], b"envelope", (file,))
    os.close(file)
    frames.send(both.keep[0], b"after")
    data, fds = both.frame(both.host[0])
    assert data == b"envelope"
    with os.fdopen(fds[0], "rb", closefd=False) as found:
        assert found.read() == content
    with pytest.raises(PermissionError):
        os.pwrite(fds[0], b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(fds[0], size + 1)
    frames.close(fds)
    assert both.frame(both.host[0]) == (b"after", [])


def test_files_give_their_room_back(both: Both) -> None:
    """However many files are sent after each other, there is room for the next."""
    for _ in range(5):
        file = file_of(bytes(FILES_BYTES))
        frames.send(both.host[0], b"file", (file,))
        os.close(file)
    for _ in range(5):
        _, fds = both.frame(both.keep[0])
        assert os.fstat(fds[0]).st_size == FILES_BYTES
        frames.close(fds)


@pytest.mark.parametrize("make", [stream_pair, tcp_pair])
def test_a_stream_carries_both_directions(
    both: Both, make: Callable[[], tuple[socket.socket, socket.socket]]
) -> None:
    """Every byte once and in order, each way, and the end of one way leaves the other."""
    ours, peer = make()
    inside = both.carry(ours)
    push(both, peer, b"question")
    peer.shutdown(socket.SHUT_WR)
    assert both.receive_all(inside) == b"question"
    push(both, inside, b"answer")
    inside.shutdown(socket.SHUT_WR)
    assert both.receive_all(peer) == b"answer"
    peer.close()
    both.until(lambda: not streams(both))


def streams(both: Both) -> list[int]:
    """Channels beside the links that are not over, at either end."""
    return [n for one in both.carriers for n in one.tunnel.channels if n not in (0, 2)]


@pytest.mark.parametrize("make", [stream_pair, tcp_pair])
def test_much_more_than_a_window_arrives(
    both: Both, make: Callable[[], tuple[socket.socket, socket.socket]]
) -> None:
    """Credit comes back as the reader takes what was sent."""
    ours, peer = make()
    inside = both.carry(ours)
    for writer, reader in ((peer, inside), (inside, peer)):
        left, got = memoryview(BIG), bytearray()
        while len(got) < len(BIG):
            left = left[offer(writer, left) :]
            both.step()
            got += there(reader)
        assert got == BIG
    peer.close()


def test_bytes_that_were_sent_before_delivery_wait(both: Both) -> None:
    """A peer may speak before anybody inside knows of the connection."""
    ours, peer = stream_pair()
    peer.send(b"early")
    peer.close()
    inside = both.carry(ours)
    assert both.receive_all(inside) == b"early"


def test_a_reset_is_told_from_an_end(both: Both) -> None:
    """A TCP reset hangs the local pair up; an orderly end only ends one direction."""
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    assert both.receive(inside) == b""
    with pytest.raises(BrokenPipeError):
        inside.send(b"x")
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    peer.shutdown(socket.SHUT_WR)
    assert both.receive(inside) == b""
    inside.send(b"x")
    assert both.receive(peer) == b"x"
    peer.close()


def test_a_reset_after_an_end_is_told_too(both: Both) -> None:
    """A peer that has said all may still break off: whoever writes to it learns so."""
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    peer.shutdown(socket.SHUT_WR)
    assert both.receive(inside) == b""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    both.until(lambda: not streams(both))
    with pytest.raises(BrokenPipeError):
        inside.send(b"x")


def test_a_local_end_that_said_all_and_left(both: Both) -> None:
    """Its connection ends in order, though its peer still had something to say."""
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    inside.send(b"request")
    inside.shutdown(socket.SHUT_WR)
    assert both.receive_all(peer) == b"request"
    inside.close()
    both.until(lambda: not streams(both))
    peer.close()


def test_who_has_said_all_may_read_slowly(both: Both) -> None:
    """Nothing is lost when both directions have ended and the reader has not begun."""
    ours, peer = stream_pair()
    inside = both.carry(ours)
    inside.shutdown(socket.SHUT_WR)
    push(both, peer, bytes(400_000))
    peer.shutdown(socket.SHUT_WR)
    both.settle()
    assert both.receive_all(peer) == b""
    assert both.receive_all(inside) == bytes(400_000)
    both.until(lambda: not streams(both))
    peer.close()


def test_what_is_closed_with_bytes_unread_resets_the_peer(both: Both) -> None:
    """As the kernel does it for a socket that an application closes too early."""
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    peer.send(b"unread")
    both.until(lambda: _readable(inside))
    inside.close()
    with pytest.raises(ConnectionResetError):
        both.receive(peer)
    peer.close()
    both.until(lambda: not streams(both))


def _readable(sock: socket.socket) -> bool:
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_what_was_sent_before_a_close_is_delivered(both: Both) -> None:
    """An application that answers and closes at once is heard to the end."""
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    push(both, peer, b"GET /")
    assert both.receive(inside) == b"GET /"
    inside.settimeout(None)
    inside.send(bytes(100_000))
    inside.close()
    assert both.receive_all(peer) == bytes(100_000)
    peer.close()
    both.until(lambda: not streams(both))


def test_a_closed_application_does_not_wait_for_its_peer(both: Both) -> None:
    """A peer that never ends its side cannot hold a channel of one who is gone."""
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    inside.close()
    assert both.receive(peer) == b""
    both.until(lambda: not streams(both))
    peer.close()


def test_who_writes_to_a_closed_local_peer_is_reset(both: Both) -> None:
    """It reads what came before, and its next word is answered as a kernel would."""
    ours, peer = stream_pair()
    inside = both.carry(ours)
    peer.send(b"last")
    peer.close()
    assert both.receive_all(inside) == b"last"
    inside.send(b"late")
    both.until(lambda: not streams(both))
    with pytest.raises(BrokenPipeError):
        inside.send(b"later")


def test_connections_over_an_accept_channel(both: Both) -> None:
    """A link beside a frame brings more connections; closing it is seen at the other end."""
    door, theirs = link_pair()
    inside = both.carry(theirs)
    for n in range(3):
        ours, peer = tcp_pair()
        frames.send(door, b"peer %d" % n, (ours.fileno(),))
        ours.close()
        data, fds = both.frame(inside)
        assert data == b"peer %d" % n
        with socket.socket(fileno=fds[0]) as sock:
            sock.send(b"hello")
            assert both.receive(peer) == b"hello"
        peer.close()
    inside.close()
    assert both.frame(door) == (b"", [])
    door.close()
    both.until(lambda: not streams(both))


def test_connections_that_nobody_took_are_closed(both: Both) -> None:
    """Those on their way to a door that was closed end at their peers."""
    door, theirs = link_pair()
    inside = both.carry(theirs)
    peers = []
    for _ in range(3):
        ours, peer = stream_pair()
        frames.send(door, b"peer", (ours.fileno(),))
        ours.close()
        peers.append(peer)
    inside.close()
    for peer in peers:
        assert both.receive(peer) == b""
        peer.close()
    door.close()
    both.until(lambda: not streams(both))


def test_the_agent_s_end_ends_the_tunnel_in_order(both: Both) -> None:
    """With the links closed, and all delivered, both sides say that it is finished."""
    ours, peer = tcp_pair()
    inside = both.carry(ours)
    inside.settimeout(None)
    inside.send(b"last words")
    for sock in (inside, *both.keep):
        sock.close()
    assert both.receive_all(peer) == b"last words"
    peer.close()
    both.until(lambda: "" not in both.ends())
    assert both.ends() == ["finished", "finished"]
    assert [link.recv(1) for link in both.host] == [b"", b""]


def test_a_stream_that_goes_on_does_not_hold_a_tunnel_without_links(both: Both) -> None:
    """A local peer that keeps its end open is not waited for."""
    ours, peer = stream_pair()
    inside = both.carry(ours)
    for sock in (inside, *both.keep):
        sock.close()
    both.until(lambda: "" not in both.ends())
    assert both.ends() == ["finished", "finished"]
    peer.close()


def test_one_link_may_end_before_the_other(both: Both) -> None:
    """A broker that is gone leaves the agent's link as it is."""
    both.host[1].close()
    assert both.frame(both.keep[1]) == (b"", [])
    frames.send(both.host[0], b"still here")
    assert both.frame(both.keep[0]) == (b"still here", [])
    assert both.ends() == ["", ""]


def test_a_host_that_is_gone_is_lost(both: Both) -> None:
    """Whatever is open inside ends: links as closed, streams as broken."""
    ours, peer = stream_pair()
    inside = both.carry(ours)
    both.carriers[0].close()
    both.until(lambda: both.ends()[1])
    assert both.ends() == ["failed", "lost"]
    assert [link.recv(1) for link in both.keep] == [b"", b""]
    with pytest.raises(BrokenPipeError):
        inside.send(b"x")
    peer.close()


@pytest.mark.parametrize("kind", ["pipe", "datagram", "listener", "folder"])
def test_what_cannot_be_carried_closes_its_link(both: Both, kind: str) -> None:
    """The link is broken off, the others go on, and the reason is kept."""
    opened = _uncarried(kind)
    frames.send(both.host[1], b"take", opened[:1])
    frames.close(opened)
    assert both.frame(both.keep[1]) == (b"", [])
    assert both.frame(both.host[1]) == (b"", [])
    frames.send(both.host[0], b"still here")
    assert both.frame(both.keep[0]) == (b"still here", [])
    assert "is no regular file, connected stream or link" in both.carriers[0].problem


def _uncarried(kind: str) -> list[int]:
    if kind == "pipe":
        return list(os.pipe())
    if kind == "folder":
        return [os.open("/", os.O_RDONLY)]
    if kind == "datagram":
        return [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()]
    return [socket.create_server(("127.0.0.1", 0)).detach()]


def test_a_file_that_is_too_large_closes_its_link(both: Both) -> None:
    """More than the other side takes at a time never goes, in one file or in several."""
    files = [file_of(bytes(FILES_BYTES // 2 + 1)) for _ in range(2)]
    frames.send(both.host[1], b"files", files)
    frames.close(files)
    assert both.frame(both.host[1]) == (b"", [])
    assert both.frame(both.keep[1]) == (b"", [])
    assert "larger than the other side takes" in both.carriers[0].problem


def test_a_file_that_shrinks_ends_the_tunnel(both: Both) -> None:
    """What was announced cannot be sent any more, and nothing is made up in its place."""
    file = file_of(bytes(FILES_BYTES))
    frames.send(both.host[0], b"file", (file,))
    both.carriers[0].step(0)
    both.carriers[1].step(0)
    both.carriers[0].step(0)
    os.ftruncate(file, 0)
    os.close(file)
    both.until(lambda: "" not in both.ends())
    assert both.ends() == ["failed", "lost"]
