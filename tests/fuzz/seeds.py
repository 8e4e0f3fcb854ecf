"""Well-formed input of every kind, made by simulated machines and the tests' own authorities.

The damaged forms of these are what the targets are fed with.  Everything is made, nothing recorded;
``run.py`` adds recorded evidence to the coverage-guided search where its folder is there.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.tee.azure.conftest import Maker as AzureMaker
from tests.tee.cca.conftest import Maker as CcaMaker
from tests.tee.nitro.conftest import Maker as NitroMaker
from tests.tee.nvgpu.conftest import Maker as NvgpuMaker

from enarx.adapters import endorsement_bundle
from enarx.appraisal import ear_token
from enarx.appraisal.appraise import judge
from enarx.appraisal.baseline import baseline
from enarx.appraisal.catalogue import PLATFORMS, SECTIONS, neutral
from enarx.appraisal.ear import claims_set
from enarx.evidence import cmw
from enarx.protocol import agent_link, channel
from enarx.protocol.claims import OfferClaims
from enarx.seal.envelope import Content, Envelope
from enarx.seal.offer import Offer
from enarx.seal.receipt import Receipt
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.snp.technology import SNP
from enarx.wire import cbor, der, document
from enarx.wire.record import pack
from enarx.wire.text import to_pem

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When everything here is current."""

REPORT_DATA = bytes(range(64))


@cache
def root() -> SimulatedRoot:
    """The development root of the tests of evidence."""
    path = Path(__file__).parent.parent / "tee" / "development-root.pem"
    return SimulatedRoot.from_bytes(path.read_bytes())


@cache
def snp_machine() -> SimulatedSnp:
    """A Genoa."""
    return SimulatedSnp(root=root(), issued=NOW)


@cache
def intel() -> IntelMachine:
    """A platform with SGX and TDX."""
    return IntelMachine(root=root(), issued=NOW)


@cache
def endorsements() -> Endorsements:
    """Everything that the simulated machines need."""
    given = snp_machine().endorsements()
    given += SimulatedTdx(machine=intel()).endorsements()
    return given + SimulatedSgx(machine=intel()).endorsements()


@cache
def snp() -> tuple[bytes, ...]:
    """A report alone, and one with its certificate table."""
    report = snp_machine().report(SnpGuest(measurement=bytes(48)), report_data=REPORT_DATA)
    return report, report + snp_machine().certificate_table()


@cache
def tdx() -> tuple[bytes, ...]:
    """Quotes of versions 4 and 5."""
    machines = (SimulatedTdx(machine=intel()), SimulatedTdx(machine=intel(), version=5))
    guest = TdGuest(mr_td=bytes(48))
    return tuple(machine.quote(guest, report_data=REPORT_DATA) for machine in machines)


@cache
def sgx() -> tuple[bytes, ...]:
    """A quote of version 3."""
    enclave = Enclave(mr_enclave=bytes(32))
    return (SimulatedSgx(machine=intel()).quote(enclave, report_data=REPORT_DATA),)


@cache
def nitro() -> tuple[bytes, ...]:
    """Documents with and without the tag."""
    make = NitroMaker()
    return make.document(), make.document(tagged=True)


@cache
def cca() -> tuple[bytes, ...]:
    """Collections of both tokens, in both forms."""
    make = CcaMaker()
    return make.token(), make.token(cmw=True)


@cache
def nvgpu() -> tuple[bytes, ...]:
    """A transcript alone, and the list of two devices."""
    make = NvgpuMaker()
    return make.transcript(), make.listed(make.item(), make.item(device=1))


@cache
def azure_machine() -> AzureMaker:
    """Makes bundles."""
    anchors, tdx_machine = root().anchors(), SimulatedTdx(machine=intel())
    return AzureMaker(machine=snp_machine(), tdx=tdx_machine, anchors=anchors, now=NOW)


@cache
def azure() -> tuple[bytes, ...]:
    """Bundles of both versions."""
    make = azure_machine()
    return make.data(make.bundle()), make.data(make.first())


@cache
def azure_tdx() -> tuple[bytes, ...]:
    """A bundle with a TDX quote."""
    make = azure_machine()
    return (make.data(make.tdx_bundle()),)


