"""Recorded requests, certificates and evidence: each is opened, and bound to the key it names."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat import asn1

from enarx.errors import MalformedError, UnauthenticError
from enarx.evidence import cmw, pkix, vendor_extension
from enarx.evidence.binding import check_binding
from enarx.evidence.container import open_container, take_evidence
from enarx.tee.claims import Claims
from enarx.tee.dcap.enclave import EnclaveReport
from enarx.tee.dcap.layout import HeaderV3
from enarx.tee.endorsements import Endorsements
from enarx.tee.nitro.roots import ANCHORS
from enarx.tee.nitro.technology import NITRO
from enarx.tee.sgx.technology import SGX
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.technology import SNP
from enarx.tee.technology import Technology
from enarx.wire import cbor, der
from enarx.wire.reader import Reader
from enarx.wire.record import size_of, unpack
from enarx.wire.text import pem_blocks

Technologies = tuple[Technology, ...]
ClaimsOf = Callable[..., Claims]


def expected(folder: Path) -> dict[str, Any]:
    """What the vector's manifest says of its evidence."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["expected"]
    return found


def enclave_report(quote: bytes) -> EnclaveReport:
    """The report in an SGX quote."""
    reader = Reader(quote, "quote")
    reader.take(size_of(HeaderV3), "header")
    return unpack(EnclaveReport, reader.take(size_of(EnclaveReport), "report"))


def test_a_request_of_enarx_on_snp(
    shared: Path, technologies: Technologies, claims_of: ClaimsOf
) -> None:
    """Report, VCEK and both lists come out as recorded; the report is bound to the key."""
    folder = shared / "vectors/snp/milan-v2-enarx-csr"
    opened = open_container((folder / "enarx.csr").read_bytes(), "csr", technologies)
    assert opened.evidence == (folder / "report.bin").read_bytes()
    assert opened.endorsements.certificates == ((folder / "vcek.der").read_bytes(),)
    lists = {(folder / name).read_bytes() for name in ("ark-genoa.crl", "ark-milan.crl")}
    assert set(opened.endorsements.crls) == lists
    report_data = bytes.fromhex(expected(folder)["report"]["report_data"])
    check_binding(opened, claims_of(report_data))
    with pytest.raises(UnauthenticError):
        check_binding(opened, claims_of(report_data[:63] + b"\1"))


def test_a_request_of_enarx_on_sgx(
    shared: Path, technologies: Technologies, claims_of: ClaimsOf
) -> None:
    """Quote, three lists and the TCB info with its chain; bound to the request's key."""
    folder = shared / "vectors/sgx/sgx-enarx-i5"
    opened = open_container((folder / "enarx.csr").read_bytes(), "csr", technologies)
    assert opened.evidence == (folder / "quote.bin").read_bytes()
    found = opened.endorsements
    assert [len(bag) for bag in (found.certificates, found.crls, found.tcb_infos)] == [2, 3, 1]
    store = (shared / "vectors/collateral-store").glob("tcbinfo-*.json")
    assert found.tcb_infos[0] in {path.read_bytes() for path in store}
    check_binding(opened, claims_of(bytes.fromhex(expected(folder)["body"]["reportdata"])))


@pytest.mark.parametrize("name", ["debug-mode", "non-debug"])
def test_certificates_of_evervault(
    name: str, shared: Path, technologies: Technologies, claims_of: ClaimsOf
) -> None:
    """A Nitro document in an alternative name holds the certificate's key as its user data."""
    (path,) = (shared / f"vectors/nitro/evervault-{name}-x509").glob("*.pem")
    opened = open_container(path.read_bytes(), "pem", technologies)
    assert opened.technology.name == "nitro"
    sign1 = cbor.decode(opened.evidence, "document")
    assert isinstance(sign1, tuple)
    document: Any = cbor.decode(sign1[2], "payload")  # type: ignore[arg-type]
    claims = claims_of(document["user_data"], {"nitro.user_data": document["user_data"]})
    check_binding(opened, claims)
    with pytest.raises(UnauthenticError):
        check_binding(opened, claims_of(b"", {"nitro.user_data": document["nonce"]}))


