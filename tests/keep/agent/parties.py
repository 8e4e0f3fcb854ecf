"""The parties around a keep under test: a host, which is a thread, and an owner, which is the test.

The host quotes, serves the broker's link, and does what the test says.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from enarx import frames
from enarx.host.broker import Broker
from enarx.host.process import ProcessKeep, Zygote
from enarx.host.reactor import Reactor
from enarx.package import manifest
from enarx.protocol import agent_link, channel
from enarx.protocol import outcome as outcomes
from enarx.protocol.agent_link import Reply, Request, StateEvent
from enarx.protocol.channel import Frame, Notice, Splitter, decode_notice
from enarx.protocol.outcome import Outcome
from enarx.seal import offer, suite
from enarx.seal.envelope import Content, Envelope, info_of

PATIENCE_S = 30.0
NONCE = bytes(range(32))


class Owner:
    """A key, a package and what goes with it."""

    def __init__(self, **content: object) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.spki = self.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self._content = content

    def content(self, module: bytes, config: bytes | None = None) -> Content:
        """What is sealed."""
        package = manifest.build(module, config)
        fields: dict[str, object] = {
            "manifest": package.manifest,
            "blobs": tuple(blob.data for blob in package.blobs),
            "owner_spki": self.spki,
        }
        return Content(**(fields | self._content))  # type: ignore[arg-type]

    def certificate(self) -> x509.Certificate:
        """Self-signed, with dates that are over: they do not count."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "owner")])
        now = datetime(2020, 1, 1, tzinfo=UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )


def seal(content: Content | bytes, made: offer.Offer, kem: str = suite.HYBRID) -> bytes:
    """An envelope for an offer that nobody verified: what is under test is who opens it."""
    plaintext = content if isinstance(content, bytes) else content.encode()
    sealed = suite.seal(kem, made.content.suites[kem], plaintext, info_of(kem, made.sha256))
    return Envelope(kem=kem, claims_sha256=made.sha256, sealed=sealed).encode()


def file_of(data: bytes) -> int:
    """A file in memory."""
    fd = os.memfd_create("file")
    os.write(fd, data)
    return fd


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Keep:
    """One keep and its host, who quotes what he is asked for."""

    def __init__(self, zygote: Zygote, quote: Callable[[bytes], bytes | None]) -> None:
        self.zygote = zygote
        self.process: ProcessKeep
        self.process, self.broker_link = zygote.launch_agent()
        while not self.process.pid:
            zygote.pump(wait=True)
        self.link = self.process.link
        self.quote = quote
        self.quoted: list[bytes] = []
        self.states: list[StateEvent] = []
        self.relayed: list[object] = []
        self.seen: list[bytes] = []
        self._replies: dict[int, tuple[bytes, list[int]]] = {}
        self._changed = threading.Condition()
        self._last = 0
        self._sockets: list[socket.socket] = []
        self.lost = False
        self._reactor = Reactor()
        self._reactor.watch(self.link.fileno(), 1, self._ready)
        self.broker = Broker(self._reactor, self.broker_link, self.relayed.append)
        self._running = True
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop being the host, which ends the keep."""
        self._running = False
        self._reactor.post(lambda: None)
        self._thread.join()
        for sock in self._sockets:
            sock.close()
        self.broker.close()
        self.broker_link.close()
        self.process.close()
        self._reactor.close()

    def ask(self, op: str, *, file: int = -1, **fields: object) -> tuple[Reply, bytes]:
        """Ask and wait: (the reply, the file beside it)."""
        self._last += 1
        request = Request(op, id=self._last, **fields)  # type: ignore[arg-type]
        frames.send(self.link, agent_link.encode_request(request), (file,) if file >= 0 else ())
        if file >= 0:
            os.close(file)
        self.until(lambda: request.id in self._replies or self.lost)
        data, fds = self._replies.pop(request.id)
        reply = agent_link.decode_reply(data, op, len(fds))
        content = os.pread(fds[0], reply.size, 0) if fds else b""
        frames.close(fds)
        return reply, content

    def offer(self, nonce: bytes = NONCE) -> offer.Offer:
        """Ask for an offer."""
        reply, data = self.ask("offer", nonce=nonce)
        assert reply.kind is None, reply.text
        return offer.parse(data)

    def provision(self, envelope: bytes) -> tuple[Reply, bytes]:
        """Hand over an envelope: (the reply, the receipt)."""
        return self.ask("envelope", size=len(envelope), file=file_of(envelope))

    def connect(self, owner: Owner, spki: bytes | None = None) -> Client:
        """Open the channel as *owner*, to the keep with the channel key *spki*."""
        return Client(self.socket(), owner, spki)

    def socket(self) -> socket.socket:
        """A connection to the keep, of which nothing was said yet."""
        ours, theirs = socket.socketpair()
        self._sockets.append(ours)
        reply, _ = self.ask("channel", file=theirs.detach())
        assert reply.kind is None, reply.text
        return ours

    def until(self, done: Callable[[], object]) -> None:
        """Wait until something is so."""
        with self._changed:
            assert self._changed.wait_for(done, PATIENCE_S), self.states

    def until_state(self, state: str) -> None:
        """Wait until the keep says that it is in *state*."""
        self.until(lambda: state in [event.state for event in self.states])

    def until_over(self) -> int:
        """Wait for the end of its process: the wait status."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.process.over:
            assert time.monotonic() < deadline
            self.zygote.pump(wait=True)
        return self.process._status or 0

    def runtime_pid(self) -> int:
        """The process that runs the application."""
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if status_of(int(folder.name))["PPid"] == str(self.process.pid):
                    return int(folder.name)
        raise LookupError(self.process.pid)

    def _serve(self) -> None:
        while self._running:
            self._reactor.once(PATIENCE_S)

    def _ready(self, _events: int) -> None:
        try:
            data, fds = frames.receive(self.link, descriptors=1, wait=False)
        except BlockingIOError:
            return
        with self._changed:
            self.seen.append(data)
            if not data:
                self.lost = True
                self._reactor.forget(self.link.fileno())
            elif not agent_link.is_request(data):
                self._replies[agent_link.reply_id(data)] = data, fds
            else:
                self._take(agent_link.decode_from_keep(data, len(fds)))
            self._changed.notify_all()

    def _take(self, message: Request | StateEvent) -> None:
        if isinstance(message, StateEvent):
            self.states.append(message)
            return
        self.quoted.append(message.report_data)
        evidence = self.quote(message.report_data)
        if evidence is None:
            refusal = Reply(message.id, kind="unavailable", text="no processor")
            frames.send(self.link, agent_link.encode_reply(refusal, "quote"))
            return
        fd = file_of(evidence)
        reply = agent_link.encode_reply(Reply(message.id, size=len(evidence)), "quote")
        frames.send(self.link, reply, (fd,))
        os.close(fd)


