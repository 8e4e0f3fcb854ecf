"""Evidence of a keep for a key of its own: bound to claims, which travel beside it.

``report_data = SHA-512(claims)``; the claims name the key, and the workload that the keep runs.

Source: docs/design/formats/claims.md; ``protocol.claims`` writes them.
"""

from __future__ import annotations

import hashlib

from enarx.errors import Failure, MalformedError
from enarx.evidence.opened import KeyBinding
from enarx.wire import canonical
from enarx.wire.text import base64url

RULE = "report_data = SHA-512(claims), and the claims name the key"
ALONE = "report_data = SHA-512(claims)"
PURPOSE = "identity"

_PROFILE = "tag:github.com,2026:enarx/claims/1"


def binding(claims: bytes, spki: bytes, where: str) -> KeyBinding:
    """How evidence that came with *claims* belongs to the key *spki* (DER) of its certificate.

    Raises:
        MalformedError: these are no claims of a keep.
    """
    fields = canonical.decode(claims, where)
    fields.one_of("profile", (_PROFILE,))
    purpose = fields.text("purpose")
    failures = []
    if purpose != PURPOSE:
        hint = "the evidence was made for something else; do not use this key"
        failures.append(Failure("claims.purpose", want=PURPOSE, got=purpose[:40], hint=hint))
    else:
        named = base64url(fields.text("spki"), f"{where}: spki")
        if named != spki:
            failures.append(
                Failure(
                    "claims.spki",
                    want=f"the key of the certificate (sha256 {hashlib.sha256(spki).hexdigest()})",
                    got=f"another key (sha256 {hashlib.sha256(named).hexdigest()})",
                    hint="the evidence was made for another key; do not use this one",
                )
            )
    return KeyBinding(
        rule=RULE,
        spki=spki,
        accepted=(hashlib.sha512(claims).digest(),),
        failures=tuple(failures),
    )


def claims_only(claims: bytes) -> KeyBinding:
    """How evidence belongs to *claims* that came without a key."""
    return KeyBinding(rule=ALONE, spki=b"", accepted=(hashlib.sha512(claims).digest(),))


def workload_of(claims: bytes) -> str:
    """The workload digest that *claims* name; empty if they name none, or are no such claims.

    The caller must have checked that the evidence is bound to them.
    """
    try:
        fields = canonical.decode(claims, "claims")
        fields.one_of("profile", (_PROFILE,))
        fields.one_of("purpose", (PURPOSE,))
        found = fields.take("workload_digest")
    except MalformedError:
        return ""
    return found if isinstance(found, str) else ""
