"""Every extension in which evidence travels: what comes out, what binds it, what is refused.

The named attack, key substitution: a genuine report beside a key that it was not made for.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError, UnauthenticError
from enarx.evidence import cmw, extensions, media
from enarx.evidence.binding import check_binding
from enarx.evidence.container import open_container
from enarx.evidence.opened import Opened
from enarx.tee.endorsements import Endorsements
from enarx.tee.technology import Technology
from enarx.wire import cbor, der, text

Technologies = tuple[Technology, ...]
Pki = Any
"""Made in conftest.py."""

DICE, CMW, ATTESTATION = extensions.DICE, extensions.CMW, extensions.ATTESTATION
SNP, SGX, KVM = (f"1.3.6.1.4.1.58270.1.{n}" for n in (3, 2, 1))
DSTACK = "1.3.6.1.4.1.62397.1.1"
OPEN_ENCLAVE = "1.2.840.113556.10.1.1"
LEGACY, GRAMINE = "1.2.840.113741.1337.6", "0.6.9.42.840.113741.1337.6"
ALTERNATIVE_NAME = "2.5.29.17"

LISTS = der.sequence(der.sequence(der.sequence(der.encode("https://crl"), der.sequence())))
"""CrlPile with one (empty) list."""


def claims_for(spki: bytes, algorithm: int = 1, **more: bytes) -> bytes:
    """Claims of the interoperable format about a key."""
    name = {1: "sha256", 7: "sha384", 8: "sha512"}.get(algorithm, "sha256")
    entry = cbor.encode((algorithm, hashlib.new(name, spki).digest()))
    return cbor.encode({"pubkey-hash": entry, **more})


def quote_with(evidence: bytes, claims: bytes) -> bytes:
    """Tagged evidence."""
    return cbor.encode(cbor.Tag(60000, (evidence, claims)))


def oid(dotted: str) -> bytes:
    """The DER of an identifier."""
    return der.encode(x509.ObjectIdentifier(dotted))


def dns_names(*names: bytes) -> bytes:
    """Alternative names."""
    return der.sequence(*(b"\x82" + der.sequence(name)[1:] for name in names))


Way = tuple[str, bytes, bytes]
"""An identifier, its content, and the report data that binds it to a key."""


def digest(name: str, data: bytes) -> bytes:
    """A digest by the name of its function."""
    return hashlib.new(name, data).digest()


def wrapped_ways(spki: bytes, evidence: dict[str, bytes]) -> dict[str, Way]:
    """The standards' ways."""
    claims = claims_for(spki)
    bound = digest("sha256", claims)
    tagged = quote_with(evidence["sgx"], claims)
    record = cmw.wrap(evidence["tdx"], "tdx", Endorsements(), "cbor")
    json = cmw.wrap(evidence["snp"], "snp", Endorsements(certificates=(b"c",)), "json")
    statement = der.sequence(oid(CMW), der.encode(record))
    hinted = der.sequence(oid(DICE), der.sequence(der.encode(tagged)), der.encode("verifier"))
    bundle = der.sequence(der.sequence(statement))
    certified = der.sequence(der.sequence(hinted), der.sequence(der.sequence()))
    return {
        "cmw cbor": (CMW, der.encode(record), digest("sha512", spki)),
        "cmw json": (CMW, der.encode(json.decode()), digest("sha256", spki)),
        "cmw dice": (CMW, der.encode(tagged), bound),
        "dice": (DICE, tagged, bound),
        "dice string": (DICE, der.encode(tagged), bound),
        "dice sequence": (DICE, der.sequence(der.encode(tagged)), bound),
        "dice cmw": (DICE, record, digest("sha384", spki)),
        "bundle": (ATTESTATION, bundle, digest("sha256", spki)),
        "bundle dice": (ATTESTATION, certified, bound),
    }


