"""Which NVIDIA reports are authentic, and what their claims say."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.nvgpu.roots import NVIDIA_DEVICE_IDENTITY
from enarx.tee.nvgpu.technology import NVGPU
from enarx.tee.nvgpu.verify import OCSP_UNCHECKED
from enarx.wire import der
from enarx.wire.text import to_pem

if TYPE_CHECKING:
    from tests.tee.nvgpu.conftest import Maker

    from enarx.tee.claims import Authentic

UNTIL = datetime(2026, 7, 1, tzinfo=UTC)


def verify(
    make: Maker, data: bytes, *certificates: bytes, crls: tuple[bytes, ...] = ()
) -> Authentic:
    """What the technology says at the tests' time, under the tests' root."""
    endorsed = make.endorsed(*certificates, crls=crls)
    return NVGPU.authenticate(NVGPU.parse(data), endorsed, make.anchors, make.now)


def test_a_report_with_its_chain_is_authentic(make: Maker) -> None:
    """The claims are the transcript's, bound to the nonce, and honest about what is unknown."""
    proof = verify(make, make.transcript(), *make.chain())
    claims = proof.claims
    assert (claims.platform, claims.simulated, claims.report_data) == ("nvgpu", True, make.nonce)
    assert claims.measurements["device0.measurement_2"] == b"\x22" * 48
    assert (claims.debug, claims.migratable, claims.smt) == (True, None, None)
    assert claims.fields["nvgpu.debug"].startswith("unknown")
    assert claims.fields["nvgpu.device0.chip"] == "GH100"
    assert claims.instance == b"NVIDIA:GH100:0000000000000000"
    assert claims.revocation.unchecked[-1] == OCSP_UNCHECKED
    assert len(claims.revocation.unchecked) == 4
    assert proof.anchor == make.anchors[0].name
    assert [link.subject.split(",")[0] for link in proof.chain][-1] == f"CN={proof.anchor}"
    assert len(proof.chain) == 5
    assert (proof.not_after, proof.collateral_issued) == (make.end, None)


def test_every_device_of_a_list_is_proven(make: Maker) -> None:
    """A list needs no other certificates, and counts its distinct devices."""
    proof = verify(make, make.listed(make.item(), make.item(device=1), make.item()))
    assert proof.claims.fields["nvgpu.devices"] == 3
    assert proof.claims.fields["nvgpu.distinct_devices"] == 2
    assert proof.claims.measurements["device1.measurement_1"] == b"\x11" * 48
    assert len(proof.chain) == 7
    assert proof.chain[-1].subject == make.anchors[0].subject


def test_lists_of_all_authorities_leave_only_ocsp(make: Maker) -> None:
    """With a current list of each authority that publishes one, only OCSP is left unchecked."""
    crls = tuple(make.crl(name, until=UNTIL) for name in ("root", "identity", "ica"))
    proof = verify(make, make.transcript(), *make.chain(), crls=crls)
    assert proof.claims.revocation.unchecked == (OCSP_UNCHECKED,)
    assert len(proof.claims.revocation.lists) == 3
    assert proof.not_after == UNTIL
    assert proof.collateral_issued == datetime(2026, 5, 1, tzinfo=UTC)


def test_the_dates_of_lists_count(make: Maker) -> None:
    """The oldest list tells the age of the endorsements, the first that ends how long they hold."""
    older, newer = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    lists = (
        make.crl("root", begin=newer, until=UNTIL),
        make.crl("identity", begin=older, until=UNTIL + timedelta(days=1)),
    )
    proof = verify(make, make.transcript(), *make.chain(), crls=lists)
    assert (proof.collateral_issued, proof.not_after) == (older, UNTIL)


def test_one_simulated_device_makes_it_a_simulation(make: Maker) -> None:
    """Attack: a made-up device in a list beside one whose key is pinned as a real one."""
    real = x509.load_der_x509_certificate(make.certificate("brom", device=1))
    key = real.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    subject = real.subject.rfc4514_string()
    pinned = TrustAnchor(vendor="nvidia", name="Real", subject=subject, spki=key)
    anchors = (pinned, *make.anchors)
    leaf = make.certificate(device=1, common_name="GH100 A01 GSP FMC LF")
    pem = b"".join(to_pem("CERTIFICATE", der) for der in make.chain(device=1, leaf=leaf))
    items = (
        make.item(),
        make.item(device=1, certificate=base64.b64encode(pem).decode()),
    )
    for devices, simulated in (((1,), False), ((0, 1), True), ((0,), True)):
        data = make.listed(*(items[device] for device in devices))
        proof = NVGPU.authenticate(NVGPU.parse(data), make.endorsed(), anchors, make.now)
        assert proof.claims.simulated is simulated


def test_a_revoked_certificate_is_refused(make: Maker) -> None:
    """A serial number in the list of its issuer ends the verification."""
    crl = make.crl("ica", 1003, until=UNTIL)
    with pytest.raises(UnauthenticError, match="revocation"):
        verify(make, make.transcript(), *make.chain(), crls=(crl,))


def test_a_signature_of_another_device_is_refused(make: Maker) -> None:
    """The key of one device proves nothing about another's report."""
    with pytest.raises(UnauthenticError, match=r"report signature: .*FMC LF"):
        verify(make, make.transcript(device=1), *make.chain())


def test_a_report_without_certificates_says_what_it_needs(make: Maker) -> None:
    """Without a chain the error says where it comes from."""
    with pytest.raises(UnauthenticError, match="got none, want made by") as caught:
        verify(make, make.transcript())
    assert "chain" in caught.value.hints[0]


