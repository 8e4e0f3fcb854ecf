"""Collateral out of a bag: what is picked, what is missing, who may sign, until when it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from enarx.errors import MalformedError, UnauthenticError
from enarx.tee.dcap.bag import open_bag
from enarx.tee.dcap.trust import trust_collateral
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import (
    Party,
    Validity,
    authority,
    certify,
    revoke,
    signer,
    valid_for,
)
from enarx.tee.simulated.machine import CA, PCK, TCB_SIGNING
from enarx.tee.simulated.root import ALWAYS
from enarx.tee.x509 import load_certificate

if TYPE_CHECKING:
    from tests.tee.dcap.conftest import Bench

JUNK = (b"", b"{}", b"junk", b"\x30\x00")
DAY = timedelta(days=1)


def refusal(bench: Bench) -> UnauthenticError:
    """Why the collateral is not trusted."""
    with pytest.raises(UnauthenticError) as refused:
        bench.trust()
    return refused.value


def info(bench: Bench, **changes: Any) -> bytes:  # noqa: ANN401 - fields of a simulated TcbInfo
    """A signed TCB info of the machine, with *changes*."""
    return replace(bench.tdx.tcb_info(), **changes).sign(bench.tdx.machine.root.tcb_signing_key)


def identity(bench: Bench, **changes: Any) -> bytes:  # noqa: ANN401 - fields of a QeIdentity
    """A signed QE identity, with *changes*."""
    return replace(bench.tdx.qe_identity(), **changes).sign(bench.tdx.machine.root.tcb_signing_key)


def test_what_is_trusted_and_for_how_long(bench: Bench) -> None:
    """All parts are there; the value holds from the youngest beginning to the earliest end."""
    trusted, machine = bench.trust(), bench.tdx.machine
    assert (trusted.tee, trusted.info.fmspc) == ("tdx", machine.fmspc)
    assert trusted.identity.name == "TD_QE"
    assert trusted.anchor in bench.anchors
    assert trusted.evaluation_number == 20
    assert trusted.not_before == trusted.issued == machine.issued
    assert trusted.not_after == machine.issued + timedelta(days=30)
    assert trusted.revocation.unchecked == ()
    assert len(trusted.revocation.lists) == 2
    assert len(trusted.lists) == 1
    assert len(trusted.known) == 2
    assert len(trusted.chain) == 2


def test_the_bag_may_hold_anything_in_any_order(bench: Bench) -> None:
    """What is damaged or someone else's is passed over."""
    given = bench.endorsements
    full = Endorsements(
        certificates=(*JUNK, *given.certificates[::-1]),
        crls=(*JUNK, *given.crls[::-1]),
        tcb_infos=(*JUNK, *given.qe_identities, *given.tcb_infos),
        qe_identities=(*given.tcb_infos, *JUNK, *given.qe_identities),
    )
    found, plain = replace(bench, endorsements=full).trust(), bench.trust()
    assert (found.info, found.identity, found.revocation) == (
        plain.info,
        plain.identity,
        plain.revocation,
    )


def test_the_highest_evaluation_number_that_is_current_is_picked(bench: Bench) -> None:
    """Trap: standard and early rows coexist; of two of one number the later issued counts."""
    month = valid_for(bench.now - 20 * DAY, 30)
    infos = tuple(
        info(bench, evaluation_number=number, validity=validity)
        for number, validity in (
            (18, month),
            (21, valid_for(bench.now - DAY, 30)),
            (21, month),
            (22, valid_for(bench.now + DAY, 30)),
            (23, valid_for(bench.now - 60 * DAY, 30)),
        )
    )
    identities = tuple(identity(bench, evaluation_number=number) for number in (17, 19, 18))
    trusted = bench.given(tcb_infos=infos, qe_identities=identities).trust()
    assert trusted.info.evaluation_number == 21
    assert trusted.info.issued == bench.now - DAY
    assert trusted.identity.evaluation_number == 19
    assert trusted.evaluation_number == 19