@cache
def azure_chain() -> Endorsements:
    """What the bundles leave out."""
    given = snp_machine().endorsements()
    return Endorsements(certificates=given.certificates[1:], crls=given.crls)


@cache
def nvgpu_chain() -> Endorsements:
    """What the transcript leaves out."""
    make = NvgpuMaker()
    return make.endorsed(*make.chain(), *make.chain(device=1))


def tcb_infos() -> tuple[bytes, ...]:
    """TCB infos of SGX and TDX."""
    return endorsements().tcb_infos


def qe_identities() -> tuple[bytes, ...]:
    """QE identities of both quoting enclaves."""
    return endorsements().qe_identities


def certificates() -> tuple[bytes, ...]:
    """VCEK, PCK and authorities."""
    return endorsements().certificates


def crls() -> tuple[bytes, ...]:
    """The authorities' lists."""
    return endorsements().crls


@cache
def pem() -> tuple[bytes, ...]:
    """Certificates in PEM, with and without a NUL after them."""
    chain = b"".join(to_pem("CERTIFICATE", der) for der in certificates()[:3])
    return chain, chain + b"\0", to_pem("X509 CRL", crls()[0])


@cache
def containers() -> tuple[bytes, ...]:
    """Evidence in each wrapper, in text, and alone."""
    wrapped = [cmw.wrap(snp()[0], "snp", endorsements(), form) for form in ("json", "cbor")]
    tsm = {"provider": "tdx_guest", "outblob": base64.b64encode(tdx()[0]).decode()}
    return (
        *wrapped, *snp(), *sgx(), *tdx(), *nitro(), *cca(), snp()[0].hex().encode(),
        json.dumps(tsm).encode(),
    )  # fmt: skip


@cache
def recognised() -> tuple[bytes, ...]:
    """Endorsements of every kind, as files hold them."""
    bundle = endorsement_bundle.write(endorsements())
    return (*pem(), *certificates()[:2], crls()[0], *tcb_infos()[:1], *qe_identities()[:1], bundle)


@cache
def channel_key() -> ec.EllipticCurvePrivateKey:
    """A keep's."""
    return ec.derive_private_key(5, ec.SECP256R1())


def channel_spki() -> bytes:
    """Its public half, DER."""
    public = channel_key().public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def offers() -> tuple[bytes, ...]:
    """Of a keep with both mechanisms."""
    keys = {"mlkem768-x25519": bytes(1216), "x25519": bytes(32)}
    claims = OfferClaims(bytes(32), keys, channel_spki()).encode()
    return (Offer(claims, REPORT_DATA).encode(),)


@cache
def envelopes() -> tuple[bytes, ...]:
    """An envelope, and a content as it is inside one."""
    content = Content(
        manifest=b"{}", blobs=(b"x",), owner_spki=channel_spki(), secrets={"a": b"b"},
        arguments=("a",), environment={"A": "b"}, options={"logs_bytes": 1},
    ).encode()  # fmt: skip
    whole = Envelope(kem="x25519", claims_sha256=bytes(32), sealed=content).encode()
    return whole, content


@cache
def receipts() -> tuple[bytes, ...]:
    """Of a keep."""
    made = Receipt(
        workload_digest="sha256:" + "00" * 32, claims_sha256=bytes(32),
        envelope_sha256=bytes(32), time=1,
    )  # fmt: skip
    return (made.sign(channel_key()),)


@cache
def agent_messages() -> tuple[bytes, ...]:
    """Requests of both ends, a state and a reply."""
    return (
        agent_link.encode_request(agent_link.Request("offer", id=1, nonce=bytes(32))),
        agent_link.encode_request(agent_link.Request("quote", id=2, report_data=bytes(64))),
        agent_link.encode_state(agent_link.StateEvent("running", "sha256:" + "00" * 32)),
        agent_link.encode_reply(agent_link.Reply(3, state="offering"), "status"),
        agent_link.encode_reply(agent_link.Reply(4, kind="bug", text="x"), "stop"),
    )


@cache
def channel_frames() -> tuple[bytes, ...]:
    """A conversation."""
    commands = channel.attest(1, bytes(32)) + channel.attach(2, stdin=True, stdout=0, stderr=0)
    notices = channel.control(evidence=1, size=5) + channel.control(lost="stdout", bytes=3)
    return (commands + notices + channel.frame(channel.STDOUT, b"out"),)


