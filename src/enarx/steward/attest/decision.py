"""A decision: what is written down of every request that was judged, and what the log gets of it.

    {"accepted", "failures", "id", "instance", "key_sha256", "names", "nonce", "not_after",
     "platform", "policy", "profile", "purpose", "request_sha256", "serial", "simulated", "time",
     "workload_digest"}                                             canonical JSON (RFC 8785)

The log has a salted digest of it; whoever holds salt and decision opens the entry.

Source: docs/design/formats/decision.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from enarx.transparency.leaf import Entry, salted
from enarx.wire import canonical
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from enarx.errors import Failure
    from enarx.steward.attest.applicant import Applicant
    from enarx.steward.attest.finding import Finding

PROFILE = "tag:github.com,2026:enarx/decision/1"
Purpose = Literal["certificate", "enarx-0.7", "guest", "result", "secret"]

_MAX_TEXT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision.

    Args:
        id: 26 characters, random.
        time: seconds since 1970.
        purpose: what was asked for.
        policy: number, name and digest of the policy's version.
        failures: empty if it was accepted.
        serial: of the certificate, 0 for none.
        not_after: until when what is given counts, seconds since 1970; 0 if nothing is.
        salt: 32 random bytes.
    """

    id: str
    time: int
    purpose: Purpose
    policy: tuple[int, str, str]
    applicant: Applicant
    finding: Finding
    failures: tuple[Failure, ...]
    serial: int
    not_after: int
    salt: bytes

    @property
    def accepted(self) -> bool:
        """Whether anything was given."""
        return not self.failures

    def payload(self) -> bytes:
        """What is decided, as the log's entry stands for it."""
        number, name, digest = self.policy
        accepted = self.accepted
        return canonical.encode(
            {
                "accepted": accepted,
                "failures": [_shown(one) for one in self.failures],
                "id": self.id,
                "instance": self.finding.instance,
                "key_sha256": self.applicant.key_sha256,
                "names": list(self.finding.names) if accepted else [],
                "nonce": to_base64url(self.applicant.nonce) if self.applicant.nonce else None,
                "not_after": self.not_after if accepted else None,
                "platform": self.finding.platform,
                "policy": {"digest": digest, "name": name, "version": number},
                "profile": PROFILE,
                "purpose": self.purpose,
                "request_sha256": hashlib.sha256(self.applicant.request).hexdigest(),
                "serial": f"{self.serial:x}" if accepted and self.serial else None,
                "simulated": self.finding.simulated,
                "time": self.time,
                "workload_digest": self.applicant.workload_digest or None,
            }
        )

    def entry(self, payload: bytes = b"") -> bytes:
        """What the log has of it.

        Args:
            payload: if it was computed before.
        """
        return Entry(
            kind="decision",
            time=self.time,
            subject=self.id,
            salted_sha256=salted(self.salt, payload or self.payload()),
        ).encode()


def _shown(failure: Failure) -> dict[str, str]:
    return {
        "claim": failure.claim[:_MAX_TEXT],
        "got": failure.got[:_MAX_TEXT],
        "hint": failure.hint[:_MAX_TEXT],
        "want": failure.want[:_MAX_TEXT],
    }


def shown(failures: tuple[Failure, ...]) -> list[dict[str, str]]:
    """*failures* as answers have them."""
    return [_shown(one) for one in failures]
