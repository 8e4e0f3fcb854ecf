"""Recorded requests of Enarx 0.7 and recorded evidence: answered as an imported policy says.

The clock stands where the recorded lists were current; only the vendors' own roots are believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.steward.attest.conftest import Steward

from enarx import attestation
from enarx.attestation import VENDOR_ANCHORS
from enarx.evidence import pkix
from enarx.evidence.enarx_extension import SGX, SNP
from enarx.evidence.opened import KeyBinding
from enarx.pki.issue import SIMULATED
from enarx.pki.request import Names
from enarx.steward.attest.applicant import Applicant
from enarx.steward.attest.finding import Finding, Means, find
from enarx.steward.attest.service import Answer
from enarx.steward.authority.authority import Authority
from enarx.steward.authority.making import initialise
from enarx.steward.authority.opener import make_passphrase, opener_from_files
from enarx.steward.policies.document import parse
from enarx.steward.policies.enarx07 import imported
from enarx.steward.records import denials
from enarx.tee.endorsements import Endorsements
from enarx.wire.text import pem_blocks

MADE = datetime(2022, 11, 1, tzinfo=UTC)
ON_SNP = datetime(2022, 11, 29, 12, tzinfo=UTC)
ON_SGX = datetime(2023, 5, 24, 12, 16, 42, tzinfo=UTC)
OTHER48, OTHER32 = "aa" * 48, "aa" * 32

MEASUREMENT = "ff717ae719840c93c1fca3b7db96488454c3c21b43531488eecff51cfed3febcd91da8be87a4cbcbc52a3bae770987c3"  # noqa: E501
SIGNER = "7dc22240a8344fce6ba5f22ffbedabc52d4123ae0ba1c59796e521b953916b503f223b15c4429e7d8c5489ad71f1e193"  # noqa: E501
MR_SIGNER = "7a49a07df0f8e90a6e1d9a63e3c696d9c844f0e3f8739b21daa640f99facc48a"
ACCEPTING = f'[snp]\nsigner = ["{SIGNER}"]\nhash = ["{MEASUREMENT}"]\nabi = ">=1.51"\n'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of those days."""
    folder = tmp_path_factory.mktemp("authority-2022")
    folder.chmod(0o700)
    make_passphrase(str(folder))
    return initialise(str(folder), opener_from_files(str(folder)), now=MADE)


@dataclass(frozen=True)
class Recorded:
    """A Steward at the time of a recorded request, which believes vendors only."""

    steward: Steward
    request: bytes
    extension: str

    def ask(self, policy: str, request: bytes = b"") -> Answer:
        """What it answers under a policy of 0.7's, the last one if empty; to the recorded request.

        Args:
            request: another one.
        """
        if policy:
            found = imported(policy.encode(), "steward.toml", dns_names=("keep.example",))
            self.steward.change_policy(found.text)
        return self.steward.service.certify_unasked(request or self.request)

    def failed(self, policy: str, request: bytes = b"") -> set[str]:
        """The claims that it refuses the request for; nothing is given then."""
        answer = self.ask(policy, request)
        assert not answer.decision.accepted
        assert answer.chain == ()
        return {one.claim for one in answer.decision.failures}

    def stolen(self, change: tuple[bytes, bytes] = (b"", b"")) -> bytes:
        """Its evidence in a request for, and signed by, a key of somebody else."""
        value = pkix.read(self.request, "csr").items[self.extension].replace(*change)
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        held = x509.UnrecognizedExtension(x509.ObjectIdentifier(self.extension), value)
        key = ec.generate_private_key(ec.SECP256R1())
        request = builder.add_extension(held, critical=False).sign(key, hashes.SHA256())
        return request.public_bytes(Encoding.DER)