@cache
def event_logs() -> tuple[bytes, ...]:
    """A log of a header and an event of each kind whose data is looked into."""
    body = b"Spec ID Event03\0" + bytes(4) + b"\0\2\0\2\1\0\0\0\x0c\0\x30\0\0"
    begin = b"\1\0\0\0\3\0\0\0" + bytes(20) + bytes((len(body), 0, 0, 0)) + body
    variable = bytes(16) + b"\2" + bytes(15) + "db".encode("utf-16-le")
    pairs = ((b"\x0d\0\0\0", b"text\0"), (b"\1\0\0\x80", variable), (b"\6\0\0\0", bytes(8) + b"x"))
    events = (
        b"\1\0\0\0" + kind + b"\1\0\0\0\x0c\0" + bytes(48) + bytes((len(data), 0, 0, 0)) + data
        for kind, data in pairs
    )
    return (begin + b"".join(events) + b"\xff" * 8,)


@cache
def policies() -> tuple[bytes, ...]:
    """For each platform the policy that a beginner starts from."""
    return tuple(_policy(platform) for platform in PLATFORMS)


def _policy(platform: str) -> bytes:
    lines = ["version = 1", 'name = "fuzz"', f'platforms = ["{platform}"]']
    lines += [f"{found.key} = {found.starter}" for found in neutral(platform)]
    lines.append(f"[{platform}]")
    lines += [f"{found.key} = {found.starter}" for found in SECTIONS[platform]]
    return "\n".join(lines).encode()


@cache
def snp_bodies() -> tuple[bytes, ...]:
    """What a report says, unsigned."""
    return (pack(snp_machine().describe(SnpGuest(measurement=bytes(48)), report_data=REPORT_DATA)),)


@cache
def tdx_bodies() -> tuple[bytes, ...]:
    """What a TD report says, unsigned."""
    machine = SimulatedTdx(machine=intel())
    return (pack(machine.describe(TdGuest(mr_td=bytes(48)), report_data=REPORT_DATA)),)


@cache
def sgx_bodies() -> tuple[bytes, ...]:
    """What an enclave report says, unsigned."""
    machine = SimulatedSgx(machine=intel())
    return (pack(machine.describe(Enclave(mr_enclave=bytes(32)), report_data=REPORT_DATA)),)


@cache
def results() -> tuple[bytes, ...]:
    """Claims sets of attestation results, accepted and refused."""
    proof = SNP.authenticate(SNP.parse(snp()[0]), endorsements(), root().anchors(), NOW)
    verdicts = (judge(proof, baseline(accept_simulated=sim), now=NOW) for sim in (True, False))
    return tuple(document.dump(claims_set(proof, each, build="fuzz")) for each in verdicts)


@cache
def tokens() -> tuple[bytes, ...]:
    """The same, signed by both kinds of key."""
    return tuple(
        ear_token.sign(json.loads(claims), key).encode() for claims in results() for key in KEYS
    )


KEYS = (ec.derive_private_key(7, ec.SECP384R1()), Ed25519PrivateKey.from_private_bytes(bytes(32)))
REFERENCES = (
    b'{"version":1,"reference_values":[{"name":"a","version":"1","platform":"snp",'
    b'"measurements":{"measurement":["' + b"00" * 48 + b'"]}}]}',
)
JSON = (
    b'{"a":[1,-2.5e3,true,null,"\\u00e9"],"b":{"c":""}}',
    b'{"version":1,"text":"x","hex":"00ff","pairs":{"a":"b"},"list":[{"n":0}]}',
)
CBOR = tuple(
    cbor.encode(value)
    for value in (
        {1: [b"bytes", "text", -5, True, None], "a": {"b": cbor.Tag(18, (b"", {}))}},
        [1.5, 2**63, -(2**63), [[[[]]]]],
    )
)
INNER = der.sequence(der.sequence(bytes.fromhex("06032a0305"), der.encode(5)))
DER = (der.sequence(der.sequence(bytes.fromhex("06032a0304"), INNER)),)
TEXTS = (b"00ff", b"QUI=", b"QUI", b"2026-01-31T00:00:00Z", b"application/cmw+json; a=b")
