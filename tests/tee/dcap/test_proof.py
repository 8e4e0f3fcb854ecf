"""Each step of a quote's proof fails by itself, with all that it found."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import MalformedError, UnauthenticError
from enarx.tee.dcap.p256 import has_signed, key_at
from enarx.tee.dcap.quote import parse_quote
from enarx.tee.simulated.certificates import certify, signer, valid_for
from enarx.tee.simulated.collateral import raw_signature
from enarx.tee.simulated.machine import PCK
from enarx.tee.tdx.evidence import parse
from enarx.tee.tdx.verify import authenticate_with
from enarx.wire.text import to_pem

if TYPE_CHECKING:
    from tests.tee.dcap.conftest import Bench

POINT = 632 + 4 + 64
"""Where the attestation key is in a TDX quote of version 4."""


def refused(bench: Bench) -> UnauthenticError:
    """Why a quote is not authentic with collateral that is."""
    with pytest.raises(UnauthenticError) as caught:
        bench.authenticate_with(bench.trust())
    return caught.value


def test_collateral_that_was_verified_serves_every_machine_of_a_model(bench: Bench) -> None:
    """Another machine's quote needs no endorsements any more."""
    trusted = bench.trust()
    other = bench.of(name="another")
    authentic = other.authenticate_with(trusted)
    assert authentic.claims.instance == other.tdx.machine.ppid != bench.tdx.machine.ppid
    assert authentic == other.authenticate()
    assert authentic.not_after == trusted.not_after
    names = ("PCK Certificate", "PCK Platform CA", "Root CA")
    for link, name in zip(authentic.chain, names, strict=True):
        assert f"CN=SIMULATED Intel SGX {name}" in link.subject


def test_a_pck_certificate_may_end_before_the_collateral(bench: Bench) -> None:
    """The proof ends with the first thing that ends."""
    ends = bench.now + timedelta(days=2)
    short = bench.of(pck_validity=replace(valid_for(bench.now, 1), not_after=ends))
    assert short.authenticate().not_after == ends


@pytest.mark.parametrize("days", [-2, 30])
def test_trusted_collateral_has_its_time(bench: Bench, days: int) -> None:
    """Outside of it, the collateral must be verified anew, and the refusal says when it held."""
    trusted = bench.trust()
    with pytest.raises(UnauthenticError, match="trusted collateral") as caught:
        bench.later(days=days).authenticate_with(trusted)
    assert caught.value.step == "endorsements"
    assert "2026-06-01T12:00:00Z" in str(caught.value)


# ── steps 1 and 2 ────────────────────────────────────────────────────────────────────────────────


def test_the_collateral_must_be_about_the_platform(bench: Bench) -> None:
    """Trap: another FMSPC, another PCE, both named."""
    trusted = bench.trust()
    other = bench.of(fmspc=b"other!", pce_id=b"\x01\x00")
    with pytest.raises(UnauthenticError) as caught:
        other.authenticate_with(trusted)
    assert [failure.claim for failure in caught.value.failures] == ["fmspc", "pce_id"]


def test_the_collateral_must_be_about_the_technology(bench: Bench) -> None:
    """What is trusted for SGX is not for TDX."""
    trusted = replace(bench.trust(), tee="sgx")
    with pytest.raises(UnauthenticError) as caught:
        bench.authenticate_with(trusted)
    assert [failure.claim for failure in caught.value.failures] == ["tee"]


def test_the_authority_must_be_the_issuer(bench: Bench) -> None:
    """A certificate of the processor CA is not below a trusted platform CA."""
    trusted = bench.trust()
    with pytest.raises(UnauthenticError, match="certificate chain"):
        bench.of(ca="processor").authenticate_with(trusted)


def test_every_pck_certificate_is_looked_up(bench: Bench) -> None:
    """The lists that were verified with one machine's certificate reveal another's."""
    other = bench.of(name="another")
    listed = bench.of(name="another", revoked=frozenset({PCK})).endorsements.crls
    trusted = bench.given(crls=listed).trust()
    with pytest.raises(UnauthenticError, match="revocation"):
        other.authenticate_with(trusted)
    assert bench.authenticate_with(trusted).claims.tcb.status == "UpToDate"


def test_a_pck_certificate_has_its_name(bench: Bench) -> None:
    """Whatever else the authority certifies is no PCK."""
    machine = bench.tdx.machine
    extension = ("1.2.840.113741.1.13.1", machine._sgx_extensions())
    party = replace(machine.pck, title="Something else")
    other = certify(
        party,
        machine.root.pck_ca("platform"),
        valid_for(bench.now, 9),
        roles=signer(),
        extensions=(extension,),
    )
    trusted = bench.trust()
    with pytest.raises(UnauthenticError, match="Something else"):
        bench.quoting(certification=other).authenticate_with(trusted)


