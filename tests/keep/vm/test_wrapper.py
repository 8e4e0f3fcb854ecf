"""What the quoter hands out is what everybody else's verifier takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.keep.vm.kernel import Kernel

from enarx import attestation
from enarx.errors import MalformedError
from enarx.evidence import cmw, tsm
from enarx.evidence.messages import unwrap
from enarx.keep.vm.certificate_table import MAX_ENTRIES, endorsements_in
from enarx.keep.vm.quoter import evidence
from enarx.keep.vm.tsm import Report, Tsm
from enarx.keep.vm.wrapper import wrap
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp import certificate_table as reference
from enarx.tee.snp.certificate_table import ARK, ASK, CRL, VCEK, CertificateTable, Entry, pack_table
from enarx.wire.text import pem_blocks, to_pem

Blobs = st.lists(st.binary(min_size=1, max_size=40), max_size=12)


@given(st.binary(max_size=99), st.sampled_from(("snp", "tdx")), Blobs, Blobs)
def test_the_bytes_are_those_of_the_reference(
    data: bytes, technology: str, certificates: list[bytes], crls: list[bytes]
) -> None:
    """The keep's own wrapper makes the same bytes as the one that the host has."""
    bag = Endorsements(certificates=tuple(certificates), crls=tuple(crls))
    assert wrap(data, technology, certificates, crls) == cmw.wrap(data, technology, bag, "cbor")


Guids = st.lists(st.sampled_from((*reference.CERTIFICATES, CRL, UUID(int=7))), unique=True)


@given(Guids, st.data())
def test_tables_are_read_as_the_verifier_reads_them(guids: list[UUID], data: st.DataObject) -> None:
    """The same certificates and lists, from DER and from PEM; strangers' entries are left out."""
    entries = []
    for guid in guids:
        der = data.draw(st.binary(min_size=1, max_size=60).filter(lambda b: b"-" not in b))
        label = "X509 CRL" if guid == CRL else "CERTIFICATE"
        pem = data.draw(st.booleans())
        entries.append(Entry(guid=guid, data=to_pem(label, der) if pem else der))
    table = pack_table(CertificateTable(entries=tuple(entries))) + bytes(50)
    want = reference.endorsements_in(reference.parse_table(table))
    assert endorsements_in(table) == (want.certificates, want.crls)


def test_a_table_of_zeros_is_none() -> None:
    """Linux hands out zeros where the host gave nothing."""
    assert endorsements_in(bytes(16384)) == endorsements_in(b"") == ((), ())


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (VCEK.bytes, "auxblob.entry at 0x0: got 16 bytes, want 24"),
        (VCEK.bytes + b"\xff" * 8, "auxblob.bytes before an entry at 0x0: got 24 bytes"),
        (VCEK.bytes + bytes(4) + b"\xff" * 4, "auxblob.entry's content at 0x0: got 24 bytes"),
        ((UUID(int=1).bytes + bytes(8)) * (MAX_ENTRIES + 1), f"more than {MAX_ENTRIES} entries"),
    ],
)
def test_damaged_tables_are_refused(table: bytes, problem: str) -> None:
    """Attack: a table that points outside of itself or never ends."""
    with pytest.raises(MalformedError) as refused:
        endorsements_in(table)
    assert problem in str(refused.value)


def test_pem_of_another_kind_is_refused() -> None:
    """A list is no certificate."""
    entry = Entry(guid=VCEK, data=to_pem("X509 CRL", b"list"))
    with pytest.raises(MalformedError, match="got PEM of 'X509 CRL', want 'CERTIFICATE'"):
        endorsements_in(pack_table(CertificateTable(entries=(entry,))))


@given(st.binary(max_size=300))
def test_any_table_is_read_or_refused(table: bytes) -> None:
    """Whatever the host writes: our error or success."""
    try:
        endorsements_in(table)
    except MalformedError as error:
        assert len(str(error)) < 500  # noqa: PT017 - both ways are right