def vendor_ways(spki: bytes, evidence: dict[str, bytes]) -> dict[str, Way]:
    """Everybody else's ways."""
    empty, sgx = der.sequence(), evidence["sgx"]
    tcb = der.sequence(der.sequence(empty, empty), der.encode(b"{}"))
    snp = der.sequence(der.sequence(empty, LISTS), der.encode(evidence["snp"]))
    document = (evidence["nitro"] + bytes(500)).hex().encode()
    header = b"".join(n.to_bytes(s, "little") for n, s in ((1, 4), (2, 4), (len(sgx), 8)))
    pem = text.to_pem("PUBLIC KEY", spki)
    return {
        "snp": (SNP, snp, digest("sha384", spki)),
        "sgx": (SGX, der.sequence(der.encode(sgx), LISTS, tcb), digest("sha256", spki)),
        "legacy": (LEGACY, sgx, digest("sha256", spki)),
        "gramine": (GRAMINE, sgx, digest("sha256", spki)),
        "dstack": (DSTACK, der.encode(evidence["tdx"]), digest("sha512", b"ratls-cert:" + spki)),
        "open enclave": (OPEN_ENCLAVE, header + sgx, digest("sha256", pem + b"\0")),
        "nitro": (ALTERNATIVE_NAME, dns_names(b"a.example", document + b".b"), b""),
    }


def values_for(spki: bytes, evidence: dict[str, bytes]) -> dict[str, Way]:
    """All ways, each with evidence for the key *spki*."""
    return {**wrapped_ways(spki, evidence), **vendor_ways(spki, evidence)}


