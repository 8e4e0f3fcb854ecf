"""Collateral that dcap-qvl wrote is read, and verifies as if the service had sent it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from enarx.adapters.endorsement_content import recognise
from enarx.errors import MalformedError
from enarx.tee.dcap.signed_json import split
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.tdx.technology import TDX

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.adapters.conftest import FakeClock

    from enarx.tee.endorsements import Endorsements

dcap_qvl = pytest.importorskip("dcap_qvl")


@pytest.fixture
def written(tdx: SimulatedTdx, chain: Callable[..., bytes]) -> tuple[Endorsements, bytes]:
    """Collateral of a simulated machine, and what dcap-qvl writes for it."""
    bag = tdx.endorsements()
    signing, authority, root = bag.certificates
    info = split(bag.tcb_infos[0], "tcbInfo", "info")
    identity = split(bag.qe_identities[0], "enclaveIdentity", "identity")
    collateral = dcap_qvl.QuoteCollateralV3(
        chain(authority, root).decode(),
        bag.crls[1],
        bag.crls[0],
        chain(signing, root).decode(),
        info.body.decode(),
        info.signature,
        chain(signing, root).decode(),
        identity.body.decode(),
        identity.signature,
    )
    return bag, collateral.to_json().encode()


def test_a_quote_is_verified_with_it(
    written: tuple[Endorsements, bytes], tdx: SimulatedTdx, clock: FakeClock
) -> None:
    """The same certificates, lists and signed bytes; nothing is missing."""
    bag, data = written
    found, notes = recognise(data, "collateral.json")
    assert notes == ()
    assert set(found.certificates) == set(bag.certificates)
    assert set(found.crls) == set(bag.crls)
    assert found.tcb_infos == bag.tcb_infos
    quote = TDX.parse(tdx.quote(TdGuest(mr_td=b"m" * 48), report_data=bytes(64)))
    assert TDX.needs(quote, found, clock.at) == ()
    anchors = tdx.machine.root.anchors()
    assert TDX.authenticate(quote, found, anchors, clock.at).claims.tcb.status == "UpToDate"


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "list missing": ({"pck_crl": None}, "pck_crl: got null, want a string"),
    "list damaged": ({"pck_crl": "30"}, "pck_crl: not a revocation list"),
    "list not hexadecimal": ({"root_ca_crl": "xx"}, "root_ca_crl: not hexadecimal digits"),
    "chain not PEM": ({"tcb_info_issuer_chain": "x"}, "neither a PEM block nor blank"),
    "signature short": ({"tcb_info_signature": "00"}, "got 1 bytes, want 64"),
    "info no text": ({"tcb_info": {}}, "tcb_info: got an object, want a string"),
    "a key more": ({"more": 1}, "unknown key 'more'"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_document_names_the_part(
    written: tuple[Endorsements, bytes], change: str
) -> None:
    """Every part is checked for being of its kind."""
    changes, problem = CHANGES[change]
    data = json.dumps({**json.loads(written[1]), **changes}).encode()
    with pytest.raises(MalformedError) as caught:
        recognise(data, "collateral.json")
    assert problem in str(caught.value)


def test_chains_hold_certificates_and_none_may_be_missing(
    written: tuple[Endorsements, bytes],
) -> None:
    """That of the PCK may come along; anything else in PEM, and a missing key, is named."""
    whole = json.loads(written[1])
    chain = whole["pck_crl_issuer_chain"]
    more = json.dumps({**whole, "pck_certificate_chain": chain}).encode()
    assert recognise(more, "collateral.json")[0] == recognise(written[1], "collateral.json")[0]
    other = {**whole, "pck_crl_issuer_chain": chain.replace("CERTIFICATE", "X509 CRL")}
    with pytest.raises(MalformedError, match="got PEM of 'X509 CRL', want certificates"):
        recognise(json.dumps(other).encode(), "collateral.json")
    del whole["pck_crl_issuer_chain"]
    with pytest.raises(MalformedError, match="key 'pck_crl_issuer_chain' is missing"):
        recognise(json.dumps(whole).encode(), "collateral.json")
