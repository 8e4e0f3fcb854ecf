"""Azure's bundles under the shape that all technologies share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.azure import evidence, verify
from enarx.tee.snp.technology import SNP
from enarx.tee.tdx.technology import TDX
from enarx.tee.technology import Technology

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.azure.evidence import AzureEvidence
    from enarx.tee.endorsements import Endorsements, Need
    from enarx.tee.snp.evidence import SnpEvidence
    from enarx.tee.tdx.evidence import TdxEvidence


def _snp_needs(
    found: AzureEvidence[SnpEvidence], endorsements: Endorsements, now: datetime
) -> tuple[Need, ...]:
    """What the SNP report needs; the vTPM's key needs nothing beside it."""
    return SNP.needs(found.hardware, endorsements + found.carried, now)


def _tdx_needs(
    found: AzureEvidence[TdxEvidence], endorsements: Endorsements, now: datetime
) -> tuple[Need, ...]:
    """What the TDX quote needs."""
    return TDX.needs(found.hardware, endorsements + found.carried, now)


AZURE_SNP = Technology(
    name="azure-snp",
    title="Azure confidential VM on AMD SEV-SNP",
    vendor="amd",
    recognises=evidence.recognises_snp,
    parse=evidence.parse_snp,
    needs=_snp_needs,
    authenticate=verify.authenticate_snp,
)

AZURE_TDX = Technology(
    name="azure-tdx",
    title="Azure confidential VM on Intel TDX",
    vendor="intel",
    recognises=evidence.recognises_tdx,
    parse=evidence.parse_tdx,
    needs=_tdx_needs,
    authenticate=verify.authenticate_tdx,
)
