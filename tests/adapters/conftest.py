"""A web server on loopback with an authority of its own, a clock that tests move, machines.

The server is real: sockets, TLS, HTTP/1.1.  It answers as a test tells it, also badly.  What it
hands out is what simulated machines need: real formats under a development root.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.adapters.amd_kds import AmdKds
from enarx.adapters.endorsement_cache import EndorsementCache
from enarx.adapters.endorsement_resolver import Resolver
from enarx.adapters.http_fetch import HttpFetch, Limits, open_fetch
from enarx.adapters.http_retry import Backoff
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.sgx import SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp
from enarx.tee.simulated.tdx import SimulatedTdx

NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)

Answerer = Callable[[BaseHTTPRequestHandler], None]
Planned = tuple[int, dict[str, str], bytes] | Answerer


@dataclass
class FakeClock:
    """A clock that stands still but for sleeping, and for ``tick_s`` with each look at it."""

    at: dt.datetime = NOW
    tick_s: float = 0.0
    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> dt.datetime:
        """The instant."""
        return self.at

    def monotonic(self) -> float:
        """Seconds."""
        self.seconds += self.tick_s
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Go on by *seconds* at once."""
        self.slept.append(seconds)
        self.seconds += seconds
        self.at += dt.timedelta(seconds=seconds)


