"""Many streams at a time, each with a will of its own."""

from __future__ import annotations

import random
import socket
from hashlib import sha256

import pytest
from tests.tunnel.parties import Both, offer, stream_pair, tcp_pair, there

pytestmark = pytest.mark.slow

LARGEST = 700_000


class Talk:
    """One direction of one stream: bytes that are sent, in pieces, and their end."""

    def __init__(self, writer: socket.socket, reader: socket.socket, size: int) -> None:
        self.writer = writer
        self.reader = reader
        self.data = random.Random(size).randbytes(size)  # noqa: S311 - the same in every run
        self.sent = 0
        self.got = sha256()
        self.received = 0
        self.over = False

    def turn(self, chance: random.Random) -> None:
        """Send or receive something, or end."""
        if self.over:
            return
        if self.sent < len(self.data):
            piece = self.data[self.sent : self.sent + chance.randrange(1, 100_000)]
            self.sent += offer(self.writer, piece)
            if self.sent == len(self.data):
                self.writer.shutdown(socket.SHUT_WR)
        if chance.random() < 0.3:
            return
        part = there(self.reader)
        self.got.update(part)
        self.received += len(part)
        self.over = self.received == len(self.data)


def breaks(pair: tuple[socket.socket, socket.socket], chance: random.Random) -> bool:
    """Send what nobody reads, and perhaps close one of the two: whether it was."""
    for sock in pair:
        offer(sock, bytes(chance.randrange(1, 100_000)))
    if chance.random() < 0.98:
        return False
    chance.choice(pair).close()
    return True


@pytest.mark.parametrize("seed", range(3))
def test_every_byte_of_every_stream(both: Both, seed: int) -> None:
    """Local and TCP, both ways, some slow, some closed or reset in the middle by their peers."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    talks: list[Talk] = []
    doomed: list[tuple[socket.socket, socket.socket]] = []
    for number in range(40):
        ours, peer = chance.choice((stream_pair, tcp_pair))()
        inside = both.carry(ours)
        both.held.append(peer)
        if number % 5:
            talks.append(Talk(peer, inside, chance.randrange(1, LARGEST)))
            talks.append(Talk(inside, peer, chance.randrange(1, LARGEST)))
        else:
            doomed.append((inside, peer))
    while not all(talk.over for talk in talks):
        for talk in talks:
            talk.turn(chance)
        doomed = [pair for pair in doomed if not breaks(pair, chance)]
        both.step()
        assert both.ends() == ["", ""]
    for talk in talks:
        assert talk.got.digest() == sha256(talk.data).digest()
    for sock in both.held:
        sock.close()
    both.until(lambda: all(sorted(c.tunnel.channels) == [0, 2] for c in both.carriers))
    for carrier in both.carriers:
        assert len(carrier._ends) == 2
        assert carrier.tunnel._large == 256