class Client:
    """An owner's end of a channel, blocking."""

    def __init__(self, sock: socket.socket, owner: Owner, spki: bytes | None = None) -> None:
        sock.settimeout(None)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.use_certificate(owner.certificate())
        context.use_privatekey(owner.key)
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        self.sock = sock
        self.tls = SSL.Connection(context, sock)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        found = self.tls.get_peer_certificate()
        assert isinstance(found, crypto.X509)
        self.certificate = found.to_cryptography()
        if spki is not None:
            assert self.spki == spki
        self.out = {"stdout": b"", "stderr": b""}
        self.evidence = b""
        self.lost = {"stdout": 0, "stderr": 0}
        self.credit = channel.WINDOW
        self.grants = True
        self._splitter = Splitter()
        self._waiting: list[Frame] = []
        self._last = 0

    @property
    def spki(self) -> bytes:
        """The keep's channel key."""
        return self.certificate.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def exporter(self) -> bytes:
        """Of this connection."""
        return self.tls.export_keying_material(channel.EXPORTER_LABEL, 32)

    def send(self, data: bytes) -> None:
        """Send frames."""
        self.tls.sendall(data)

    def frame(self) -> Frame:
        """The next frame; EOFError at the end."""
        while not self._waiting:
            try:
                data = self.tls.recv(65536)
            except SSL.Error as error:  # an end of TLS, or of TCP without one
                raise EOFError from error
            self._waiting += self._splitter.feed(data)
        return self._waiting.pop(0)

    def take(self) -> Notice | None:
        """Take one frame: a notice, or None for what was added to the output or the evidence."""
        one = self.frame()
        if one.kind == channel.CONTROL:
            notice = decode_notice(one.body)
            if notice.name == "lost":
                self.lost[notice.stream] += notice.amount
            if notice.name == "credit":
                self.credit += notice.amount
            return notice
        if one.kind == channel.EVIDENCE:
            self.evidence += one.body
            return None
        name = {channel.STDOUT: "stdout", channel.STDERR: "stderr"}[one.kind]
        self.out[name] += one.body
        if self.grants:
            self.send(channel.control(op="credit", stream=name, bytes=len(one.body)))
        return None

    def until(self, name: str) -> Notice:
        """Take frames until the notice *name*."""
        while True:
            notice = self.take()
            if notice is not None and notice.name == name:
                return notice

    def number(self) -> int:
        """A new id."""
        self._last += 1
        return self._last

    def attest(self, nonce: bytes) -> bytes:
        """Ask for evidence over this connection."""
        self.evidence = b""
        self.send(channel.attest(self.number(), nonce))
        assert self.until("evidence").amount == len(self.evidence)
        return self.evidence

    def attach(self, *, stdin: bool = False, stdout: int = 0, stderr: int = 0) -> None:
        """Read output, and perhaps send input."""
        self.send(channel.attach(self.number(), stdin=stdin, stdout=stdout, stderr=stderr))
        assert self.until("ok").id == self._last

    def command(self, op: str, answer: str, **fields: object) -> Notice:
        """Say *op* and wait for *answer*."""
        self.send(channel.control(op=op, id=self.number(), **fields))
        return self.until(answer)

    def outcome(self) -> Outcome:
        """Read to the end: how it ended."""
        return outcomes.decode(self.until("exit").outcome)

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


def deliver(keep: Keep, owner: Owner, module: bytes, config: bytes | None = None) -> offer.Offer:
    """Offer, envelope, receipt: the offer that was answered."""
    made = keep.offer()
    reply, _ = keep.provision(seal(owner.content(module, config), made))
    assert reply.kind is None, reply.text
    return made
