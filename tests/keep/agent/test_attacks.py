"""What a hostile host, network or client tries, by name; the keep gives away nothing for it."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from OpenSSL import SSL
from tests.keep.agent.parties import NONCE, Keep, Owner, deliver, file_of, seal
from tests.keep.agent.programs import CONNECTS, ECHO, ENDLESS, HELLO

from enarx import frames
from enarx.protocol import channel
from enarx.protocol.claims import ChannelClaims, report_data
from enarx.seal import suite

if TYPE_CHECKING:
    from tests.keep.agent.conftest import NewKeep

CANNOT_OPEN = f"the envelope cannot be opened: {suite.NOT_FOR_THIS_KEY}"


def refuses(keep: Keep, envelope: bytes, kind: str) -> str:
    """Hand over an envelope that must be refused for ever: what the host was told."""
    reply, receipt = keep.provision(envelope)
    assert (reply.kind, receipt) == (kind, b"")
    keep.until_state("failed")
    again, _ = keep.provision(envelope)
    assert again.kind == "out-of-order"
    offered, _ = keep.ask("offer", nonce=NONCE)
    assert offered.kind == "out-of-order"
    return reply.text


def test_replayed_envelope(keep: Keep) -> None:
    """The same envelope a second time is refused, and disturbs nothing."""
    owner = Owner()
    made = keep.offer()
    sealed = seal(owner.content(ECHO), made)
    assert keep.provision(sealed)[0].kind is None
    again, _ = keep.provision(sealed)
    assert again.kind == "out-of-order"
    assert "nothing" not in again.text
    client = keep.connect(owner)
    client.attach(stdin=True)
    client.send(channel.frame(channel.STDIN_END))
    assert client.outcome().code == 0


def test_second_provision_by_another_owner(keep: Keep) -> None:
    """A keep that has an owner takes no other, who stays outside."""
    mine = Owner()
    made = deliver(keep, mine, ECHO)
    theirs = Owner()
    reply, _ = keep.provision(seal(theirs.content(HELLO), made))
    assert reply.kind == "out-of-order"
    cannot_enter(keep, theirs)


def test_envelope_for_another_keep(new_keep: NewKeep) -> None:
    """A keep cannot open what was sealed to another one's keys."""
    mine, other = new_keep(), new_keep()
    mine.offer()
    sealed = seal(Owner().content(HELLO), other.offer())
    assert refuses(mine, sealed, "cannot-open") == CANNOT_OPEN


def test_envelope_for_an_older_offer(keep: Keep) -> None:
    """The keys are the same, but what the owner verified was another nonce."""
    old = keep.offer()
    keep.offer(bytes(32))
    sealed = seal(Owner().content(HELLO), old)
    assert refuses(keep, sealed, "cannot-open") == CANNOT_OPEN


@pytest.mark.parametrize("where", [0.3, 0.9, 1.0])
def test_bit_flipped_envelope(keep: Keep, where: float) -> None:
    """One bit anywhere in what is sealed, and the answer is the same sentence."""
    sealed = bytearray(seal(Owner().content(HELLO), keep.offer()))
    sealed[int((len(sealed) - 1) * where)] ^= 1
    assert refuses(keep, bytes(sealed), "cannot-open") == CANNOT_OPEN


@pytest.mark.parametrize("left", [1, 40, -1])
def test_truncated_envelope(keep: Keep, left: int) -> None:
    """A part of an envelope is none."""
    sealed = seal(Owner().content(HELLO), keep.offer())
    refuses(keep, sealed[:left], "malformed")


def test_envelope_that_is_shorter_than_announced(keep: Keep) -> None:
    """A file that ends early ends the keep's offer, not its agent."""
    sealed = seal(Owner().content(HELLO), keep.offer())
    reply, _ = keep.ask("envelope", size=len(sealed) + 1, file=file_of(sealed))
    assert reply.kind == "malformed"
    keep.until_state("failed")


def test_envelope_that_is_no_file(keep: Keep) -> None:
    """A pipe that never ends is not read."""
    keep.offer()
    reads, writes = os.pipe()
    reply, _ = keep.ask("envelope", size=10, file=reads)
    assert reply.kind == "malformed"
    os.close(writes)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xa0",
        Owner(options={"more": 1}).content(HELLO),
        Owner(owner_spki=b"x").content(HELLO),
    ],
    ids=["empty", "no content", "unknown option", "no owner"],
)
def test_sealed_nonsense(keep: Keep, content: object) -> None:
    """What was sealed, but is no package, fails without a word to the host about what it is."""
    assert isinstance(content, bytes) or not isinstance(content, str)
    sealed = seal(content, keep.offer())  # type: ignore[arg-type]
    text = refuses(keep, sealed, "malformed")
    assert text == "what was sealed is not a package with an owner's key and known options"


