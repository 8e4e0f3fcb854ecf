"""Intel SGX, as the registry of technologies takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.dcap.needs import needs_of
from enarx.tee.dcap.quote import recognise
from enarx.tee.sgx.evidence import parse
from enarx.tee.sgx.verify import authenticate, authenticate_with, trust
from enarx.tee.technology import Technology

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.endorsements import Endorsements, Need
    from enarx.tee.sgx.evidence import SgxEvidence


def _recognises(raw: bytes) -> bool:
    return recognise(raw) == "sgx"


def _needs(evidence: SgxEvidence, endorsements: Endorsements, now: datetime) -> tuple[Need, ...]:
    return needs_of(evidence.quote, endorsements, now)


SGX = Technology(
    name="sgx",
    title="Intel SGX quote",
    vendor="intel",
    recognises=_recognises,
    parse=parse,
    needs=_needs,
    authenticate=authenticate,
    trust=trust,
    authenticate_with=authenticate_with,
)
