"""Intel TDX, as the registry of technologies takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.tee.dcap.needs import needs_of
from enarx.tee.dcap.quote import recognise
from enarx.tee.tdx.evidence import parse
from enarx.tee.tdx.verify import authenticate, authenticate_with, trust
from enarx.tee.technology import Technology

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.endorsements import Endorsements, Need
    from enarx.tee.tdx.evidence import TdxEvidence


def _recognises(raw: bytes) -> bool:
    return recognise(raw) == "tdx"


def _needs(evidence: TdxEvidence, endorsements: Endorsements, now: datetime) -> tuple[Need, ...]:
    return needs_of(evidence.quote, endorsements, now)


TDX = Technology(
    name="tdx",
    title="Intel TDX quote",
    vendor="intel",
    recognises=_recognises,
    parse=parse,
    needs=_needs,
    authenticate=authenticate,
    trust=trust,
    authenticate_with=authenticate_with,
)