def test_swapped_blob(keep: Keep) -> None:
    """A package of which a blob is another's is not run, and its digests are not told."""
    owner = Owner(blobs=tuple(reversed(Owner().content(HELLO).blobs)))
    text = refuses(keep, seal(owner.content(HELLO), keep.offer()), "malformed")
    assert "sha256" not in text


def cannot_enter(keep: Keep, owner: Owner) -> None:
    """A client with another key gets no byte from the keep."""
    with suppress(SSL.Error, EOFError):
        client = keep.connect(owner)
        client.send(channel.attach(1, stdin=False, stdout=0, stderr=0))
        client.frame()
        pytest.fail("a stranger was let in")


def test_wrong_client_key(keep: Keep) -> None:
    """Nobody but the owner whose key was in the envelope gets in."""
    owner = Owner()
    deliver(keep, owner, HELLO)
    cannot_enter(keep, Owner())
    client = keep.connect(owner)
    client.attach()
    assert client.outcome().code == 7


def test_client_without_a_key(keep: Keep) -> None:
    """A client that shows no certificate is turned away."""
    deliver(keep, Owner(), HELLO)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    connection = SSL.Connection(context, keep.socket())
    connection.set_connect_state()
    with pytest.raises(SSL.Error):  # noqa: PT012 - either says so
        connection.do_handshake()
        connection.recv(1)


def test_channel_before_there_is_an_owner(keep: Keep) -> None:
    """Before the envelope nobody gets in at all."""
    keep.offer()
    ours, theirs = socket.socketpair()
    reply, _ = keep.ask("channel", file=theirs.detach())
    assert reply.kind == "out-of-order"
    ours.close()


def test_evidence_relayed_from_another_connection(keep: Keep) -> None:
    """Two connections with one nonce have different evidence: each is of use on its own only."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    first, second = keep.connect(owner), keep.connect(owner)
    first.attest(NONCE)
    relayed = keep.quoted[-1]
    second.attest(NONCE)
    assert keep.quoted[-1] != relayed
    status, _ = keep.ask("status")
    claims = ChannelClaims(NONCE, second.spki, second.exporter(), status.workload_digest)
    assert keep.quoted[-1] == report_data(claims.encode())


def test_swapped_keep(new_keep: NewKeep) -> None:
    """A channel that the host connects to another keep shows another key."""
    owner = Owner()
    mine, other = new_keep(), new_keep()
    made = deliver(mine, owner, HELLO)
    deliver(other, owner, HELLO)
    assert other.connect(owner).spki != made.content.channel_spki


@pytest.mark.parametrize(
    "evidence", [None, bytes(2 << 20)], ids=["no evidence", "more than fits an offer"]
)
def test_host_that_gives_no_evidence(keep: Keep, evidence: bytes | None) -> None:
    """There is no offer then, and the keep can be asked again."""
    good, keep.quote = keep.quote, lambda _: evidence
    reply, _ = keep.ask("offer", nonce=NONCE)
    assert reply.kind == "unavailable"
    keep.quote = good
    keep.offer()


SERVES = b"""
[[files]]
name = "web"
kind = "listen"
prot = "tls"
addr = "127.0.0.1"
port = 0
"""


def test_host_that_withholds_evidence_of_the_application_s_key(keep: Keep) -> None:
    """A service without evidence would be anybody's: the application does not start."""
    owner = Owner()
    made = keep.offer()
    keep.quote = lambda _: None
    assert keep.provision(seal(owner.content(ENDLESS, SERVES), made))[0].kind is None
    keep.until_state("failed")
    client = keep.connect(owner)
    ended = client.command("status", "status").outcome
    assert "no evidence was given" in str(ended)


