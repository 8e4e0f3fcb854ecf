"""An owner's session with a real keep, and with what pretends to be one."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from tests.client.conftest import SocketPipe
from tests.keep.agent.parties import NONCE, Keep, Owner, seal
from tests.keep.agent.programs import ECHO

from enarx import attestation
from enarx.client.session import Session
from enarx.client.tls import ChannelTls
from enarx.errors import MalformedError, UnauthenticError, UnavailableError
from enarx.pki.self_signed import self_signed
from enarx.protocol import outcome
from enarx.tee.simulated.snp import SimulatedSnp

DIGEST_BYTES = 71


def tls(owner: Owner, spki: bytes) -> ChannelTls:
    """The owner's end."""
    certificate = self_signed(owner.key, now=datetime(2026, 6, 1, tzinfo=UTC), serial=b"s" * 16)
    return ChannelTls(owner.key, certificate, spki)


def session(keep: Keep, owner: Owner, spki: bytes) -> Session:
    """A session that is open."""
    made = Session(SocketPipe(keep.socket()), tls(owner, spki), spki)
    made.open()
    return made


def provisioned(keep: Keep) -> tuple[Owner, bytes, str]:
    """The keep runs a program that repeats its input: owner, channel key, workload digest."""
    owner = Owner()
    offer = keep.offer()
    reply, receipt = keep.provision(seal(owner.content(ECHO), offer))
    assert reply.kind is None, reply.text
    assert receipt
    keep.until_state("running")
    digest = next(event.workload_digest for event in keep.states if event.workload_digest)
    assert len(digest) == DIGEST_BYTES
    return owner, offer.content.channel_spki, digest


def test_input_goes_in_and_output_comes_back(keep: Keep, machine: SimulatedSnp) -> None:
    """After the evidence of the connection was accepted; more than all windows together."""
    owner, spki, digest = provisioned(keep)
    made = session(keep, owner, spki)
    evidence, bound = made.prove(NONCE, digest)
    found = attestation.authenticate(
        attestation.parse(evidence),
        attestation.Endorsements(),
        anchors=machine.root.anchors(),
        now=machine.issued,
    )
    assert found.claims.report_data == bound
    made.accept()
    made.attach(stdin=True)
    sent = b"0123456789abcdef" * 60_000
    got = {"stdout": b"", "stderr": b""}

    def write() -> None:
        assert made.write(sent)
        made.end_input()

    writer = threading.Thread(target=write)
    writer.start()

    def show(name: str, data: bytes) -> None:
        got[name] += data

    ended = outcome.decode(made.run(show, lambda *_: None))
    writer.join()
    assert (ended.kind, ended.code) == ("exit", 0)
    assert got == {"stdout": sent, "stderr": b""}
    assert made.positions == {"stdout": len(sent), "stderr": 0}
    again = session(keep, owner, spki)
    assert outcome.decode(again.status().outcome).kind == "exit"
    again.close()


def test_whoever_writes_to_a_closed_session_is_told(keep: Keep) -> None:
    """A thread that passes input on may be later than the end; it must not fail as a bug does."""
    owner, spki, _ = provisioned(keep)
    made = session(keep, owner, spki)
    made.close()
    assert not made.write(b"late")
    made.end_input()
    with pytest.raises(UnavailableError, match="closed"):
        made.stop(0)


def test_nothing_is_attached_before_the_evidence_was_accepted(keep: Keep) -> None:
    """A caller that forgets is wrong, and is told by the code."""
    owner, spki, _ = provisioned(keep)
    made = session(keep, owner, spki)
    with pytest.raises(TypeError, match="was not accepted"):
        made.attach(stdin=True)
    made.close()


def test_evidence_is_of_this_connection(keep: Keep) -> None:
    """Attack: a relay ends TLS twice; the evidence is bound to the other connection."""
    owner, spki, digest = provisioned(keep)
    one, other = session(keep, owner, spki), session(keep, owner, spki)
    _, bound = one.prove(NONCE, digest)
    _, elsewhere = other.prove(NONCE, digest)
    assert bound != elsewhere
    one.close()
    other.close()


def test_another_key_at_the_other_end_is_refused(keep: Keep) -> None:
    """Attack: the host answers itself, or leads to another keep."""
    owner, _, _ = provisioned(keep)
    stranger = Owner().spki
    with pytest.raises(UnauthenticError, match="channel key") as caught:
        session(keep, owner, stranger)
    assert "do not use this host" in caught.value.hints[0]


def test_another_owner_does_not_get_in(keep: Keep) -> None:
    """The keep knows one key, and says no to every other."""
    _, spki, _ = provisioned(keep)
    made = Session(SocketPipe(keep.socket()), tls(Owner(), spki), spki)
    made.open()  # the client's end of TLS 1.3 is over before the server has looked at its key
    with pytest.raises(UnavailableError):
        made.prove(NONCE, "")
    made.close()


class Impostor:
    """A TLS server with the keep's key: what a keep that was taken over could say."""

    def __init__(self, *frames: bytes) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime(2026, 6, 1, tzinfo=UTC)
        self.certificate = self_signed(self.key, now=now, serial=b"s" * 16)
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(30)
        self._frames = frames
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def spki(self) -> bytes:
        """Its public key."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = self.key.public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def close(self) -> None:
        """Wait for its end."""
        self.ours.close()
        self._thread.join()

    def _serve(self) -> None:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        certificate: x509.Certificate = self.certificate
        context.use_certificate(certificate)
        context.use_privatekey(self.key)
        connection = SSL.Connection(context, self.theirs)
        connection.set_accept_state()
        try:
            connection.do_handshake()
            for frame in self._frames:
                connection.sendall(frame)
            connection.shutdown()
            while self.theirs.recv(65_536):
                pass  # until the owner has gone
        except (SSL.Error, OSError):
            pass
        finally:
            self.theirs.close()


@pytest.mark.parametrize(
    ("frames", "error", "problem"),
    [
        ((), UnavailableError, "closed the connection"),
        ((b"\x09\0\0\0\0",), MalformedError, "a frame of type 9"),
        ((b"\x03\0\0\0\1x",), MalformedError, "before it was asked for"),
        ((b"\0\0\0\0\2{}",), MalformedError, "is none of"),
        (
            (b"\5\0\0\0\3abc", b'\0\0\0\0\x18{"evidence":1,"size":12}'),
            MalformedError,
            "got 3 bytes of evidence, want 12",
        ),
        ((b"\5\0\1\0\0" + bytes(65_536),) * 17, MalformedError, "more evidence than there can be"),
    ],
)
def test_a_keep_that_breaks_the_rules_is_left(
    frames: tuple[bytes, ...], error: type[Exception], problem: str
) -> None:
    """Unknown frames, output before it was asked for, evidence of another size or without end."""
    impostor = Impostor(*frames)
    made = Session(SocketPipe(impostor.ours), tls(Owner(), impostor.spki), impostor.spki)
    made.open()
    with pytest.raises(error, match=problem):
        made.prove(NONCE, "")
    made.close()
    impostor.close()