def test_chains_in_der_and_any_order(bench: Bench) -> None:
    """Traps: type 5 with DER; leaf, root, authority; a root of the other edition among them."""
    pck, ca, root = bench.tdx.machine.certificates()
    trusted = bench.trust()
    for chain in ((pck, ca, root), (pck, root, ca), (root, ca, pck), (pck,), (pck, root, root)):
        pem = b"".join(to_pem("CERTIFICATE", der) for der in chain)
        for data in (b"".join(chain), pem, pem + b"\0"):
            made = bench.quoting(certification=data)
            assert made.authenticate_with(trusted).claims.tcb.status == "UpToDate"
            assert made.authenticate().claims.tcb.status == "UpToDate"
    alone = bench.quoting(kind=4, certification=pck)
    assert alone.authenticate().claims.tcb.status == "UpToDate"


def test_a_chain_has_one_pck_certificate(bench: Bench) -> None:
    """None or two is refused: nobody would know which is meant."""
    pck, ca, root = bench.tdx.machine.certificates()
    another = bench.of(name="another").tdx.machine.certificates()[0]
    for chain, got in (((ca, root), "0"), ((pck, another, ca), "2")):
        made = bench.quoting(certification=b"".join(chain))
        for check in (lambda m: m.authenticate_with(bench.trust()), lambda m: m.authenticate()):
            with pytest.raises(UnauthenticError, match="want one in the quote") as caught:
                check(made)
            assert caught.value.failures[0].got == got


def test_a_damaged_certificate_is_malformed(bench: Bench) -> None:
    """A chain may be split and yet hold what is no certificate."""
    pck = bench.tdx.machine.certificates()[0]
    made = bench.quoting(certification=to_pem("CERTIFICATE", pck) + to_pem("CERTIFICATE", b"\x30"))
    with pytest.raises(MalformedError, match="not a certificate"):
        made.authenticate()
    with pytest.raises(MalformedError, match="not a certificate"):
        made.authenticate_with(bench.trust())


# ── certificates that are only named ─────────────────────────────────────────────────────────────


def naming(bench: Bench, kind: int, *, ppid: bytes | None = None, pce_id: bytes = b"") -> Bench:
    """The quote with certification data of *kind*."""
    machine = bench.tdx.machine
    svns = bytes(16) + machine.pce_svn.to_bytes(2, "little")
    head = {1: machine.ppid if ppid is None else ppid, 2: bytes(256), 3: bytes(384)}.get(kind, b"m")
    tail = b"" if kind == 7 else svns + (pce_id or machine.pce_id)
    return bench.quoting(kind=kind, certification=head + tail)


@pytest.mark.parametrize("kind", [1, 2, 3, 7])
def test_named_certificates_come_from_the_endorsements(bench: Bench, kind: int) -> None:
    """The certificate whose key signed is found among others, damaged ones too."""
    machine = bench.tdx.machine
    damaged = certify(
        machine.pck,
        machine.root.pck_ca("platform"),
        valid_for(bench.now, 9),
        roles=signer(),
        extensions=(("1.2.840.113741.1.13.1", b"\x30\x00"),),
    )
    another = bench.of(name="another").tdx.machine.certificates()[0]
    pck = machine.certificates()[0]
    named = naming(bench, kind)
    full = named.given(certificates=(damaged, another, pck, *bench.endorsements.certificates))
    assert full.authenticate().claims.instance == machine.ppid
    assert full.authenticate_with(full.trust()).claims.instance == machine.ppid
    with pytest.raises(UnauthenticError, match="PCK certificate") as caught:
        named.given(certificates=(another, *bench.endorsements.certificates)).authenticate()
    assert caught.value.step == "endorsements"
    assert f"type {kind}" in str(caught.value)


def test_a_name_in_the_clear_must_fit(bench: Bench) -> None:
    """A certificate of another PPID or PCE-ID is not the one that is named."""
    pck = bench.tdx.machine.certificates()[0]
    full = bench.given(certificates=(pck, *bench.endorsements.certificates))
    for wrong in ({"ppid": b"x" * 16}, {"pce_id": b"\x09\x09"}):
        with pytest.raises(UnauthenticError, match="PCK certificate"):
            naming(full, 1, **wrong).authenticate()


# ── steps 3 to 6 ─────────────────────────────────────────────────────────────────────────────────