@pytest.mark.parametrize("name", ["ec", "rsa"])
def test_damaged_certificates_of_open_enclave(
    name: str, shared: Path, technologies: Technologies
) -> None:
    """Certificates that were damaged on purpose have not signed themselves."""
    path = shared / f"vectors/ratls/oe-bad-certs/sgx_cert_{name}_bad.der"
    with pytest.raises(UnauthenticError) as refused:
        open_container(path.read_bytes(), "der", technologies)
    assert refused.value.step == "certificate signature"


@pytest.mark.parametrize("name", ["ec", "rsa"])
def test_the_rule_of_open_enclave_is_the_recorded_one(
    name: str, shared: Path, claims_of: ClaimsOf
) -> None:
    """Their quotes were made for their keys: the digest of the PEM with its NUL is in both."""
    path = shared / f"vectors/ratls/oe-bad-certs/sgx_cert_{name}_bad.der"
    certificate = asn1.decode_der(pkix._Certificate, path.read_bytes())
    spki = der.element(certificate.tbs.spki)
    items = {e.oid.dotted_string: e.value for e in certificate.tbs.extensions or []}
    content = vendor_extension.open_enclave(items[vendor_extension.OPEN_ENCLAVE], spki, "x")
    opened = take_evidence(content, "x", (SGX,))
    check_binding(opened, claims_of(enclave_report(opened.evidence).report_data))


def test_quotes_and_reports_in_every_carrier(shared: Path, technologies: Technologies) -> None:
    """Every recorded report and quote comes out of text, padding and wrappers as it went in."""
    counted = 0
    for folder in sorted((shared / "vectors").glob("*/*/")):
        for name, kind in (("report.bin", "snp"), ("quote.bin", folder.parent.name)):
            path = folder / name
            data = path.read_bytes() if path.exists() else b""
            if not any(t.recognises(data) for t in technologies if t.name == kind):
                continue
            try:
                plain = open_container(data, name, technologies).evidence
            except MalformedError:
                continue
            padded = plain.ljust(len(plain) + 999, b"\0")
            for carrier in (
                plain.hex().encode(),
                padded,
                padded.hex().encode(),
                cmw.wrap(plain, kind, Endorsements(), "json"),
                cmw.wrap(padded, kind, Endorsements(crls=(b"x",)), "cbor"),
            ):
                assert open_container(carrier, name, technologies).evidence == plain
            counted += 1
    print(f"{counted} recorded reports and quotes")  # noqa: T201 - the count is asked for
    assert counted >= 40


def test_an_authentic_report_is_bound_to_the_key_of_its_request(shared: Path) -> None:
    """The whole way of Enarx's recorded request: open, parse, authenticate, check the key."""
    folder = shared / "vectors/snp/milan-v2-enarx-csr"
    opened = open_container((folder / "enarx.csr").read_bytes(), "csr", (SNP,))
    blocks = pem_blocks((folder / "ca_chain.pem").read_bytes(), "chain")
    chain = Endorsements(certificates=tuple(der for _, der in blocks))
    now = dt.datetime(2022, 12, 1, tzinfo=dt.UTC)
    report = SNP.parse(opened.evidence)
    authentic = SNP.authenticate(report, opened.endorsements + chain, AMD_ROOTS, now)
    check_binding(opened, authentic.claims)


@pytest.mark.parametrize("name", ["debug-mode", "non-debug"])
def test_an_authentic_document_is_bound_to_the_key_of_its_certificate(
    name: str, shared: Path
) -> None:
    """The whole way of Evervault's recorded certificates; between them, nothing is bound."""
    opened, authentic = {}, {}
    now = dt.datetime(2023, 1, 18, 15, 11, tzinfo=dt.UTC)
    for each in ("debug-mode", "non-debug"):
        (path,) = (shared / f"vectors/nitro/evervault-{each}-x509").glob("*.pem")
        opened[each] = open_container(path.read_bytes(), "pem", (NITRO,))
        document = NITRO.parse(opened[each].evidence)
        authentic[each] = NITRO.authenticate(document, Endorsements(), ANCHORS, now)
    check_binding(opened[name], authentic[name].claims)
    other = next(each for each in opened if each != name)
    with pytest.raises(UnauthenticError, match="key binding"):
        check_binding(opened[name], authentic[other].claims)
