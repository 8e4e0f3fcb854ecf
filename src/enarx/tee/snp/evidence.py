"""SEV-SNP evidence: a report, and the certificates that came behind it.

Two forms are read: the 1184 bytes of ATTESTATION_REPORT (configfs-tsm's ``outblob``), and the same
followed by the certificate table (an extended guest request; ``outblob`` and ``auxblob``).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp.certificate_table import CertificateTable, endorsements_in, parse_table
from enarx.tee.snp.fields import ReportFields
from enarx.tee.snp.products import Product, product_of_cpuid
from enarx.tee.snp.report import (
    CPUID_SINCE,
    TCB_FIELDS,
    AttestationReport,
    Signature,
    read_report,
)
from enarx.tee.snp.tcb import TcbVersion, interpret
from enarx.wire.reader import Reader
from enarx.wire.record import size_of, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.tee.claims import ClaimValue

SIGNED_BYTES = size_of(AttestationReport)
REPORT_BYTES = SIGNED_BYTES + size_of(Signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnpEvidence:
    """Evidence of the right shape; nothing of it is proven.

    Args:
        raw: the bytes that arrived.
        signed: those of them that the signature covers.
        report: *signed*, in fields.
        signature: what the firmware says its signature is.
        product: the line of processors; None in version 2, which does not tell.
        tcbs: the TCBs as *product* lays them out, by their 8 bytes; empty without a product.
        table: what came behind the report.
        carried: the endorsements in *table*.
    """

    raw: bytes
    signed: bytes
    report: AttestationReport
    signature: Signature
    product: Product | None
    tcbs: Mapping[bytes, TcbVersion]
    table: CertificateTable
    carried: Endorsements

    def fields(self) -> Mapping[str, ClaimValue]:
        """Every field by its dotted name, in the specification's order; unproven."""
        return ReportFields(self.report, self.product)


def parse(raw: bytes) -> SnpEvidence:
    """*raw* as a report, alone or with a certificate table that has entries.

    Raises:
        MalformedError: it is not that: size, version, a reserved bit or byte, an unknown CPU, or
            anything else behind the report.
    """
    if len(raw) < REPORT_BYTES:
        raise MalformedError("SNP report", f"got {len(raw)} bytes, want at least {REPORT_BYTES}")
    reader = Reader(raw, "SNP report")
    signed = reader.take(SIGNED_BYTES, "signed part")
    report = read_report(signed, "report")
    signature = unpack(Signature, reader.take(size_of(Signature), "signature"), "report.signature")
    product = _product(report)
    tcbs = tcbs_of(report, product) if product else _NO_TCBS
    table = _table(reader)
    return SnpEvidence(
        raw=raw,
        signed=signed,
        report=report,
        signature=signature,
        product=product,
        tcbs=tcbs,
        table=table,
        carried=endorsements_in(table) if table.entries else _NOTHING,
    )


_NOTHING = Endorsements()
_NO_TABLE = CertificateTable()
_NO_TCBS: Mapping[bytes, TcbVersion] = MappingProxyType({})


def _product(report: AttestationReport) -> Product | None:
    if report.version < CPUID_SINCE:
        return None
    return product_of_cpuid(report.cpuid_fam_id, report.cpuid_mod_id, "report.cpuid")


def tcbs_of(report: AttestationReport, product: Product) -> Mapping[bytes, TcbVersion]:
    """The TCBs of *report* as *product* lays them out, by their 8 bytes; most are the same.

    Raises:
        MalformedError: a byte that this product reserves is not zero.
    """
    found: dict[bytes, TcbVersion] = {}
    for name in TCB_FIELDS:
        raw = getattr(report, name)
        if raw not in found:
            found[raw] = interpret(raw, product, f"report.{name}")
    return found


def _table(reader: Reader) -> CertificateTable:
    if not reader.left:
        return _NO_TABLE
    begin = reader.offset
    table = parse_table(reader.rest())
    if not table.entries:
        raise MalformedError(reader.where, "trailing zeros, no certificates", offset=begin)
    return table