def test_the_pck_must_sign_the_quoting_enclaves_report(bench: Bench) -> None:
    """Step 3: another certificate of the same platform model does not fit the report."""
    another = bench.of(name="another").tdx.machine.certificates()[0]
    error = refused(bench.quoting(certification=another))
    assert error.step == "QE report signature"
    assert error.failures[0].got == "another"


def test_the_pck_must_be_of_p256(bench: Bench) -> None:
    """A certificate with a key of another curve signed nothing."""
    machine = bench.tdx.machine
    key = ec.derive_private_key(7, ec.SECP384R1())
    extension = ("1.2.840.113741.1.13.1", machine._sgx_extensions())
    other = certify(
        replace(machine.pck, key=key),
        machine.root.pck_ca("platform"),
        valid_for(bench.now, 9),
        roles=signer(),
        extensions=(extension,),
    )
    assert refused(bench.quoting(certification=other)).step == "QE report signature"


@pytest.mark.parametrize("data", [b"\0" * 64, b"\xff" * 64, None])
def test_the_attestation_key_must_be_bound(bench: Bench, data: bytes | None) -> None:
    """Step 4: the report's data are the key's digest, and zeros behind it."""
    if data is None:
        quote = parse_quote(bench.forge.make())
        digest = hashlib.sha256(quote.attestation_key + quote.qe_auth).digest()
        data = digest + bytes(31) + b"\x01"
    error = refused(bench.quoting(report={"report_data": data}))
    assert error.step == "attestation key binding"
    assert error.failures[0].got == data.hex()


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        ({"mr_signer": b"s" * 32}, ["mr_signer"]),
        ({"isv_prod_id": 1}, ["isv_prod_id"]),
        ({"misc_select": 1}, ["misc_select"]),
        ({"flags": 0x17}, ["attributes"]),
        ({"mr_signer": b"s" * 32, "isv_prod_id": 9}, ["mr_signer", "isv_prod_id"]),
    ],
)
def test_the_quoting_enclave_must_be_intels(
    bench: Bench, changes: dict[str, Any], claims: list[str]
) -> None:
    """Step 5: signer, product, and what the identity masks; every mismatch is named."""
    error = refused(bench.quoting(report=changes))
    assert error.step == "QE identity"
    assert [failure.claim for failure in error.failures] == [
        f"quote.qe_report.{claim}" for claim in claims
    ]


@pytest.mark.parametrize(
    "changes", [{"flags": 0x11}, {"xfrm": 0}, {"mr_enclave": b"n" * 32}, {"isv_svn": 99}]
)
def test_what_the_identity_masks_out_may_differ(bench: Bench, changes: dict[str, Any]) -> None:
    """64-bit mode, XFRM, the enclave's own measurement, and a higher SVN."""
    assert bench.quoting(report=changes).authenticate().claims.tcb.status == "UpToDate"


def test_the_attestation_key_must_be_a_point(bench: Bench) -> None:
    """Step 6: a key that the quoting enclave would bind, but that is none."""
    raw = bytearray(bench.forge.make())
    raw[POINT : POINT + 64] = b"\xff" * 64
    quote = parse_quote(bytes(raw))
    digest = hashlib.sha256(quote.attestation_key + quote.qe_auth).digest().ljust(64, b"\0")
    made = bytearray(bench.quoting(report={"report_data": digest}).forge.make())
    made[POINT : POINT + 64] = b"\xff" * 64
    with pytest.raises(UnauthenticError, match="want a point of P-256"):
        authenticate_with(parse(bytes(made)), bench.trust(), bench.now)


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64, b"\x01" * 64])
def test_the_attestation_key_must_sign(bench: Bench, signature: bytes) -> None:
    """Step 6: zeros, numbers above the order, and any others are no signature."""
    raw = bytearray(bench.forge.make())
    raw[636 : 636 + 64] = signature
    with pytest.raises(UnauthenticError, match="quote signature"):
        authenticate_with(parse(bytes(raw)), bench.trust(), bench.now)


def test_signatures_are_of_p256_only() -> None:
    """A key of another curve or kind has signed nothing, whatever the bytes are."""
    key = ec.derive_private_key(5, ec.SECP256R1())
    signature = raw_signature(key, b"body")
    assert has_signed(key.public_key(), b"body", signature)
    assert not has_signed(key.public_key(), b"body!", signature)
    assert not has_signed(key.public_key(), b"body", signature + b"\0")
    other = ec.derive_private_key(5, ec.SECP256K1())
    assert not has_signed(other.public_key(), b"body", raw_signature(other, b"body"))
    assert key_at(bytes(64)) is None
