"""``enarx evidence show`` on what transcripts cannot hold: binary files, folders, names."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.cli.main import main
from enarx.evidence import cmw
from enarx.evidence.container import MAX_BYTES
from enarx.evidence.extensions import CMW
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp.certificate_table import VCEK, CertificateTable, Entry, pack_table
from enarx.wire import cbor, der

BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
REPORT = bytes.fromhex("02000000" + "00000000" + "0000030000000000").ljust(0x34, b"\0")
REPORT = (REPORT + b"\1").ljust(1184, b"\0")
"""The shape of an SNP report of version 2; nobody signed it."""


def certificate(name: str, extension: bytes = b"") -> bytes:
    """A certificate in which somebody chose a name, with a wrapper in it if one is given."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + dt.timedelta(days=1))
    )
    if extension:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(CMW), extension)
        builder = builder.add_extension(unknown, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def crl() -> bytes:
    """A revocation list with one entry."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ARK-Test")])
    revoked = x509.RevokedCertificateBuilder().serial_number(5).revocation_date(BEGIN).build()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name)
        .last_update(BEGIN)
        .next_update(BEGIN + dt.timedelta(days=30))
        .add_revoked_certificate(revoked)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def shown(path: Path | str, *options: str) -> tuple[int, str, str]:
    """Status, output and errors of ``enarx evidence show``."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["evidence", "show", str(path), *options])
    return status, out.getvalue(), err.getvalue()


def reported(path: Path) -> Any:  # noqa: ANN401 - a JSON document
    """The same for machines."""
    status, out, err = shown(path, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


def test_a_folder_of_configfs_tsm_is_shown(tmp_path: Path) -> None:
    """outblob, auxblob and provider as Linux names them, with the line break Linux writes."""
    vcek = certificate("SEV-VCEK")
    table = pack_table(CertificateTable(entries=(Entry(guid=VCEK, data=vcek),)))
    (tmp_path / "outblob").write_bytes(REPORT + bytes(16))
    (tmp_path / "auxblob").write_bytes(table)
    (tmp_path / "provider").write_text("sev_guest\n")
    found = reported(tmp_path)
    assert found["containers"] == ["configfs-tsm report", "padded buffer"]
    assert found["sha256"] == hashlib.sha256(REPORT).hexdigest()
    assert [item["subject"] for item in found["endorsements"]] == ["SEV-VCEK"]
    (tmp_path / "auxblob").unlink()
    assert reported(tmp_path)["endorsements"] == []


@pytest.mark.parametrize(
    ("provider", "status", "want"),
    [
        (None, 4, "provider: no such file or directory"),
        (b"sev\xff", 1, "provider: is not ASCII"),
        (b"sev_guest ", 1, "provider: got 'sev_guest ', want one of"),
    ],
)
def test_a_folder_without_a_known_provider_is_refused(
    provider: bytes | None, status: int, want: str, tmp_path: Path
) -> None:
    """The name of the driver is needed, and taken exactly."""
    (tmp_path / "outblob").write_bytes(REPORT)
    if provider is not None:
        (tmp_path / "provider").write_bytes(provider)
    got, out, err = shown(tmp_path)
    assert (got, out) == (status, "")
    assert want in err


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash stands for it, and it is bounded like a file."""
    for data, status in ((REPORT, 0), (b"x" * (MAX_BYTES + 1), 1)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        got, _, err = shown("-")
        assert got == status
        assert ("standard input: got" in err) is bool(status)


def test_a_file_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    """Gigabytes are refused by size; the file is sparse and never read in full."""
    path = tmp_path / "huge.bin"
    with path.open("wb") as file:
        file.truncate(8 << 30)
    status, out, err = shown(path)
    assert (status, out) == (1, "")
    assert f"too large (want at most {MAX_BYTES} bytes)" in err


def test_endorsements_are_shown_with_their_dates(tmp_path: Path) -> None:
    """Certificates, lists and collateral; what is damaged is shown as such."""
    info = {"id": "TDX", "fmspc": "00", "version": 3, "issueDate": "2026-01-01T00:00:00Z", "x": []}
    bag = Endorsements(
        certificates=(certificate("ARK"), b"junk"),
        crls=(crl(), b"junk"),
        tcb_infos=(json.dumps({"tcbInfo": info, "signature": ""}).encode(), b"[]", b"{"),
        qe_identities=(b'{"enclaveIdentity":5}',),
    )
    path = tmp_path / "evidence.cmw"
    path.write_bytes(cmw.wrap(REPORT, "snp", bag, "cbor"))
    found = reported(path)["endorsements"]
    kinds = {"certificate": 2, "crl": 2, "tcb info": 3, "qe identity": 1}
    assert [item["kind"] for item in found] == [k for k, n in kinds.items() for _ in range(n)]
    assert [("unreadable" in item) for item in found] == [
        False, True, False, True, False, True, True, True,
    ]  # fmt: skip
    assert found[0]["not after"] == "2026-01-02T00:00:00Z"
    assert (found[2]["revoked"], found[2]["next update"]) == (1, "2026-01-31T00:00:00Z")
    assert found[4]["issueDate"] == "2026-01-01T00:00:00Z"
    assert "x" not in found[4]
    status, out, _ = shown(path)
    assert status == 0
    assert "crl         issuer ARK-Test, this update 2026-01-01T00:00:00Z" in out


def test_names_of_others_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Escape sequences and line breaks in a certificate's name are escaped."""
    bag = Endorsements(certificates=(certificate("a\x1b[2J\nVERIFIED by AMD\u202e"),))
    path = tmp_path / "evidence.cmw"
    path.write_bytes(cmw.wrap(REPORT, "snp", bag, "json"))
    _, out, _ = shown(path)
    assert r"subject a\x1b[2J\nVERIFIED by AMD\u202e" in out
    assert not any(line.startswith("VERIFIED") for line in out.splitlines())
    assert "\x1b" not in out


def test_the_key_and_its_rule_are_shown(tmp_path: Path) -> None:
    """Whoever looks at a certificate sees which key it names and what must hold."""
    inner = cmw.wrap(REPORT, "snp", Endorsements(), "cbor")
    path = tmp_path / "keep.der"
    path.write_bytes(certificate("keep", der.encode(inner)))
    spki = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    found = reported(path)["key"]
    assert found["spki"] == spki.hex()
    assert hashlib.sha256(spki).hexdigest() in found["accepted"]
    _, out, _ = shown(path)
    assert "  bound if  report_data = SHA-256, SHA-384 or SHA-512(SubjectPublicKeyInfo)" in out
    assert f"key         sha256 {hashlib.sha256(spki).hexdigest()}" in out


def test_a_contradiction_inside_is_shown(tmp_path: Path) -> None:
    """Claims that name another key are shown as not binding."""
    claims = cbor.encode({"pubkey-hash": cbor.encode((1, bytes(32)))})
    inner = cbor.encode(cbor.Tag(60000, (REPORT, claims)))
    path = tmp_path / "keep.der"
    path.write_bytes(certificate("keep", der.encode(inner)))
    _, out, _ = shown(path)
    assert f"claims      {claims.hex()}" in out
    assert "  NOT BOUND pubkey-hash: got 82015820" in out