def test_only_a_certificate_for_signatures_may_sign(make: Maker) -> None:
    """An authority, a key for something else, another curve or another kind is passed over."""
    others = (
        make.certificate(authority=True),
        make.certificate(extensions=(x509.BasicConstraints(ca=True, path_length=None),)),
        make.certificate(signs=False),
        make.certificate(public_key=ec.derive_private_key(5, ec.SECP256R1()).public_key()),
        make.certificate(public_key=ed25519.Ed25519PrivateKey.generate().public_key()),
        make.certificate(public_key=x25519.X25519PrivateKey.generate().public_key()),
        make.certificate(public_key=ec.derive_private_key(5, ec.SECP224R1()).public_key()),
    )
    for leaf in others:
        with pytest.raises(UnauthenticError, match="report signature"):
            verify(make, make.transcript(), *make.chain(leaf=leaf))
    assert verify(make, make.transcript(), *others, *make.chain())


def test_only_so_many_certificates_of_a_bag_are_tried(make: Maker) -> None:
    """A bag full of strangers' certificates costs a bounded time, and hides the right one."""
    stranger = make.certificate(public_key=ec.derive_private_key(5, ec.SECP384R1()).public_key())
    assert verify(make, make.transcript(), *[stranger] * 63, *make.chain())
    with pytest.raises(UnauthenticError, match="report signature"):
        verify(make, make.transcript(), *[stranger] * 64, *make.chain())
    assert verify(make, make.listed(make.item()), *[stranger] * 64)


def test_the_path_ends_in_a_given_anchor(make: Maker) -> None:
    """NVIDIA's own anchor vouches for nothing of the tests', and no anchor for nothing."""
    for anchors in ((NVIDIA_DEVICE_IDENTITY,), ()):
        with pytest.raises(UnauthenticError, match="certificate chain"):
            NVGPU.authenticate(
                NVGPU.parse(make.transcript()), make.endorsed(*make.chain()), anchors, make.now
            )


def test_an_expired_certificate_is_refused(make: Maker) -> None:
    """Validity is judged at the given instant."""
    leaf = make.certificate(until=datetime(2026, 5, 1, tzinfo=UTC))
    with pytest.raises(UnauthenticError, match="certificate validity"):
        verify(make, make.transcript(), *make.chain(leaf=leaf))


@pytest.mark.parametrize("extra", [(), (b"\x09" * 48,)])
def test_the_firmware_of_a_blackwell_certificate_is_the_first(
    make: Maker, extra: tuple[bytes, ...]
) -> None:
    """A TcbInfo's first digest must be the one that the report names."""
    leaf = make.certificate(extensions=(make.tcb_info(make.fwid, *extra),))
    proof = verify(make, make.transcript(), *make.chain(leaf=leaf))
    assert proof.claims.fields["nvgpu.device0.name"] == ""
    assert proof.claims.instance == b""


def test_another_firmware_is_refused(make: Maker) -> None:
    """A report of a firmware that its certificate was not made for is refused."""
    for extensions in ((make.composite(b"\x08" * 48),), (make.tcb_info(),), ()):
        leaf = make.certificate(extensions=extensions)
        with pytest.raises(UnauthenticError, match="firmware of the attestation key"):
            verify(make, make.transcript(), *make.chain(leaf=leaf))


def test_a_report_without_firmware_is_as_old_drivers_make_it(make: Maker) -> None:
    """Where the report names no firmware, nothing is compared."""
    assert verify(make, make.transcript(opaque=b""), *make.chain())


def test_a_damaged_extension_is_malformed(make: Maker) -> None:
    """An extension or a name that is not of its form is not guessed at."""
    for extension in (make.other_name(der.encode(1)), make.other_name(der.encode("a\n"))):
        leaf = make.certificate(extensions=(make.composite(), extension))
        with pytest.raises(MalformedError, match="device name"):
            verify(make, make.transcript(), *make.chain(leaf=leaf))


def test_another_name_is_nobodys(make: Maker) -> None:
    """A name of another kind in the certificate is not the device's."""
    other = make.other_name(der.encode("x"), oid="1.3.6.1.4.1.412.274.2")
    leaf = make.certificate(extensions=(make.composite(), other))
    proof = verify(make, make.transcript(), *make.chain(leaf=leaf))
    assert proof.claims.instance == b""


def test_the_architecture_is_the_certificates(make: Maker) -> None:
    """A list that calls a Hopper a Blackwell is refused; unsigned words do not count."""
    with pytest.raises(UnauthenticError, match="got GH100, want a chip GB… for BLACKWELL"):
        verify(make, make.listed(make.item(arch="BLACKWELL")))


def test_all_devices_answer_one_nonce(make: Maker) -> None:
    """A report of another challenge cannot hide in a list."""
    other = bytes(32)
    evidence = base64.b64encode(make.transcript(device=1, nonce=other)).decode()
    item = make.item(device=1, evidence=evidence, nonce=other.hex())
    with pytest.raises(UnauthenticError, match="device 1: nonce"):
        verify(make, make.listed(make.item(), item))


def test_a_damaged_certificate_in_a_list_is_malformed(make: Maker) -> None:
    """What a list carries must be certificates; only given endorsements may be others'."""
    pem = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(MalformedError, match="device 0: certificate"):
        verify(make, make.listed(make.item(certificate=base64.b64encode(pem).decode())))


@pytest.mark.slow
def test_every_bit_flip_of_a_report_is_refused(make: Maker) -> None:
    """No single bit of a transcript can change: it is malformed or not authentic."""
    whole, chain = make.transcript(), make.chain()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            verify(make, bytes(flipped), *chain)