def test_an_item_that_nobody_signed_is_not_in_the_way(bench: Bench) -> None:
    """A forged item with a high number does not hide the genuine one."""
    head, _, _ = info(bench, evaluation_number=99).partition(b',"signature"')
    forged = head + b',"signature":"%s"}' % (b"ab" * 64)
    other = info(bench, evaluation_number=98).replace(b'"pcesvn":13', b'"pcesvn":12')
    trusted = bench.given(tcb_infos=(forged, other, *bench.endorsements.tcb_infos)).trust()
    assert trusted.info.evaluation_number == 20


def test_everything_that_is_missing_is_named(bench: Bench) -> None:
    """Both at once, each with what would be right and where to get it."""
    error = refusal(bench.given(tcb_infos=(), qe_identities=()))
    assert error.step == "endorsements"
    assert [failure.claim for failure in error.failures] == ["TCB info", "QE identity"]
    assert [failure.got for failure in error.failures] == ["none", "none"]
    assert "TDX 00806f050000" in error.failures[0].want
    assert "TD_QE" in error.failures[1].want
    assert any("enarx endorsements fetch" in hint for hint in error.hints)


@pytest.mark.parametrize(
    ("shift", "problem"), [(-40, "2026-05-22T12:00:00Z"), (40, "2026-07-11T12:00:00Z")]
)
def test_items_of_another_time_are_named_with_their_window(
    bench: Bench, shift: int, problem: str
) -> None:
    """Before the issue date and after the next update they do not count."""
    window = valid_for(bench.tdx.machine.issued + shift * DAY, 30)
    error = refusal(bench.given(qe_identities=(identity(bench, validity=window),)))
    (failure,) = error.failures
    assert failure.claim == "QE identity"
    assert problem in failure.got


def test_validity_is_inclusive_to_the_second(bench: Bench) -> None:
    """At issue and at the next update it holds; a second before and after it does not."""
    issued, second = bench.tdx.machine.issued, timedelta(seconds=1)
    for now in (issued, issued + timedelta(days=30)):
        assert replace(bench, now=now).authenticate().claims.tcb.status == "UpToDate"
    for now in (issued - second, issued + timedelta(days=30) + second):
        with pytest.raises(UnauthenticError):
            replace(bench, now=now).authenticate()


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"fmspc": b"other!"}, "TCB info"),
        ({"pce_id": b"\x01\x00"}, "TCB info"),
        ({"tee": "sgx"}, "TCB info"),
    ],
)
def test_a_tcb_info_is_of_one_model_and_technology(
    bench: Bench, changes: dict[str, Any], claim: str
) -> None:
    """Trap: one for SGX, for another FMSPC or another PCE is none."""
    changes = {**changes, "modules": ()} if "tee" in changes else changes
    (failure,) = refusal(bench.given(tcb_infos=(info(bench, **changes),))).failures
    assert (failure.claim, failure.got) == (claim, "none")


def test_a_qe_identity_is_of_one_enclave(bench: Bench) -> None:
    """That of SGX's quoting enclave does not count for TDX."""
    (failure,) = refusal(bench.given(qe_identities=(identity(bench, tee="sgx"),))).failures
    assert (failure.claim, failure.got) == ("QE identity", "none")


def test_fmspc_in_either_case(bench: Bench) -> None:
    """Trap: the model is compared as bytes, however its letters are written."""
    lower = bench.tdx.tcb_info()
    machine = replace(bench.tdx.machine, fmspc=bytes.fromhex("90c06f000000"))
    key = bench.tdx.machine.root.tcb_signing_key
    plain = replace(lower, fmspc=machine.fmspc).sign(key)
    assert b"90C06F000000" in plain
    other = bench.of(fmspc=machine.fmspc)
    assert other.trust().info.fmspc == machine.fmspc


def test_damaged_items_are_told(bench: Bench) -> None:
    """Where nothing fits, why an item could not be read is said, in a bounded text."""
    error = refusal(bench.given(tcb_infos=(b"{}", b"junk" * 50, *[b"x%d" % n for n in range(99)])))
    assert "is not" in error.failures[0].got
    assert len(error.failures[0].got) <= 400