class Web:
    """A server that answers as planned: the replies of a path in turn, the last again and again."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()
        self._plans: dict[str, list[Planned]] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "http" if context is None else "https"
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"{self.scheme}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def on(self, path: str, *replies: Planned) -> None:
        """Plan the replies of *path*, which includes its query."""
        self._plans[path] = list(replies)

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]

    def next(self, path: str, headers: dict[str, str]) -> Planned:
        """The reply for a request; 404 for what was not planned."""
        with self._lock:
            self.asked.append((path, headers))
            replies = self._plans.get(path, [])
            if not replies:
                return 404, {}, b"no such thing"
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def close(self) -> None:
        """Stop, and let go of requests that are kept waiting."""
        self.over.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away in the middle are what these tests are about."""


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each body waits 40 ms for its header's receipt

        def do_GET(self) -> None:
            if web.over.is_set():  # the server is gone: connections that were kept end too
                self.close_connection = True
                return
            plan = web.next(self.path, {k.lower(): v for k, v in self.headers.items()})
            if not isinstance(plan, tuple):
                self.close_connection = True
                plan(self)
                return
            status, headers, body = plan
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests, and what it issued for servers."""

    ca_file: str
    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def context(self, name: str) -> ssl.SSLContext:
        """A server's TLS with a certificate for *name*, an address or a host name."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        certificate = (
            _builder("server", self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        path = self.folder / f"{name}.pem"
        path.write_bytes(_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _builder(
    name: str, issuer: x509.Name | None, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """Certificates of today: TLS is verified by the clock of the machine."""
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that only these tests trust."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("authority of the tests", None, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "ca.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(ca_file=str(path), folder=folder, certificate=certificate, key=key)


@pytest.fixture
def serve(authority: Authority) -> Iterator[Callable[[str | None], Web]]:
    """Start a server with a certificate for a name; without one, in plain HTTP."""
    servers: list[Web] = []

    def start(name: str | None) -> Web:
        servers.append(Web(None if name is None else authority.context(name)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def web(serve: Callable[[str | None], Web]) -> Web:
    """A server whose certificate is right."""
    return serve("127.0.0.1")


@pytest.fixture
def clock() -> FakeClock:
    """A clock at noon of a day in November 2026."""
    return FakeClock()


@pytest.fixture
def client(authority: Authority, clock: FakeClock) -> Iterator[Callable[..., HttpFetch]]:
    """Make a client that trusts the authority and never really waits."""
    clients: list[HttpFetch] = []

    def make(**limits: float | Backoff) -> HttpFetch:
        settings: dict[str, float | Backoff] = {"connect_s": 5.0, "read_s": 5.0}
        clients.append(
            open_fetch(
                clock=clock,
                chance=lambda: 0.5,
                ca_file=authority.ca_file,
                limits=Limits(**(settings | limits)),  # type: ignore[arg-type]
            )
        )
        return clients[-1]

    yield make
    for made in clients:
        made.close()


@pytest.fixture
def fetch(client: Callable[..., HttpFetch]) -> HttpFetch:
    """A client with the usual limits."""
    return client()


@pytest.fixture(scope="session")
def root() -> SimulatedRoot:
    """The development root of the tests of evidence."""
    path = Path(__file__).parent.parent / "tee" / "development-root.pem"
    return SimulatedRoot.from_bytes(path.read_bytes())


@pytest.fixture(scope="session")
def snp(root: SimulatedRoot) -> SimulatedSnp:
    """A Genoa; ``dataclasses.replace`` makes other machines of it."""
    return SimulatedSnp(root=root, issued=NOW - DAY)


@pytest.fixture(scope="session")
def tdx(root: SimulatedRoot) -> SimulatedTdx:
    """A machine with TDX, and its collateral."""
    return SimulatedTdx(machine=IntelMachine(root=root, issued=NOW - DAY))


@pytest.fixture(scope="session")
def sgx(tdx: SimulatedTdx) -> SimulatedSgx:
    """The same machine's SGX."""
    return SimulatedSgx(machine=tdx.machine)


@pytest.fixture(scope="session")
def everything(snp: SimulatedSnp, tdx: SimulatedTdx) -> Endorsements:
    """One bag with every kind of endorsement."""
    return snp.endorsements() + tdx.endorsements()


def pem_chain(*certificates: bytes) -> bytes:
    """Certificates in PEM, one after the other."""
    loaded = (x509.load_der_x509_certificate(der) for der in certificates)
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in loaded)


@pytest.fixture(scope="session")
def chain() -> Callable[..., bytes]:
    """Write certificates in PEM, one after the other."""
    return pem_chain


@pytest.fixture(scope="session")
def as_kds() -> Callable[[Web, SimulatedSnp], Endorsements]:
    """Make a server AMD's for one machine; what it hands out."""

    def serve(web: Web, snp: SimulatedSnp) -> Endorsements:
        bag = snp.endorsements()
        vek, ask, ark = bag.certificates
        levels = dict(zip(("blSPL", "teeSPL", "snpSPL", "ucodeSPL"), levels_of(snp), strict=True))
        query = "&".join(f"{name}={level}" for name, level in levels.items())
        base = f"/vcek/v1/{snp.product}"
        der = {"Content-Type": "application/octet-stream"}
        web.on(f"{base}/{snp.hwid.hex()}?{query}", (200, der, vek))
        web.on(
            f"{base}/cert_chain",
            (200, {"Content-Type": "application/x-pem-file"}, pem_chain(ask, ark)),
        )
        web.on(f"{base}/crl", (200, der, bag.crls[0]))
        return bag

    return serve


def levels_of(snp: SimulatedSnp) -> tuple[int, int, int, int]:
    """Boot loader, TEE, SNP and microcode, as Milan and Genoa place them."""
    tcb = snp.tcb_version
    return tcb[0], tcb[1], tcb[6], tcb[7]


@pytest.fixture(scope="session")
def as_pcs() -> Callable[[Web, SimulatedTdx], Endorsements]:
    """Make a server Intel's (and its root's) for one TDX machine; what it hands out."""

    def serve(web: Web, tdx: SimulatedTdx) -> Endorsements:
        bag, machine = tdx.endorsements(), tdx.machine
        signing, authority, root = bag.certificates
        pck, _, _ = machine.certificates()
        pck_crl, root_crl = bag.crls
        signer = quote(pem_chain(signing, root).decode())
        issuer = quote(pem_chain(authority, root).decode())
        json, api = {"Content-Type": "application/json"}, "/sgx/certification/v4"
        web.on(
            f"/tdx/certification/v4/tcb?fmspc={machine.fmspc.hex().upper()}",
            (200, json | {"TCB-Info-Issuer-Chain": signer}, bag.tcb_infos[0]),
        )
        web.on(
            "/tdx/certification/v4/qe/identity",
            (200, json | {"SGX-Enclave-Identity-Issuer-Chain": signer}, bag.qe_identities[0]),
        )
        web.on(
            f"{api}/pckcrl?ca=platform&encoding=der",
            (200, {"SGX-PCK-CRL-Issuer-Chain": issuer}, pck_crl),
        )
        web.on("/IntelSGXRootCA.der", (200, {}, root_crl))
        web.on(f"{api}/rootcacrl", (200, {}, root_crl.hex().encode()))
        return Endorsements(certificates=(pck,)) + bag

    return serve


@pytest.fixture
def cache(tmp_path: Path) -> EndorsementCache:
    """An empty cache."""
    return EndorsementCache(str(tmp_path / "enarx" / "endorsements"))


@pytest.fixture
def kds(fetch: HttpFetch, web: Web, snp: SimulatedSnp, as_kds: Callable[..., object]) -> AmdKds:
    """AMD's key server on loopback; it knows one Genoa."""
    as_kds(web, snp)
    return AmdKds(fetch, web.url)


@pytest.fixture
def resolver(kds: AmdKds, cache: EndorsementCache, clock: FakeClock) -> Resolver:
    """The key server behind a cache."""
    return Resolver((kds,), cache, clock)
