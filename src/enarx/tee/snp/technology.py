"""AMD SEV-SNP, as the registry of technologies takes it."""

from __future__ import annotations

from enarx.tee.snp.evidence import parse
from enarx.tee.snp.needs import needs
from enarx.tee.snp.verify import authenticate, authenticate_with, trust
from enarx.tee.technology import Technology

_LAST_VERSION = 0x10
"""Above any version to come, and below what other evidence begins with."""


def _recognises(raw: bytes) -> bool:
    """A report begins with its version, a small number of 4 bytes."""
    return 0 < next(iter(raw), 0) < _LAST_VERSION and raw[1:4] == bytes(3)


SNP = Technology(
    name="snp",
    title="AMD SEV-SNP attestation report",
    vendor="amd",
    recognises=_recognises,
    parse=parse,
    needs=needs,
    authenticate=authenticate,
    trust=trust,
    authenticate_with=authenticate_with,
)