def test_the_same_as_a_report_in_files() -> None:
    """The wrapper means what evidence of configfs-tsm means to the verifier elsewhere."""
    table = pack_table(CertificateTable(entries=(Entry(guid=ARK, data=b"ark"),)))
    want = tsm.from_tsm(b"report", table, "sev_guest", "x")
    found = unwrap(evidence(Report("sev_guest", b"report", table)), "x")
    assert (found.evidence, found.endorsements) == (want.evidence, want.endorsements)


def recorded(folder: Path) -> dict[str, Any]:
    """What is known of recorded evidence."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["expected"]
    return found


def certificates(folder: Path) -> list[bytes]:
    """VCEK, ASK and ARK of a recorded report."""
    chain = pem_blocks((folder / "ca_chain.pem").read_bytes(), "chain")
    return [(folder / "vcek.der").read_bytes(), *(der for _, der in chain)]


def quoted(provider: str, report_data: bytes, outblob: bytes, auxblob: bytes = b"") -> bytes:
    """Recorded evidence, through a kernel and the quoter."""
    kernel = Kernel(lambda *_: (outblob, auxblob), provider)
    return evidence(Tsm(kernel).quote(report_data))


def encode_der(der: bytes) -> bytes:
    """As most hosts store certificates."""
    return der


def encode_pem(der: bytes) -> bytes:
    """As some do."""
    return to_pem("CERTIFICATE", der)


@pytest.mark.parametrize("encode", [encode_der, encode_pem])
@pytest.mark.parametrize("name", ["genoa-v5-live", "milan-v2-virtee", "milan-v2-coco-azure"])
def test_recorded_snp_reports_are_authentic(
    shared: Path, name: str, encode: Callable[[bytes], bytes]
) -> None:
    """A real report with its host's table verifies to AMD's root with nothing fetched."""
    folder = shared / "vectors/snp" / name
    facts = recorded(folder)
    entries = zip((VCEK, ASK, ARK), map(encode, certificates(folder)), strict=True)
    table = pack_table(CertificateTable(entries=tuple(Entry(guid=g, data=d) for g, d in entries)))
    report_data = bytes.fromhex(facts["report"]["report_data"])
    outblob = (folder / "report.bin").read_bytes()
    found = attestation.parse(quoted("sev_guest", report_data, outblob, table.ljust(16384, b"\0")))
    proof = attestation.authenticate(
        found,
        Endorsements(),
        anchors=attestation.VENDOR_ANCHORS,
        now=datetime.fromisoformat(facts["valid_at"]["suggested"]),
    )
    assert (proof.claims.platform, proof.claims.report_data) == ("snp", report_data)
    assert proof.evidence == outblob


@pytest.mark.parametrize("name", ["tdx-v4-live-confidential", "tdx-v4-automata", "tdx-v5-coco"])
def test_recorded_tdx_quotes_are_authentic(shared: Path, name: str) -> None:
    """A real quote in a buffer of 8,000 bytes verifies with collateral that is asked for."""
    from tests.tee.dcap.conftest import collateral_in

    folder = shared / "vectors/tdx" / name
    facts = recorded(folder)
    report_data = bytes.fromhex(facts["body"]["reportdata"])
    quote = (folder / "quote.bin").read_bytes()
    found = attestation.parse(quoted("tdx_guest", report_data, quote.ljust(8000, b"\0")))
    assert found.opened.containers == ("CMW in CBOR", "padded buffer")
    at = next(e for e in facts["evaluations"] if e["valid_at"])
    now = datetime.fromisoformat(at["valid_at"]).astimezone(UTC)
    assert attestation.needs(found, Endorsements(), now)
    collateral = collateral_in(folder / at["collateral"])
    assert not attestation.needs(found, collateral, now)
    proof = attestation.authenticate(found, collateral, anchors=attestation.VENDOR_ANCHORS, now=now)
    assert (proof.claims.platform, proof.claims.report_data) == ("tdx", report_data)
    assert proof.evidence == quote