def test_signed_bytes_are_those_that_arrived(bench: Bench) -> None:
    """Trap: the same JSON, written anew, is not what was signed."""
    (plain,) = bench.endorsements.tcb_infos
    spaced = plain.replace(b'"fmspc":', b'"fmspc": ')
    error = refusal(bench.given(tcb_infos=(spaced,)))
    assert "no Intel SGX TCB Signing signed" in error.failures[0].got
    outside = plain.replace(b'{"tcbInfo":', b'{ "tcbInfo" :\n')
    assert bench.given(tcb_infos=(outside,)).trust().info.body == bench.trust().info.body


# ── signers ──────────────────────────────────────────────────────────────────────────────────────


def signed_by(bench: Bench, certificate: bytes | None) -> Bench:
    """The bench with another certificate of the collateral's signer."""
    others = bench.endorsements.certificates[1:]
    return bench.given(certificates=others if certificate is None else (certificate, *others))


def test_no_signers_certificate(bench: Bench) -> None:
    """Without it nothing is signed as far as anybody can tell."""
    error = refusal(signed_by(bench, None))
    assert len(error.failures) == 2
    assert all("without a valid certificate" in failure.got for failure in error.failures)


def test_a_signers_certificate_of_another_time(bench: Bench) -> None:
    """Trap: three editions exist, of which some are over; the refusal says so."""
    root = bench.tdx.machine.root
    old = Validity(not_before=bench.now - 9 * DAY, not_after=bench.now - DAY)
    expired = certify(root.tcb_signing, root.intel_root, old, roles=signer())
    error = refusal(signed_by(bench, expired))
    assert "certificate validity" in error.failures[0].got
    both = bench.given(certificates=(expired, *bench.endorsements.certificates))
    assert both.authenticate().claims.tcb.status == "UpToDate"


def test_a_signer_is_one_by_name_and_issued_by_the_root(bench: Bench) -> None:
    """Another name, or an issuer below the root, makes no signer."""
    root = bench.tdx.machine.root
    key = root.tcb_signing_key
    named = certify(
        Party(title="Intel SGX QE Signing", key=key), root.intel_root, ALWAYS, roles=signer()
    )
    below = certify(
        Party(title="Intel SGX TCB Signing", key=key),
        root.pck_ca("platform"),
        ALWAYS,
        roles=signer(),
    )
    for certificate in (named, below):
        with pytest.raises(UnauthenticError, match="TCB info"):
            signed_by(bench, certificate).trust()


def test_two_signers(bench: Bench) -> None:
    """TCB info and QE identity may be signed by two certificates; both are looked up."""
    root = bench.tdx.machine.root
    other = Party(title="Intel SGX TCB Signing", key=bench.tdx.machine.pck_key)
    second = certify(other, root.intel_root, ALWAYS, roles=signer())
    signed = bench.tdx.qe_identity().sign(bench.tdx.machine.pck_key)
    two = bench.given(
        certificates=(*bench.endorsements.certificates, second), qe_identities=(signed,)
    )
    assert two.authenticate().claims.revocation.unchecked == ()
    revoked = revoke(root.intel_root, (other,), valid_for(bench.now - DAY, 9))
    with pytest.raises(UnauthenticError, match="revocation"):
        two.given(crls=(*two.endorsements.crls, revoked)).authenticate()


@pytest.mark.parametrize("revoked", [PCK, CA, TCB_SIGNING])
def test_every_certificate_is_looked_up(bench: Bench, revoked: str) -> None:
    """A PCK certificate in its authority's list, authority and signer in the root's."""
    with pytest.raises(UnauthenticError, match="revocation"):
        bench.of(revoked=frozenset({revoked})).trust()


def test_missing_lists_are_reported(bench: Bench) -> None:
    """Who has none is said; the policy decides about it."""
    pck, root = bench.endorsements.crls
    for crls, missing in (((root,), "PCK Platform CA"), ((pck,), "Root CA"), ((), "")):
        claims = bench.given(crls=crls).authenticate().claims
        assert all("no CRL given" in reason for reason in claims.revocation.unchecked)
        assert any(missing in reason for reason in claims.revocation.unchecked)
    assert len(claims.revocation.unchecked) == 2