def test_host_that_withholds_evidence_of_the_channel(keep: Keep) -> None:
    """The owner is told, and the connection goes on."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    client = keep.connect(owner)
    keep.quote = lambda _: None
    assert client.command("attest", "refused", nonce=NONCE.hex()).text
    assert client.command("status", "status").state in {"provisioned", "running"}


@pytest.mark.parametrize(
    "junk",
    [b"junk", b"{}", b'{"op":"exec","id":1}', b'{"id":7,"ok":{"size":1}}', bytes(70_000)],
    ids=["no json", "no message", "unknown", "unasked reply", "oversized"],
)
def test_host_that_breaks_the_protocol(keep: Keep, junk: bytes) -> None:
    """It has lost the keep, which ends at once with everything it knows."""
    deliver(keep, Owner(), ENDLESS)
    runtime = keep.runtime_pid()
    with suppress(OSError):
        keep.link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    frames.send(keep.link, junk)
    assert os.waitstatus_to_exitcode(keep.until_over()) == 75
    assert not Path(f"/proc/{runtime}").exists()


def test_agent_link_lost(keep: Keep) -> None:
    """A keep without a host ends, its runtime with it."""
    deliver(keep, Owner(), ENDLESS)
    runtime = keep.runtime_pid()
    keep.link.shutdown(socket.SHUT_RDWR)
    assert os.waitstatus_to_exitcode(keep.until_over()) == 75
    assert not Path(f"/proc/{runtime}").exists()


def test_broker_link_lost(keep: Keep) -> None:
    """The application's requests are refused, what needs none goes on, and its owner is told."""
    keep.broker.close()
    keep.broker_link.shutdown(socket.SHUT_RDWR)
    owner = Owner()
    deliver(keep, owner, HELLO, CONNECTS)
    client = keep.connect(owner)
    client.attach()
    ended = client.outcome()
    assert ended.kind == "failed"
    assert "the host's broker is gone" in str(ended.error)


def test_runtime_that_dies(keep: Keep) -> None:
    """The owner is told that it was killed; nothing waits for ever."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    client = keep.connect(owner)
    client.attach()
    os.kill(keep.runtime_pid(), signal.SIGKILL)
    ended = client.outcome()
    assert ended.kind == "failed"
    assert "killed" in str(ended.error)
    keep.until_state("failed")


def test_runtime_that_dies_before_it_is_needed(keep: Keep) -> None:
    """The keep has failed, and takes no envelope."""
    made = keep.offer()
    os.kill(keep.runtime_pid(), signal.SIGKILL)
    keep.until_state("failed")
    reply, _ = keep.provision(seal(Owner().content(HELLO), made))
    assert reply.kind == "out-of-order"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x01\x00\x01",  # longer than a frame may be
        b"\x09\x00\x00\x00\x00",
        channel.frame(channel.STDOUT, b"not the client's to send"),
        channel.frame(channel.STDIN, b"not granted"),
        channel.frame(channel.CONTROL, b'{"op":"exec","id":1}'),
        channel.frame(channel.CONTROL, b"\xff"),
    ],
)
def test_client_that_breaks_the_protocol(keep: Keep, data: bytes) -> None:
    """It is cut off; the keep and other clients go on."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    bad, good = keep.connect(owner), keep.connect(owner)
    bad.send(data)
    with pytest.raises(EOFError):
        bad.frame()
    assert good.command("status", "status").outcome is None


def test_client_that_sends_more_than_it_may(keep: Keep) -> None:
    """Input beyond the credit ends the connection: it would have to be kept somewhere."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    client = keep.connect(owner)
    client.attach(stdin=True)
    with suppress(SSL.Error):
        for _ in range(20):
            client.send(channel.frame(channel.STDIN, bytes(channel.MAX_BODY)))
    with pytest.raises(EOFError):
        client.until("exit")


def test_half_open_connections_shut_nobody_out(keep: Keep) -> None:
    """However many connections say nothing, the owner gets in."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    silent = [keep.socket() for _ in range(40)]
    client = keep.connect(owner)
    assert client.command("status", "status").outcome is None
    assert len([one for one in silent if closed(one)]) >= 24


def closed(sock: socket.socket) -> bool:
    """The other side has hung up."""
    try:
        return sock.recv(1, socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_channel_that_is_no_socket(keep: Keep) -> None:
    """A file in place of a connection is refused."""
    deliver(keep, Owner(), ENDLESS)
    reply, _ = keep.ask("channel", file=file_of(b""))
    assert reply.kind == "malformed"


def test_host_never_sees_what_is_the_owner_s(keep: Keep) -> None:
    """Nothing that crosses the links to the host holds a byte of package, secret or output."""
    canary = b"canary-4242"
    owner = Owner(secrets={"token": canary}, arguments=(canary.decode(),))
    made = keep.offer()
    sealed = seal(owner.content(HELLO), made)
    assert canary not in sealed
    _, receipt = keep.provision(sealed)
    client = keep.connect(owner)
    client.attach()
    client.outcome()
    keep.until_state("exited")
    assert keep.seen
    assert not [data for data in (*keep.seen, receipt, made.encode()) if canary in data]
    assert not [data for data in keep.seen if b"hello" in data]
    assert keep.relayed == []
