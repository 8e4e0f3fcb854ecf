"""Which Nitro documents are authentic, and what their claims say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.tee.endorsements import Endorsements
from enarx.tee.nitro.roots import NITRO_ROOT
from enarx.tee.nitro.technology import NITRO

if TYPE_CHECKING:
    from tests.tee.nitro.conftest import Maker

    from enarx.tee.claims import Authentic


def verify(
    make: Maker,
    data: bytes,
    *crls: bytes,
    now: datetime | None = None,
    extra: tuple[bytes, ...] = (),
) -> Authentic:
    """What the technology says, under the tests' root."""
    endorsed = Endorsements(certificates=(b"junk", *extra), crls=(b"junk", *crls))
    return NITRO.authenticate(NITRO.parse(data), endorsed, make.anchors, now or make.now)


def test_a_document_is_authentic(make: Maker) -> None:
    """Its claims are the registers, and what the enclave wanted signed."""
    proof = verify(make, make.document())
    claims = proof.claims
    assert (claims.platform, claims.simulated, claims.debug) == ("nitro", True, False)
    assert (claims.migratable, claims.smt) == (None, None)
    assert claims.report_data == b"u" * 64
    assert claims.instance == b"i-01-enc01"
    assert list(claims.measurements) == ["pcr0", "pcr1", "pcr2", "pcr3", "pcr4", "pcr8"]
    assert len(claims.revocation.unchecked) == 2
    assert [link.subject.split(",")[0] for link in proof.chain][-1] == f"CN={proof.anchor}"
    assert proof.not_after == make.now + timedelta(hours=3)
    assert proof.collateral_issued is None


@pytest.mark.parametrize("pcrs", [{0: bytes(48), 1: b"\1" * 48}, {1: b"\1" * 48}])
def test_an_unmeasured_enclave_is_in_debug_mode(make: Maker, pcrs: dict[int, bytes]) -> None:
    """AWS leaves the registers of a debugged enclave at zero; a missing one counts as that."""
    claims = verify(make, make.document(make.payload(pcrs=pcrs))).claims
    assert claims.debug
    assert claims.fields["nitro.debug"] is True


def test_an_instances_document_has_other_measurements(make: Maker) -> None:
    """Of NitroTPM, the registers count by which AWS tells an attestable image."""
    payload = make.payload(
        pcrs=..., nitrotpm_pcrs=dict.fromkeys(range(24), b"\x01" * 48), user_data=None
    )
    claims = verify(make, make.document(payload)).claims
    assert list(claims.measurements) == ["nitrotpm_pcr4", "nitrotpm_pcr7", "nitrotpm_pcr12"]
    assert claims.report_data == b""


def test_lists_are_looked_up(make: Maker) -> None:
    """With the lists of all authorities that sign some, nothing is unchecked."""
    proof = verify(make, make.document(), make.crl("root"), make.crl("zone"))
    assert proof.claims.revocation.unchecked == ()
    assert proof.collateral_issued == make.now
    with pytest.raises(UnauthenticError, match="revocation"):
        verify(make, make.document(), make.crl("zone", 102))


def test_the_dates_of_lists_count(make: Maker) -> None:
    """The oldest list tells the age of the endorsements, the first that ends how long they hold."""
    hours = [make.now + timedelta(hours=n) for n in (-2, -1, 1, 2)]
    lists = (
        make.crl("root", begin=hours[1], until=hours[2]),
        make.crl("zone", begin=hours[0], until=hours[3]),
    )
    proof = verify(make, make.document(), *lists)
    assert (proof.collateral_issued, proof.not_after) == (hours[0], hours[2])


def test_the_last_second_of_a_certificate_is_within_it(make: Maker) -> None:
    """A document that was made in the second in which its certificate ends was made in time."""
    end = make.now + timedelta(hours=3)
    stamp = int(end.timestamp()) * 1000
    last = make.document(make.payload(timestamp=stamp + 999))
    assert verify(make, last, now=end)
    with pytest.raises(UnauthenticError, match=r"nitro\.timestamp"):
        verify(make, make.document(make.payload(timestamp=stamp + 1000)), now=end)


def test_a_recorded_document_says_when_it_was_made(make: Maker) -> None:
    """After three hours the hint names the instant at which it can be verified."""
    late = make.now + timedelta(hours=4)
    with pytest.raises(UnauthenticError, match="certificate validity") as caught:
        verify(make, make.document(), now=late)
    assert any("--at 2026-06-01T12:00:00Z" in hint for hint in caught.value.hints)


def test_the_time_of_a_document_is_its_certificates(make: Maker) -> None:
    """A document that says it was made at another time was not made by that certificate's key."""
    stamp = int((make.now - timedelta(days=1)).timestamp()) * 1000
    with pytest.raises(UnauthenticError, match=r"nitro.timestamp: got 2026-05-31T12:00:00Z"):
        verify(make, make.document(make.payload(timestamp=stamp)))


def test_another_signer_is_refused(make: Maker) -> None:
    """Only the key of the document's own certificate may sign it."""
    with pytest.raises(UnauthenticError, match="document signature"):
        verify(make, make.document(signer="instance"))


@pytest.mark.parametrize("change", [{"signs": False}, {"authority": True}])
def test_a_certificate_for_something_else_is_refused(make: Maker, change: dict[str, bool]) -> None:
    """An authority, or a key for something else than signatures, signs no document."""
    payload = make.payload(certificate=make.certificate(**change))
    with pytest.raises(UnauthenticError, match="end-entity certificate for signatures"):
        verify(make, make.document(payload))


def test_the_path_ends_in_a_given_anchor(make: Maker) -> None:
    """AWS's own anchor vouches for nothing of the tests', and no anchor for nothing."""
    for anchors in ((NITRO_ROOT,), ()):
        with pytest.raises(UnauthenticError, match="certificate chain"):
            NITRO.authenticate(NITRO.parse(make.document()), Endorsements(), anchors, make.now)


def test_only_dates_make_it_a_recorded_document(make: Maker) -> None:
    """A path that fails for another reason is not explained by the three hours."""
    with pytest.raises(UnauthenticError) as caught:
        NITRO.authenticate(NITRO.parse(make.document()), Endorsements(), (), make.now)
    assert not any("3 hours" in hint for hint in caught.value.hints)


def test_the_chain_may_be_completed(make: Maker) -> None:
    """A certificate that is missing in the bundle may come from elsewhere, in any order."""
    bundle = [make.certificate("instance"), make.certificate("root")]
    data = make.document(make.payload(cabundle=bundle))
    with pytest.raises(UnauthenticError, match="certificate chain"):
        verify(make, data)
    assert verify(make, data, extra=(make.certificate("zone"),))


@pytest.mark.parametrize("change", [{"certificate": b"x"}, {"cabundle": [b"x"]}])
def test_what_is_called_a_certificate_is_one(make: Maker, change: dict[str, object]) -> None:
    """A damaged certificate inside a document is malformed."""
    with pytest.raises(MalformedError, match="not a certificate"):
        verify(make, make.document(make.payload(**change)))


@pytest.mark.slow
def test_every_bit_flip_of_a_document_is_refused(make: Maker) -> None:
    """No single bit of a document can change: it is malformed or not authentic."""
    whole = make.document()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            verify(make, bytes(flipped))