def test_a_stale_list_still_reveals(bench: Bench) -> None:
    """Its end is over, what it lists is revoked for good."""
    machine = bench.tdx.machine
    old = valid_for(bench.now - 90 * DAY, 30)
    stale = revoke(machine.root.pck_ca("platform"), (machine.pck,), old)
    with pytest.raises(UnauthenticError, match="revocation"):
        bench.given(crls=(*bench.endorsements.crls, stale)).trust()


# ── the PCK chain ────────────────────────────────────────────────────────────────────────────────


def pck_certificate(bench: Bench, party: Party, issuer: Party) -> bytes:
    """A certificate with the SGX extension."""
    extension = ("1.2.840.113741.1.13.1", bench.tdx.machine._sgx_extensions())
    return certify(party, issuer, ALWAYS, roles=signer(), extensions=(extension,))


def chain_refusal(bench: Bench, pck: bytes, *others: bytes) -> str:
    """Why *pck* is none, with *others* beside it."""
    certificates = (*others, *bench.endorsements.certificates)
    bag = open_bag(replace(bench.endorsements, certificates=certificates))
    leaf = load_certificate(pck, "test")
    with pytest.raises(UnauthenticError) as refused:
        trust_collateral(leaf, bag, bench.anchors, bench.now, tee="tdx")
    assert refused.value.step == "certificate chain"
    return str(refused.value)


def test_pck_certificates_are_issued_by_pck_authorities(bench: Bench) -> None:
    """By the root itself, or by an authority of another name, is not enough; nor another name."""
    machine, root = bench.tdx.machine, bench.tdx.machine.root
    direct = pck_certificate(bench, machine.pck, root.intel_root)
    assert "a PCK CA and the root" in chain_refusal(bench, direct)
    other = Party(title="Intel SGX Other CA", key=root.tcb_signing_key)
    between = certify(other, root.intel_root, ALWAYS, roles=authority(0))
    wrong = pck_certificate(bench, machine.pck, other)
    assert "Intel SGX Other CA" in chain_refusal(bench, wrong, between)
    named = Party(title="Intel SGX Attestation Certificate", key=machine.pck_key)
    renamed = pck_certificate(bench, named, root.pck_ca("platform"))
    assert "Intel SGX Attestation Certificate" in chain_refusal(bench, renamed)


def test_a_signer_issues_no_pck_certificates(bench: Bench) -> None:
    """The signer of collateral is no authority, whatever its name were."""
    root = bench.tdx.machine.root
    party = Party(title="Intel SGX PCK Platform CA", key=root.tcb_signing_key)
    below = certify(party, root.intel_root, ALWAYS, roles=signer())
    wrong = pck_certificate(bench, bench.tdx.machine.pck, party)
    assert "certificate authority" in chain_refusal(bench, wrong, below)


def test_only_pck_certificates_can_be_trusted(bench: Bench) -> None:
    """A certificate without the extension is malformed as one."""
    bag = open_bag(bench.endorsements)
    with pytest.raises(MalformedError, match="no SGX extension"):
        trust_collateral(bag.certificates[0], bag, bench.anchors, bench.now, tee="tdx")


def test_two_editions_of_the_root(bench: Bench) -> None:
    """Trap: the key is pinned, so that another certificate of it serves as well, or none."""
    root = bench.tdx.machine.root
    edition = certify(root.intel_root, root.intel_root, valid_for(bench.now, 9), roles=authority(1))
    tcb_signing, ca, _ = bench.endorsements.certificates
    assert load_certificate(edition, "x").subject == x509.Name(root.intel_root.name)
    for certificates in ((tcb_signing, ca, edition), (tcb_signing, ca)):
        trusted = bench.given(certificates=certificates).trust()
        assert trusted.anchor.name == "SIMULATED Intel SGX Root CA"


def test_only_intels_anchors_vouch(bench: Bench) -> None:
    """The same keys as another vendor's anchors prove nothing."""
    anchors = tuple(replace(anchor, vendor="amd") for anchor in bench.anchors)
    bag = open_bag(bench.endorsements)
    pck = load_certificate(bench.tdx.machine.certificates()[0], "test")
    with pytest.raises(UnauthenticError, match="certificate chain"):
        trust_collateral(pck, bag, anchors, bench.now, tee="tdx")
