"""A Steward of these tests: real TLS 1.3, an authority of its own, and evidence that it verifies.

It believes the development root, and hands out certificates as ``pki.issue`` makes them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import wasmtime
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.keep.agent.parties import Client, Keep

from enarx import attestation
from enarx.keep.release import PROFILE
from enarx.pki import issue
from enarx.pki.signing import HeldKey
from enarx.protocol.claims import IdentityClaims, SecretsClaims, parse_secrets, report_data
from enarx.seal import receipt, suite
from enarx.tee.simulated.root import SimulatedRoot
from enarx.wire import canonical
from enarx.wire.text import base64url, to_base64url

ROOT = Path(__file__).parents[2] / "tee" / "development-root.pem"
PATIENCE_S = 30.0


GREETS = bytes(
    wasmtime.wat2wasm("""(module
  (import "wasi_snapshot_preview1" "sock_accept"
    (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func (export "_start")
    (loop $again
      (if (call $accept (i32.const 0) (i32.const 0) (i32.const 80)) (then (unreachable)))
      (drop (call $write (i32.load (i32.const 80)) (i32.const 0) (i32.const 1) (i32.const 20)))
      (drop (call $close (i32.load (i32.const 80))))
      (br $again))))""")
)
"""Accepts connections on descriptor 0 and says hello, for ever."""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def to_pem(certificate: x509.Certificate) -> str:
    """As ``chain`` has it."""
    return certificate.public_bytes(Encoding.PEM).decode()


def spki_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Its DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class Authority:
    """A root, and an intermediate that issues."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        root_key, self.key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
        made = issue.root(self._authority("root", 1), HeldKey(root_key))
        self.root = x509.load_der_x509_certificate(made)
        below = self._authority("intermediate", 0)
        made = issue.intermediate(below, self.key.public_key(), self.root, HeldKey(root_key))
        self.intermediate = x509.load_der_x509_certificate(made)
        self.root_pem = to_pem(self.root)

    def _authority(self, name: str, path_length: int) -> issue.Authority:
        return issue.Authority(
            name=f"test {name}",
            serial=x509.random_serial_number(),
            not_before=self.now - timedelta(hours=1),
            not_after=self.now + timedelta(days=1),
            trust_domain="tests.example",
            path_length=path_length,
        )

    def leaf(self, spki: bytes, digest: str = "", life_s: int = 3600) -> x509.Certificate:
        """A certificate for this machine's names."""
        now = datetime.now(UTC).replace(microsecond=0)
        wanted = issue.Leaf(
            spki=spki,
            serial=x509.random_serial_number(),
            not_before=now - timedelta(minutes=5),
            not_after=now + timedelta(seconds=life_s),
            spiffe_id="spiffe://tests.example/workload/test",
            dns_names=("localhost",),
            addresses=("127.0.0.1",),
            workload_digest=digest,
        )
        made = issue.leaf(wanted, self.intermediate, HeldKey(self.key))
        return x509.load_der_x509_certificate(made)


Said = tuple[int, str, bytes]
"""Status, media type, body."""


class FakeSteward:
    """Serves until it is closed.

    Args:
        now: when evidence is judged; None for the moment.

    Attributes:
        digest: the workload that it certifies; empty for any.
        life_s, renew_s: how long its certificates hold, and after how long to ask again.
        challenge, certificate: what is answered instead, made from what would have been; raw
            bytes are sent as they are, and None is silence until the other side hangs up.
        secrets: what it gives, by name.
        released: what is answered instead to who asks for secrets, as above.
        content: what is sealed instead, made from what would have been.
        taken: what is answered to a receipt instead.
        asked_for: the names of each request for secrets.
        receipts: how many it verified.
        issued: every certificate it gave.
        nonces: every nonce that evidence was shown for.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.authority = Authority()
        self.now = now
        self.digest = ""
        self.life_s, self.renew_s = 3600, 1800
        self.challenge: Callable[[Said], Said | bytes | None] = lambda said: said
        self.certificate: Callable[[Said], Said | bytes | None] = lambda said: said
        self.secrets: dict[str, bytes] = {}
        self.released: Callable[[Said], Said | bytes | None] = lambda said: said
        self.content: Callable[[bytes], bytes] = lambda content: content
        self.taken: Callable[[Said], Said | bytes | None] = lambda said: said
        self.asked_for: list[tuple[str, ...]] = []
        self.receipts = 0
        self._releases: dict[bytes, bytes] = {}
        self._pending: tuple[SecretsClaims, bytes, bytes] | None = None
        self.issued: list[x509.Certificate] = []
        self.nonces: list[bytes] = []
        self.asked: list[str] = []
        self._anchors = SimulatedRoot.from_bytes(ROOT.read_bytes()).anchors()
        self._open: set[bytes] = set()
        handler = type("Serving", (_Handler,), {"steward": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.socket = self._context(folder).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self._server.server_port
        self.url = f"https://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)

    def config(self, port: int, *, prot: str = "tls", trusted: str = "", more: str = "") -> bytes:
        """Enarx.toml of a server on *port* that this Steward certifies."""
        return f"""
steward = "{self.url}"
[[files]]
kind = "listen"
name = "web"
prot = "{prot}"
addr = "127.0.0.1"
port = {port}
[[files]]
kind = "stdout"
[[files]]
kind = "stderr"
{more}
[tls.socket.steward]
trust_anchors = ['''{trusted or self.authority.root_pem}''']
""".encode()

    def answer(self, path: str, body: bytes) -> Said | bytes | None:
        """What is said to a question."""
        self.asked.append(path)
        if path == "/v1/challenge":
            return self.challenge(self._challenge(body))
        if path == "/v1/certificate":
            return self.certificate(self._certificate(body))
        if path == "/v1/secrets/release":
            return self.released(self._release(body))
        if path == "/v1/secrets/release/r-1/receipt":
            return self.taken(self._receipt(body))
        return 404, "text/plain", b""

    def _release(self, body: bytes) -> Said:
        """Prove the claims' evidence, and seal as the claims say; the same again gets the same."""
        sent = json.loads(body)
        data, evidence = (base64url(sent[key], key) for key in ("claims", "evidence"))
        found = parse_secrets(data)
        authentic = self._authentic(attestation.parse(evidence))
        assert authentic.claims.report_data == report_data(data)
        assert self.digest in ("", found.workload_digest)
        if data not in self._releases:
            self._open.remove(found.nonce)
            self.asked_for.append(found.names)
            missing = [name for name in found.names if name not in self.secrets]
            if missing:
                said = {"title": "not allowed", "detail": f"no secret {missing[0]}"}
                return 404, "application/problem+json", json.dumps(said).encode()
            values = {name: to_base64url(self.secrets[name]) for name in found.names}
            content = canonical.encode({"profile": PROFILE, "secrets": values})
            kem, key = next(iter(found.suites.items()))
            info = hashlib.sha256(data).digest()
            self._releases[data] = suite.seal(kem, key, self.content(content), info)
        sealed = self._releases[data]
        self._pending = (found, data, sealed)
        answer = {
            "release": "r-1", "kem": next(iter(found.suites)), "sealed": to_base64url(sealed),
            "decision": "0" * 64, "log_index": 0,
        }  # fmt: skip
        return 201, "application/json", json.dumps(answer).encode()

    def _receipt(self, body: bytes) -> Said:
        assert self._pending is not None
        claims, data, sealed = self._pending
        receipt.verify(
            body,
            claims.spki,
            workload_digest=claims.workload_digest,
            claims_sha256=hashlib.sha256(data).digest(),
            envelope_sha256=hashlib.sha256(sealed).digest(),
        )
        self.receipts += 1
        return 204, "", b""

    def _authentic(self, parsed: attestation.Parsed) -> attestation.Authentic:
        return attestation.authenticate(
            parsed,
            parsed.endorsements,
            anchors=self._anchors,
            now=self.now or datetime.now(UTC),
        )

    def _challenge(self, body: bytes) -> Said:
        assert body == b"{}"
        nonce = os.urandom(32)
        self._open.add(nonce)
        said = {"nonce": to_base64url(nonce), "expires": int(time.time()) + 300}
        return 201, "application/json", json.dumps(said).encode()

    def _certificate(self, body: bytes) -> Said:
        """Prove the request's evidence, its key, its nonce and its workload; then certify."""
        parsed = attestation.parse(body, "request")
        authentic = self._authentic(parsed)
        key = x509.load_der_x509_csr(body).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        claims = parsed.opened.claims
        named = json.loads(claims)
        nonce = base64url(named["nonce"], "nonce")
        digest = named["workload_digest"]
        assert self.digest in ("", digest)
        wanted = IdentityClaims(nonce, spki_of(key), digest).encode()
        assert claims == wanted
        assert authentic.claims.report_data == report_data(wanted)
        self._open.remove(nonce)
        self.nonces.append(nonce)
        leaf = self.authority.leaf(spki_of(key), digest, self.life_s)
        self.issued.append(leaf)
        return 201, "application/json", self.document(leaf)

    def document(self, leaf: x509.Certificate) -> bytes:
        """The answer that brings *leaf*."""
        ends = int(leaf.not_valid_after_utc.timestamp())
        chain = [to_pem(one) for one in (leaf, self.authority.intermediate)]
        said = {
            "decision": "0" * 64,
            "chain": chain,
            "not_after": ends,
            "renew_after": ends - self.life_s + self.renew_s,
        }
        return json.dumps(said).encode()

    def _context(self, folder: Path) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        chain = (self.authority.leaf(spki_of(key.public_key())), self.authority.intermediate)
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = folder / "steward.pem"
        file.write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(file)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context


@dataclass
class Deployed:
    """A keep with a server that a Steward certifies, and its owner's channel."""

    keep: Keep
    client: Client
    port: int
    root_pem: str

    def greeting(self, trusted: str = "") -> x509.Certificate:
        """Connect like anybody who trusts the Steward's root: the certificate that was shown."""
        self.keep.until_state("running")
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.load_verify_locations(cadata=trusted or self.root_pem)
        with (
            socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as sock,
            trust.wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            assert tls.recv(100) == b"hello\n"
            shown = tls.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown or b"")

    def is_closed(self) -> bool:
        """Whether a client is turned away."""
        try:
            self.greeting()
        except (ssl.SSLError, ConnectionError):
            return True
        return False

    def until_logged(self, text: str) -> str:
        """Read what the keep tells its owner until *text* is in it."""
        while text not in self.client.out["stderr"].decode():
            assert self.client.take() is None
        return self.client.out["stderr"].decode()


class _Server(ThreadingHTTPServer):
    """Says nothing about clients that hang up."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Whoever asked learns it by the end of the connection."""


class _Handler(BaseHTTPRequestHandler):
    """One question."""

    steward: FakeSteward
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer, and hang up."""
        self.close_connection = True
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = self.steward.answer(self.path, body)
        if said is None:
            self.rfile.read(1)  # until the other side hangs up
        elif isinstance(said, bytes):
            self.wfile.write(said)
            with contextlib.suppress(OSError):
                self.connection.unwrap()  # type: ignore[attr-defined]  # it is TLS
        else:
            status, media, content = said
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""
