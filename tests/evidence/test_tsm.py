"""What configfs-tsm hands out, as files, in JSON and in CBOR."""

from __future__ import annotations

import base64
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.evidence import tsm
from enarx.evidence.container import open_container
from enarx.evidence.opened import NONE, Piece
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp.certificate_table import ARK, VCEK, CertificateTable, Entry, pack_table
from enarx.tee.technology import Technology
from enarx.wire import cbor

TABLE = pack_table(
    CertificateTable(entries=(Entry(guid=VCEK, data=b"vcek"), Entry(guid=ARK, data=b"ark")))
)


def encoded(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("provider", tsm.PROVIDERS)
def test_the_provider_tells_the_technology(provider: str) -> None:
    """Linux's drivers have names of their own."""
    content = tsm.from_tsm(b"report", b"", provider, "x")
    assert content.evidence == (Piece(data=b"report", technology=tsm.PROVIDERS[provider]),)
    assert content.endorsements == NONE
    assert content.containers == ("configfs-tsm report",)


def test_the_auxiliary_data_is_amds_table() -> None:
    """Certificates of the table are endorsements; a table of zeros is none."""
    content = tsm.from_tsm(b"report", TABLE + bytes(100), "sev_guest", "x")
    assert content.endorsements == Endorsements(certificates=(b"vcek", b"ark"))
    for provider in tsm.PROVIDERS:
        assert tsm.from_tsm(b"report", bytes(16384), provider, "x").endorsements == NONE


@pytest.mark.parametrize(
    ("outblob", "auxblob", "provider", "want"),
    [
        (b"r", b"", "other_guest", "x: provider: got 'other_guest', want one of arm_cca_guest"),
        (b"", b"", "sev_guest", "x: outblob: is empty"),
        (b"r", b"aux", "tdx_guest", "x: auxblob: got 3 bytes, want none from tdx_guest"),
        (b"r", b"aux", "sev_guest", "x: auxblob.entry at 0x0: got 3 bytes, want 24"),
    ],
)
def test_damaged_reports_are_refused(
    outblob: bytes, auxblob: bytes, provider: str, want: str
) -> None:
    """An unknown driver, no evidence, and auxiliary data where there is none, or no table."""
    with pytest.raises(MalformedError) as refused:
        tsm.from_tsm(outblob, auxblob, provider, "x")
    assert str(refused.value).startswith(want)


@given(st.binary(min_size=1, max_size=99), st.booleans())
def test_both_encodings_mean_the_same(outblob: bytes, with_table: bool) -> None:  # noqa: FBT001
    """JSON with base64 and CBOR with byte strings are opened alike."""
    auxblob = TABLE if with_table else b""
    as_cbor = {"provider": "sev_guest", "outblob": outblob}
    as_json = {"provider": "sev_guest", "outblob": encoded(outblob)}
    if with_table:
        as_cbor["auxblob"], as_json["auxblob"] = auxblob, encoded(auxblob)
    want = tsm.from_tsm(outblob, auxblob, "sev_guest", "x")
    assert tsm.from_cbor(cbor.encode(as_cbor), "x") == want
    assert tsm.from_json(json.dumps(as_json).encode(), "x") == want


def test_reports_are_opened_by_themselves(
    evidence: dict[str, bytes], technologies: tuple[Technology, ...]
) -> None:
    """A file that is such a report, in either encoding, needs no wrapper around it."""
    report: dict[str, object] = {
        "provider": "sev_guest",
        "outblob": evidence["snp"],
        "auxblob": TABLE,
    }
    as_json = json.dumps(
        {k: encoded(v) if isinstance(v, bytes) else v for k, v in report.items()}, indent=2
    )
    for data in (cbor.encode(report), as_json.encode() + b"\n", b"\n" + as_json.encode()):
        opened = open_container(data, "file", technologies)
        assert (opened.technology.name, opened.evidence) == ("snp", evidence["snp"])
        assert opened.endorsements.certificates == (b"vcek", b"ark")


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ({}, "x: provider: got null, want a string"),
        ({"outblob": "AA=="}, "x: key 'provider' is missing"),
        ({"provider": "sev_guest"}, "x: key 'outblob' is missing"),
        ({"provider": "sev_guest", "outblob": "AB=="}, "x: outblob: not canonical base64"),
        ({"provider": "sev_guest", "outblob": "AA"}, "x: outblob: not base64"),
        ({"provider": "sev_guest", "outblob": 1}, "x: outblob: got an integer, want a string"),
        ({"provider": "sev_guest", "outblob": "AA==", "service": {}}, "x: unknown key 'service'"),
    ],
)
def test_json_reports_of_another_shape_are_refused(value: dict[str, object], want: str) -> None:
    """Missing, unknown and wrong keys, and base64 with a second spelling."""
    with pytest.raises(MalformedError) as refused:
        tsm.from_json(json.dumps(value or {"provider": None}).encode(), "x")
    assert str(refused.value) == want


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ([], "x: got tuple, want a map"),
        ({"provider": "sev_guest"}, "x: want outblob and auxblob as byte strings"),
        (
            {"provider": "sev_guest", "outblob": "text"},
            "x: want outblob and auxblob as byte strings",
        ),
        (
            {"provider": "sev_guest", "outblob": b"", "auxblob": "text"},
            "x: want outblob and auxblob as byte strings",
        ),
        ({"outblob": b"x"}, "x: want provider as text"),
        ({"provider": b"sev_guest", "outblob": b"x"}, "x: want provider as text"),
        ({"provider": "sev_guest", "outblob": b"x", 7: b""}, "x: unknown key '7'"),
    ],
)
def test_cbor_reports_of_another_shape_are_refused(value: object, want: str) -> None:
    """The same in CBOR."""
    with pytest.raises(MalformedError) as refused:
        tsm.from_cbor(cbor.encode(value), "x")
    assert str(refused.value) == want


def test_unknown_entries_of_the_table_are_left_out() -> None:
    """Hosts add their own; they are no endorsements."""
    entry = Entry(guid=UUID(int=7), data=b"own")
    aux = pack_table(CertificateTable(entries=(entry,)))
    assert tsm.from_tsm(b"r", aux, "sev_guest", "x").endorsements == NONE