def certificates(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file, DER."""
    return tuple(der for _, der in pem_blocks(path.read_bytes(), path.name))


def believing(endorsements: Endorsements) -> Means:
    """Vendors only, and what is found at theirs."""
    return Means(
        anchors=VENDOR_ANCHORS,
        accept_simulated=False,
        endorse=lambda _parsed, _now: endorsements,
    )


@pytest.fixture
def snp(steward: Steward, shared: Path) -> Recorded:
    """Asked with the request that Enarx sent on SNP."""
    folder = shared / "vectors/snp/milan-v2-enarx-csr"
    chain = Endorsements(certificates=certificates(folder / "ca_chain.pem"))
    steward.service.means = believing(chain)
    steward.clock.at = ON_SNP
    return Recorded(steward, (folder / "enarx.csr").read_bytes(), SNP)


@pytest.fixture
def sgx(steward: Steward, shared: Path) -> Recorded:
    """Asked with the request that Enarx sent on SGX; its list of its PCK's issuer has ended."""
    folder = shared / "vectors/sgx/sgx-enarx-i5"
    steward.service.means = believing(collateral(folder / "collateral-1"))
    steward.clock.at = ON_SGX
    return Recorded(steward, (folder / "enarx.csr").read_bytes(), SGX)


def collateral(folder: Path) -> Endorsements:
    """What was recorded beside a quote; not every list was."""
    lists = (folder / name for name in ("pck_crl.der", "root_ca_crl.der"))
    chains = (folder / name for name in ("tcb_signing_chain.pem", "pck_crl_issuer_chain.pem"))
    return Endorsements(
        certificates=tuple(der for path in chains if path.exists() for der in certificates(path)),
        crls=tuple(path.read_bytes() for path in lists if path.exists()),
        tcb_infos=((folder / "tcb_info.json").read_bytes(),),
        qe_identities=((folder / "qe_identity.json").read_bytes(),),
    )


def test_a_recorded_request_is_certified(snp: Recorded) -> None:
    """For its own key, on the real chip that it names, and nothing of it is simulated."""
    answer = snp.ask(ACCEPTING)
    assert answer.decision.failures == ()
    finding = answer.finding
    assert (finding.platform, finding.simulated, finding.instance[:8]) == ("snp", False, "5cb260b9")
    issued = x509.load_der_x509_certificate(answer.chain[0])
    asked = x509.load_der_x509_csr(snp.request)
    assert issued.public_key() == asked.public_key()
    issued.verify_directly_issued_by(x509.load_der_x509_certificate(answer.chain[1]))
    assert SIMULATED not in issued.subject.rfc4514_string()
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["keep.example"]
    assert answer.result


@pytest.mark.parametrize(
    ("stated", "want"),
    [
        (f'[snp]\nhash = ["{OTHER48}"]', {"image.measurement"}),
        (f'[snp]\nsigner = ["{OTHER48}"]', {"snp.author_key_digest"}),
        (f'[snp]\nsigner = ["{SIGNER}"]\nid_key_digest = ["{SIGNER}"]', {"snp.id_key_digest"}),
        (f'[snp]\nsigner = ["{SIGNER}"]\nabi = ">=1.52"', {"snp.policy.abi"}),
        (f'[snp]\nsigner = ["{SIGNER}"]\npolicy_flags = []', {"smt"}),
        (f'[sgx]\nsigner = ["{OTHER32}"]', {"platform"}),
    ],
)
def test_a_recorded_request_is_refused(snp: Recorded, stated: str, want: set[str]) -> None:
    """By the name of what the policy does not accept."""
    assert snp.failed(stated) == want


def test_a_recorded_request_of_an_enclave(sgx: Recorded) -> None:
    """A list that has ended and a firmware that is out of date are named; so is another signer."""
    policy = f'[sgx]\nsigner = ["{MR_SIGNER}"]\n'
    assert sgx.failed(policy) == {"revocation", "tcb.status"}
    forgiving = f'{policy}allowed_advisories = ["INTEL-SA-00615"]\n'
    assert sgx.failed(forgiving) == {"revocation"}
    assert sgx.failed(forgiving.replace(MR_SIGNER, OTHER32)) == {
        "revocation",
        "sgx.body.mr_signer",
    }
    assert sgx.failed(f'{forgiving}hash = ["{OTHER32}"]\n') == {"revocation", "image.mr_enclave"}


def test_a_chip_that_was_denied(snp: Recorded) -> None:
    """A real chip, by what its evidence calls it: it gets nothing more, and loses what it has."""
    issued = snp.ask(ACCEPTING)
    revoked = snp.steward.service.writer.write(
        lambda connection: denials.deny(
            connection, "chip", issued.finding.instance, reason="sold", by="tests", now=1
        )
    ).result()
    assert revoked == (f"{issued.decision.serial:x}",)
    answer = snp.steward.service.certify_unasked(snp.request)
    assert [one.claim for one in answer.decision.failures] == ["chip"]
    assert answer.chain == ()


def test_recorded_evidence_for_another_key(snp: Recorded) -> None:
    """Attack: genuine evidence in a thief's request, as it was and with one bit changed."""
    assert snp.failed(ACCEPTING, snp.stolen()) == {"key binding: report_data"}
    measured = bytes.fromhex(MEASUREMENT)
    changed = snp.stolen((measured, bytes([measured[0] ^ 1]) + measured[1:]))
    assert {one.partition(":")[0] for one in snp.failed("", changed)} == {"report signature"}


def test_a_recorded_enclave_for_another_key(sgx: Recorded) -> None:
    """The same on SGX."""
    policy = f'[sgx]\nsigner = ["{MR_SIGNER}"]\n'
    assert sgx.failed(policy, sgx.stolen()) == {"key binding: report_data"}


def test_recorded_requests_at_another_time(snp: Recorded) -> None:
    """Today its lists have ended, and the policy wants current ones; before its VCEK there is none.

    An authority of 2022 would not certify today, but it need not: this is refused.
    """
    snp.steward.clock.at = datetime(2024, 1, 1, tzinfo=UTC)
    assert snp.failed(ACCEPTING) == {"revocation"}
    snp.steward.clock.at = datetime(2022, 9, 1, tzinfo=UTC)
    found = snp.failed("")
    assert all(one.startswith("certificate validity") for one in found)
    assert found


def found_in(evidence: bytes, endorsements: Endorsements, policy: str, now: datetime) -> Finding:
    """What a Steward finds in evidence whose key nobody has any more.

    The recorded report data stands for the digest of that key; all else is as for a request.
    """
    parsed = attestation.parse(evidence)
    told = attestation.authenticate(parsed, endorsements, anchors=VENDOR_ANCHORS, now=now).claims
    binding = KeyBinding(rule="as recorded", spki=b"", accepted=(told.report_data,))
    applicant = Applicant(
        parsed=parsed._replace(opened=replace(parsed.opened, binding=binding)),
        request=evidence,
        spki=b"",
        nonce=b"",
        workload_digest="",
        names=Names(),
    )
    text = imported(policy.encode(), "steward.toml").text
    return find(applicant, parse(text.encode()), believing(endorsements), now)


def test_a_recorded_guest_that_can_be_debugged(shared: Path) -> None:
    """Its own measurement is listed, and it is refused all the same: 0.7 refused debugging too."""
    folder = shared / "vectors/snp/milan-v2-debug-librats"
    report = (folder / "report.bin").read_bytes()
    bag = Endorsements(
        certificates=((folder / "vcek.der").read_bytes(), *certificates(folder / "ca_chain.pem"))
    )
    policy = f'[snp]\nhash = ["{report[0x90:0xC0].hex()}"]\npolicy_flags = ["Debug", "SMT"]'
    found = found_in(report, bag, policy, datetime(2022, 8, 12, tzinfo=UTC))
    assert found.accepted is None
    assert "debug" in {one.claim for one in found.failures}


def test_a_recorded_enclave_that_can_be_debugged(shared: Path) -> None:
    """Refused by that name, unless the policy's features name Debug, as in 0.7."""
    folder = shared / "vectors/sgx/sgx-librats-debug"
    quote = (folder / "quote.bin").read_bytes()
    signer = quote[48 + 128 : 48 + 160].hex()
    bag = collateral(folder / "collateral-1")
    now = datetime(2023, 5, 24, 12, 48, 31, tzinfo=UTC)
    strict, loose = (
        {one.claim for one in found_in(quote, bag, text, now).failures}
        for text in (
            f'[sgx]\nsigner = ["{signer}"]',
            f'[sgx]\nsigner = ["{signer}"]\nfeatures = ["Debug"]',
        )
    )
    assert "debug" in strict
    assert "debug" not in loose
    assert strict - loose == {"debug"}