WAYS = (
    "snp", "sgx", "cmw cbor", "cmw json", "cmw dice", "dice", "dice string", "dice sequence",
    "dice cmw", "bundle", "bundle dice", "legacy", "gramine", "dstack", "open enclave", "nitro",
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_evidence_is_opened_and_bound_to_its_key(
    way: str, evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """In a request and in a certificate alike, and bound only by its own rule."""
    dotted, value, report_data = values_for(pki.spki(pki.key), evidence)[way]
    fields = {"nitro.user_data": pki.spki(pki.key)} if way == "nitro" else {}
    for data in (
        pki.request(pki.key, [(dotted, value)]),
        pki.certificate(pki.key, [(dotted, value)]),
    ):
        opened = open_container(data, "file", technologies)
        assert opened.evidence[:40] == evidence[opened.technology.name][:40]
        assert opened.binding is not None
        assert opened.binding.spki == pki.spki(pki.key)
        check_binding(opened, pki.claims(report_data.ljust(64, b"\0"), fields))
        with pytest.raises(UnauthenticError, match="key binding"):
            check_binding(opened, pki.claims(report_data[1:].rjust(64, b"\0")))


@pytest.mark.parametrize("way", WAYS)
def test_key_substitution_is_refused(
    way: str, evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """Somebody's genuine evidence beside another key, properly signed by that key."""
    dotted, value, report_data = values_for(pki.spki(pki.key), evidence)[way]
    genuine = pki.claims(report_data.ljust(64, b"\0"), {"nitro.user_data": pki.spki(pki.key)})
    for build in (pki.certificate, pki.request):
        opened = open_container(build(pki.other_key, [(dotted, value)]), "file", technologies)
        with pytest.raises(UnauthenticError) as refused:
            check_binding(opened, genuine)
        assert refused.value.step == "key binding"


def open_extension(way: tuple[str, bytes], pki: Pki, known: Technologies) -> Opened:
    """What a certificate with one extension holds."""
    return open_container(pki.certificate(pki.key, [way]), "file", known)


def test_endorsements_come_along(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """Certificates, lists and TCB info of the containers are put into the bag."""
    empty = der.sequence()
    want = {
        "snp": Endorsements(certificates=(empty,), crls=(empty,)),
        "sgx": Endorsements(certificates=(empty,), crls=(empty,), tcb_infos=(b"{}",)),
        "cmw json": Endorsements(certificates=(b"c",)),
        "bundle dice": Endorsements(certificates=(empty,)),
        "dice": Endorsements(),
    }
    for way, bag in want.items():
        dotted, value, _ = values_for(pki.spki(pki.key), evidence)[way]
        opened = open_extension((dotted, value), pki, technologies)
        # both certificates of the SGX extension are the same here
        assert opened.endorsements + Endorsements() == bag


def test_the_bundle_goes_into_an_attribute(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """In a PKCS#10 request the bundle is an attribute of its own."""
    dotted, value, _ = values_for(pki.spki(pki.key), evidence)["bundle"]
    opened = open_container(pki.request(pki.key, [], [(dotted, value)]), "file", technologies)
    assert opened.containers == ("PKCS#10 request", "attestation bundle", "CMW in CBOR")


def test_the_dress_that_says_the_most_is_taken(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """Gramine writes a legacy quote beside the interoperable one: the latter has a key hash."""
    ways = values_for(pki.spki(pki.key), evidence)
    data = pki.certificate(pki.key, [ways["gramine"][:2], ways["dice"][:2]])
    assert open_container(data, "file", technologies).containers[1] == "tagged evidence"


def test_every_hash_of_the_key_counts(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """SHA-256, SHA-384 and SHA-512, with a nonce and claims of others beside it."""
    for algorithm in (1, 7, 8):
        claims = claims_for(pki.spki(pki.key), algorithm, nonce=b"n", key_0=b"value")
        value = quote_with(evidence["tdx"], claims)
        opened = open_extension((DICE, value), pki, technologies)
        assert opened.claims == claims
        check_binding(opened, pki.claims(hashlib.sha256(claims).digest().ljust(64, b"\0")))


@pytest.mark.parametrize(
    ("way", "want"),
    [
        ((DICE, quote_with(b"", cbor.encode({}))), "claims: claim 'pubkey-hash' is missing"),
        ((DICE, quote_with(b"", cbor.encode([]))), "claims: want a map of at most 16 claims"),
        ((DICE, quote_with(b"", cbor.encode(dict.fromkeys("abcdefghijklmnopq", b"")))), "most 16"),
        ((DICE, quote_with(b"", cbor.encode({1: b""}))), "claims: want text to byte strings"),
        ((DICE, quote_with(b"", cbor.encode({"a": 1}))), "claims: want text to byte strings"),
        ((DICE, quote_with(b"", b"\xff")), "claims at 0x0"),
        ((DICE, quote_with(b"", claims_for(b"", 2))), "pubkey-hash: want [algorithm, hash]"),
        ((DICE, quote_with(b"", cbor.encode({"pubkey-hash": b"\x80"}))), "want [algorithm, hash]"),
        ((DICE, cbor.encode(cbor.Tag(60000, (b"",)))), "want [quote, claims]"),
        ((DICE, cbor.encode(cbor.Tag(60000, b""))), "want [quote, claims]"),
        ((DICE, cbor.encode(cbor.Tag(60000, (b"", b""))) + b"\0"), "trailing bytes"),
        ((DICE, b""), "item at 0x0"),
        ((CMW, der.encode(5)), "not the DER of its type"),
        ((CMW, b""), "not the DER of its type"),
        ((SNP, b"\x30\x00"), "not the DER of its type"),
        ((SGX, b"\x30\x00"), "not the DER of its type"),
        ((DSTACK, b"\x04\x05"), "not the DER of its type"),
        ((OPEN_ENCLAVE, bytes(15)), "got 15 bytes, want 16"),
        ((OPEN_ENCLAVE, bytes(16)), "got version 0, type 0, want version 1, type 2 (SGX, remote)"),
        ((OPEN_ENCLAVE, b"\1\0\0\0\1\0\0\0" + bytes(8)), "got version 1, type 1, want version 1"),
        ((OPEN_ENCLAVE, b"\2\0\0\0\2\0\0\0" + bytes(8)), "got version 2, type 2, want version 1"),
        ((OPEN_ENCLAVE, b"\1\0\0\0\2\0\0\0" + bytes(8) + b"q"), "got 1 bytes, the header says 0"),
        ((ATTESTATION, der.sequence(der.sequence())), "got 0 statements, want 1 to 16"),
        (
            (ATTESTATION, der.sequence(der.sequence(der.sequence(oid("1.2.3"), der.sequence())))),
            f"attestations[0]: got a statement of type 1.2.3, want {CMW} or {DICE}",
        ),
        ((ALTERNATIVE_NAME, dns_names(b"x" * 1024)), "not hexadecimal digits"),
        ((ALTERNATIVE_NAME, dns_names(b"\xff" * 1024)), "not hexadecimal digits"),
        ((ALTERNATIVE_NAME, b"\x30\x05"), "not the DER of its type"),
        ((ALTERNATIVE_NAME, dns_names(b"a.example")), "X.509 certificate without evidence"),
        ((KVM, b""), "Enarx's extension for KVM, which holds no evidence"),
        (("1.2.3.4", b""), "X.509 certificate without evidence (extensions: 1.2.3.4)"),
    ],
)  # fmt: skip
def test_damaged_extensions_are_refused(
    way: tuple[str, bytes], want: str, technologies: Technologies, pki: Pki
) -> None:
    """Each with its identifier and what is wrong in it."""
    with pytest.raises(MalformedError) as refused:
        open_extension(way, pki, technologies)
    assert want in str(refused.value)


def test_a_kvm_keep_proves_nothing(technologies: Technologies, pki: Pki) -> None:
    """Its request is refused as what it is, with what to do."""
    with pytest.raises(MalformedError, match="KVM") as refused:
        open_container(pki.request(pki.key, [(KVM, b"")]), "file", technologies)
    assert refused.value.hints == ("a KVM keep proves nothing; run the keep on SNP, TDX or SGX",)


def test_a_carrier_without_extensions_says_so(technologies: Technologies, pki: Pki) -> None:
    """An ordinary request holds no evidence; the hint says where it would be."""
    with pytest.raises(
        MalformedError, match=r"request without evidence \(extensions: none\)"
    ) as refused:
        open_container(pki.request(pki.key), "file", technologies)
    assert all(dotted in refused.value.hints[0] for dotted in (SNP, SGX, CMW, DICE, ATTESTATION))


def test_lists_in_an_extension_are_counted(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """More lists than there are issuers are refused."""
    entry = der.sequence(der.encode("u"), der.sequence())
    for number in (16, 17):
        lists = der.sequence(der.sequence(*[entry] * number))
        value = der.sequence(der.sequence(der.sequence(), lists), der.encode(evidence["snp"]))
        data = pki.certificate(pki.key, [(SNP, value)])
        if number == 16:
            assert open_container(data, "file", technologies).technology.name == "snp"
            continue
        with pytest.raises(MalformedError, match="got 17 elements, want at most 16"):
            open_container(data, "file", technologies)


def test_claims_and_statements_are_counted_exactly(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """Sixteen of each are accepted; more are refused."""
    many = {f"claim-{number}": b"" for number in range(15)}
    tagged = quote_with(evidence["sgx"], claims_for(pki.spki(pki.key), **many))
    assert open_extension((DICE, tagged), pki, technologies).claims
    more = cbor.encode((media.CERTIFICATE, b"c"))
    statements = [der.sequence(oid(DICE), der.encode(tagged))]
    statements += [der.sequence(oid(CMW), der.encode(more))] * 15
    bundle = der.sequence(der.sequence(*statements))
    assert open_extension((ATTESTATION, bundle), pki, technologies).technology.name == "sgx"
    bundle = der.sequence(der.sequence(*statements, statements[-1]))
    with pytest.raises(MalformedError, match="got 17 statements, want 1 to 16"):
        open_extension((ATTESTATION, bundle), pki, technologies)


def test_statements_are_put_together(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """Evidence in one statement and endorsements in the next; the evidence's rule binds."""
    claims = claims_for(pki.spki(pki.key))
    first = der.sequence(oid(DICE), der.encode(quote_with(evidence["sgx"], claims)))
    more = cbor.encode({"tcb": ("application/vnd.enarx.tcb-info+json", b"{}", 2)})
    second = der.sequence(oid(CMW), der.encode(more))
    value = der.sequence(der.sequence(first, second))
    opened = open_container(pki.request(pki.key, [], [(ATTESTATION, value)]), "file", technologies)
    assert opened.endorsements.tcb_infos == (b"{}",)
    assert opened.claims == claims
    check_binding(opened, pki.claims(hashlib.sha256(claims).digest().ljust(64, b"\0")))
    with pytest.raises(UnauthenticError):
        check_binding(
            opened, pki.claims(hashlib.sha256(pki.spki(pki.key)).digest().ljust(64, b"\0"))
        )


@given(
    way=st.sampled_from(WAYS),
    place=st.integers(0, 10**6),
    removed=st.integers(0, 2),
    added=st.binary(max_size=2),
)
def test_damaged_carriers_are_our_error(
    way: str, place: int, removed: int, added: bytes, *, request: pytest.FixtureRequest
) -> None:
    """A changed, lost or added byte anywhere is refused, or opened as something else."""
    evidence, technologies, pki = map(request.getfixturevalue, ("evidence", "technologies", "pki"))
    dotted, value, _ = values_for(pki.spki(pki.key), evidence)[way]
    at = place % len(value)
    changed = value[:at] + added + value[at + removed :]
    with suppress(MalformedError):
        open_extension((dotted, changed), pki, technologies)
    whole = pki.certificate(pki.key, [(dotted, value)])
    at = place % len(whole)
    with suppress(MalformedError, UnauthenticError):
        open_container(whole[:at] + added + whole[at + removed :], "file", technologies)
