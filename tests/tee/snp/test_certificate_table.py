"""The certificate table: what a host may pass on, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import pem
from enarx.tee.snp.certificate_table import (
    ARK,
    ASK,
    CRL,
    MAX_BYTES,
    VCEK,
    CertificateTable,
    Entry,
    endorsements_in,
    pack_table,
    parse_table,
)
from enarx.tee.snp.evidence import parse

EXTRA = UUID("ecae0c0f-9502-43b1-afa2-0ae2e0d565b6")
END = bytes(24)


def header(guid: UUID, offset: int, length: int) -> bytes:
    """One entry of the table's head."""
    return guid.bytes + offset.to_bytes(4, "little") + length.to_bytes(4, "little")


def test_guids_stand_in_the_order_in_which_they_are_written() -> None:
    """The bytes of a GUID are those of its text, not Microsoft's mixed order."""
    data = bytes.fromhex("63da758de6644564adc5f4b93be8accd") + b"\x30\0\0\0\x02\0\0\0" + END + b"ab"
    assert parse_table(data).entries == (Entry(guid=VCEK, data=b"ab"),)


def block(der: bytes) -> bytes:
    """A certificate as PEM."""
    return pem("CERTIFICATE", der)


ENTRIES = st.lists(
    st.builds(
        lambda guid, data: Entry(guid=guid, data=data),
        st.uuids().filter(lambda guid: guid.int),
        st.binary(min_size=1, max_size=40),
    ),
    max_size=6,
    unique_by=lambda entry: entry.guid,
)

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop


@given(ENTRIES, st.integers(0, 40))
def test_round_trip(entries: list[Entry], padding: int) -> None:
    """Packed and parsed, a table is the same, also with zeros behind it."""
    table = CertificateTable(entries=tuple(entries))
    data = pack_table(table)
    assert parse_table(data) == table
    assert parse_table(data + bytes(padding)) == table
    assert pack_table(parse_table(data)) == data


@given(st.binary(max_size=200))
def test_junk_is_malformed(junk: bytes) -> None:
    """Whatever arrives is a table or MalformedError."""
    try:
        table = parse_table(junk)
    except MalformedError:
        return
    assert len(pack_table(table)) <= len(junk)


WRONG = {
    "empty": (b"", "got 0 bytes, want 24"),
    "no end": (header(ARK, 24, 1), r"got 0 bytes, want 24"),
    "half an entry": (END[:-1], "got 23 bytes, want 24"),
    "GUID of zeros": (header(UUID(int=0), 48, 1) + END + b"a", "an entry without GUID"),
    "offset of nothing": (header(UUID(int=0), 48, 0) + END, "an entry without GUID"),
    "length of nothing": (header(UUID(int=0), 0, 1) + END, "an entry without GUID"),
    "inside the head": (header(ARK, 47, 1) + END + b"a", "begins at 0x2f, inside of what ends at"),
    "overlapping": (
        header(ARK, 72, 2) + header(ASK, 73, 1) + END + b"ab",
        "begins at 0x49, inside of what ends at 0x4a",
    ),
    "same range": (header(ARK, 72, 1) + header(ASK, 72, 1) + END + b"a", "begins at 0x48, inside"),
    "outside": (header(ARK, 48, 2) + END + b"a", "ends at 0x32, of 49 bytes"),
    "far outside": (header(ARK, 0xFFFF_FFFF, 0xFFFF_FFFF) + END, "ends at 0x1fffffffe, of 48"),
    "no content": (header(ARK, 48, 0) + END, "got no bytes, want a certificate or list"),
    "twice": (header(ARK, 72, 1) + header(ARK, 73, 1) + END + b"ab", "a GUID occurs twice"),
    "gap": (header(ARK, 49, 1) + END + b"xa", "belong to no entry are not zero"),
    "tail": (header(ARK, 48, 1) + END + b"ax", "belong to no entry are not zero"),
    "many": (b"".join(header(UUID(int=n), 1, 1) for n in range(1, 66)), "more than 64 entries"),
    "large": (bytes(MAX_BYTES + 1), "want at most 262144"),
}


def test_the_largest_table() -> None:
    """A table may fill its bound."""
    size = MAX_BYTES - 48
    table = CertificateTable(entries=(Entry(guid=ARK, data=b"x" * size),))
    assert len(pack_table(table)) == MAX_BYTES
    assert parse_table(pack_table(table)) == table


@pytest.mark.parametrize(("data", "problem"), WRONG.values(), ids=WRONG.keys())
def test_wrong_tables(data: bytes, problem: str) -> None:
    """An entry lies behind the head, inside of the data and apart from the others."""
    with pytest.raises(MalformedError, match=problem):
        parse_table(data)


def test_certificates_in_pem_or_der(genoa: Workshop) -> None:
    """Hosts store either; both are the same certificate in the end."""
    vek, (ask, ark) = genoa.vek(), genoa.chain()
    crl = genoa.machine.crl()
    entries = (
        Entry(guid=VCEK, data=block(vek)),
        Entry(guid=ASK, data=block(ask) + block(ark) + b"\0"),
        Entry(guid=ARK, data=ark),
        Entry(guid=CRL, data=crl),
        Entry(guid=EXTRA, data=b"-----BEGIN nothing"),
    )
    table = CertificateTable(entries=entries)
    found = endorsements_in(table)
    assert found.certificates == (vek, ask, ark, ark)
    assert found.crls == (crl,)
    assert [entry.guid for entry in table.unknown] == [EXTRA]


def test_damaged_pem() -> None:
    """What begins like PEM must be PEM of a certificate."""
    for data, problem in (
        (b"-----BEGIN CERTIFICATE-----\n!", "has no end"),
        (b"-----BEGIN KEY-----\n-----END KEY-----", "got PEM of 'KEY', want 'CERTIFICATE'"),
    ):
        with pytest.raises(MalformedError, match=problem):
            endorsements_in(CertificateTable(entries=(Entry(guid=ARK, data=data),)))


def test_a_report_with_its_table(genoa: Workshop) -> None:
    """A report followed by certificates needs no other ones."""
    raw = genoa.report + genoa.machine.certificate_table()
    evidence = parse(raw)
    assert evidence.raw == raw
    assert len(evidence.carried.certificates) == 3
    assert genoa.authenticate(raw, Endorsements()).evidence == raw


@pytest.mark.parametrize("tail", [b"\0", bytes(23), END, bytes(4096), b"\n", b"x" * 24])
def test_other_trailing_bytes(genoa: Workshop, tail: bytes) -> None:
    """Nothing may follow a report but a table with entries: a report has one spelling."""
    with pytest.raises(MalformedError):
        parse(genoa.report + tail)


@pytest.mark.parametrize("size", [0, 1, 671, 672, 1183])
def test_truncated_reports(genoa: Workshop, size: int) -> None:
    """A report that is cut off is malformed wherever it is cut."""
    with pytest.raises(
        MalformedError, match=rf"^SNP report: got {size} bytes, want at least 1184$"
    ):
        parse(genoa.report[:size])
