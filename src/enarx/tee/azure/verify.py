"""Proves that a vTPM's quote is of an Azure confidential VM on genuine hardware.

Steps:

1. The hardware's evidence is authentic, by its own technology's rules.
2. It is the paravisor's: SNP's report is of VMPL 0, where the guest's own system does not run;
   of TDX, the quote is of the report that the HCL report holds.
3. Its report data is the SHA-256 of the runtime data, and zeros behind that.
4. The vTPM's key in the runtime data made the signature over the quote.
5. The registers beside the quote have the digest that is in it.
6. From version 2, the user data in the runtime data are the quote's nonce.

What is proven about the guest is what its paravisor and vTPM say; the hardware measured the
paravisor, the vTPM's registers the guest.  Not decided here: whether those are the wanted ones, and
whether the nonce (``report_data``) is fresh.

Sources: Microsoft, "Azure confidential VM guest attestation design";
confidential-containers/trustee, deps/verifier/src/az_snp_vtpm/mod.rs and az_tdx_vtpm/mod.rs.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from enarx.errors import Failure, UnauthenticError
from enarx.tee.azure.bundle import USER_DATA_SINCE
from enarx.tee.claims import Authentic, ChainLink
from enarx.tee.snp.technology import SNP
from enarx.tee.tdx.technology import TDX

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.azure.evidence import AzureEvidence
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.snp.evidence import SnpEvidence
    from enarx.tee.tdx.evidence import TdxEvidence

_PARAVISOR_VMPL = 0


def authenticate_snp(
    evidence: AzureEvidence[SnpEvidence],
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """The claims of an SNP report and of the vTPM behind it, proven as of *now*.

    The caller must still check measurements, registers and the nonce.

    Raises:
        UnauthenticError: a step fails.
        MalformedError: as ``tee.snp`` raises it.
    """
    hardware = SNP.authenticate(evidence.hardware, endorsements + evidence.carried, anchors, now)
    if (vmpl := evidence.hardware.report.vmpl) != _PARAVISOR_VMPL:
        failure = Failure("snp.vmpl", want="0, the paravisor's", got=str(vmpl))
        raise UnauthenticError("report of the paravisor", failure)
    return _bound(evidence, hardware, "azure-snp")


def authenticate_tdx(
    evidence: AzureEvidence[TdxEvidence],
    endorsements: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """The claims of a TDX quote and of the vTPM behind it, proven as of *now*.

    The caller must still check measurements, registers, the TCB status and the nonce.

    Raises:
        UnauthenticError: a step fails.
        MalformedError: as ``tee.tdx`` raises it.
    """
    hardware = TDX.authenticate(evidence.hardware, endorsements + evidence.carried, anchors, now)
    want, got = hardware.claims.report_data, evidence.bundle.report.td_report_data
    if want != got:
        failure = Failure("report data of the HCL report", want=want.hex(), got=got.hex())
        raise UnauthenticError("report of the paravisor", failure)
    return _bound(evidence, hardware, "azure-tdx")


def _bound(evidence: AzureEvidence[Any], hardware: Authentic, platform: str) -> Authentic:
    """Steps 3 to 6."""
    _check_runtime_data(evidence, hardware.claims.report_data)
    _check_quote(evidence)
    _check_user_data(evidence)
    quote = evidence.bundle.quote
    registers = {f"pcr{index:02}": value for index, value in quote.pcrs.items()}
    return Authentic(
        claims=replace(
            hardware.claims,
            platform=platform,
            measurements={**hardware.claims.measurements, **registers},
            report_data=quote.extra_data,
            fields={**hardware.claims.fields, **dict(evidence.own_fields())},
        ),
        evidence=evidence.raw,
        chain=(_attestation_key(evidence), *hardware.chain),
        anchor=hardware.anchor,
        collateral_issued=hardware.collateral_issued,
        not_after=hardware.not_after,
        verified_at=hardware.verified_at,
    )


def _check_runtime_data(evidence: AzureEvidence[Any], report_data: bytes) -> None:
    digest = hashlib.sha256(evidence.bundle.report.runtime_data).digest()
    want = digest.ljust(len(report_data), b"\0")
    if report_data != want:
        failure = Failure("report data", want=want.hex(), got=report_data.hex())
        raise UnauthenticError("binding of the runtime data to the hardware's report", failure)


def _check_quote(evidence: AzureEvidence[Any]) -> None:
    quote = evidence.bundle.quote
    failures = []
    if not quote.is_signed_by(evidence.runtime.key):
        want, got = "made by the vTPM's key (HCLAkPub)", "a signature of another key or quote"
        failures.append(Failure("azure.tpm.signature", want=want, got=got))
    if (want_digest := quote.digest_of_pcrs()) != quote.pcr_digest:
        want, got = want_digest.hex(), quote.pcr_digest.hex()
        failures.append(Failure("azure.tpm.pcr_digest", want=want, got=got))
    if failures:
        raise UnauthenticError("vTPM quote", *failures)


def _check_user_data(evidence: AzureEvidence[Any]) -> None:
    if evidence.bundle.version < USER_DATA_SINCE:
        return
    got = evidence.runtime.user_data
    want = evidence.bundle.quote.extra_data.ljust(len(got), b"\0")
    if got != want:
        failure = Failure("azure.user_data", want=want.hex(), got=got.hex())
        raise UnauthenticError("binding of the nonce to the HCL report", failure)


def _attestation_key(evidence: AzureEvidence[Any]) -> ChainLink:
    spki = evidence.runtime.key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashlib.sha256(spki).digest()
    return ChainLink(subject="vTPM key (HCLAkPub)", sha256=digest, not_before=None, not_after=None)
