"""Which CCA tokens are authentic, and what their claims say."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.tee.cca.roots import platform_key
from enarx.tee.cca.technology import CCA
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from tests.tee.cca.conftest import Maker

    from enarx.tee.claims import Authentic

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def verify(make: Maker, data: bytes) -> Authentic:
    """What the technology says, with the tests' keys as anchors."""
    return CCA.authenticate(CCA.parse(data), Endorsements(), make.anchors, NOW)


def test_a_token_is_authentic(make: Maker) -> None:
    """Its claims are the realm's measurements, bound to its challenge."""
    for data in (make.token(), make.token(cmw=True)):
        proof = verify(make, data)
        claims = proof.claims
        assert (claims.platform, claims.simulated, claims.debug) == ("cca", False, False)
        assert (claims.migratable, claims.smt) == (None, None)
        assert claims.report_data == b"c" * 64
        assert list(claims.measurements) == ["rim", "rem_0", "rem_1", "rem_2", "rem_3"]
        assert claims.instance == b"\x01" + b"\x0a" * 32
        assert len(claims.revocation.unchecked) == 1
        assert [link.subject for link in proof.chain] == ["realm key (RAK)", "machine"]
        assert proof.chain[1].sha256 == hashlib.sha256(make.spki(make.cpak)).digest()
        assert (proof.anchor, proof.not_after, proof.collateral_issued) == ("machine", None, None)
        assert proof.verified_at == NOW


def test_a_realm_of_before_profiles_is_authentic(make: Maker) -> None:
    """The platform hashed the bare point then."""
    realm = make.realm({265: ..., 44237: make.point, 44240: "sha-512"})
    challenge = hashlib.sha512(make.point).digest()
    assert verify(make, make.token(make.platform({10: challenge}), realm))


@pytest.mark.parametrize("lifecycle", [0x0000, 0x1000, 0x2000, 0x4000, 0x5000, 0x6000])
def test_only_a_secured_platform_is_not_debugged(make: Maker, lifecycle: int) -> None:
    """Every other state of its life lets someone look or has not begun."""
    claims = verify(make, make.token(make.platform({2395: lifecycle}))).claims
    assert claims.debug
    assert claims.fields["cca.debug"] is True


def test_a_platform_that_nobody_vouches_for_is_refused(make: Maker) -> None:
    """Arm has no root: without the platform's key there is nothing to believe."""
    with pytest.raises(UnauthenticError, match="no such key given") as caught:
        CCA.authenticate(CCA.parse(make.token()), Endorsements(), (), NOW)
    assert "Arm has no common root" in caught.value.hints[0]
    with pytest.raises(UnauthenticError, match="made by machine or other"):
        verify(make, make.token(signers=(ec.derive_private_key(9, ec.SECP256R1()), make.rak)))


def test_a_key_of_another_vendor_does_not_count(make: Maker) -> None:
    """An anchor vouches for its vendor's evidence only."""
    anchors = tuple(replace(anchor, vendor="aws") for anchor in make.anchors)
    with pytest.raises(UnauthenticError, match="platform token signature"):
        CCA.authenticate(CCA.parse(make.token()), Endorsements(), anchors, NOW)


def test_a_realm_of_another_platform_is_refused(make: Maker) -> None:
    """The platform must have hashed this realm's key, with the hash that the realm names."""
    for change in ({10: bytes(32)}, {10: hashlib.sha384(make.cose_key).digest()}):
        with pytest.raises(UnauthenticError, match=r"binding .*cca.platform.challenge"):
            verify(make, make.token(make.platform(change)))


def test_a_realm_signed_by_another_key_is_refused(make: Maker) -> None:
    """Only the key that the platform hashed signs for the realm."""
    other = ec.derive_private_key(9, ec.SECP384R1())
    with pytest.raises(UnauthenticError, match="realm token signature"):
        verify(make, make.token(signers=(make.cpak, other)))


def test_an_anchor_is_a_public_key() -> None:
    """What is no key cannot be trusted as one."""
    with pytest.raises(MalformedError, match="not a public key"):
        platform_key(b"x", name="machine")


@pytest.mark.slow
def test_every_bit_flip_of_a_token_is_refused(make: Maker) -> None:
    """No single bit of a token can change: it is malformed or not authentic."""
    whole = make.token()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            verify(make, bytes(flipped))
