"""Guests of Confidential Containers: judged by a policy of their own, known by tokens.

Whoever runs a container in such a guest can have evidence with any report data, from its
attestation agent.  So guests are judged by a policy that lists their images and no keep's, and
keeps by one that lists no guest's: a guest cannot pass for a keep.

Source: reference values and tokens as of Trustee's; docs/guides/guests.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from enarx import __version__
from enarx.appraisal import ear, ear_token
from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.steward.broker.kbs import evidence as guest_evidence
from enarx.steward.broker.release import Judged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.steward.attest.service import Answer, Service
    from enarx.steward.policies.document import StewardPolicy

TOKEN_LIFE = timedelta(minutes=5)

_ALGORITHMS: tuple[ear_token.Algorithm, ...] = ("ES384",)
_GUEST = "ear.enarx.guest"
_ANNOTATED = "ear.veraison.annotated-evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedGuest(Judged):
    """A guest, and what its token is made of; *answer* is the Steward's."""

    answer: Answer


class Guests:
    """Judges guests for *service* by *policy*; its tables of issuing have no effect."""

    def __init__(self, service: Service, policy: StewardPolicy) -> None:
        self._service = service
        admitted = replace(policy.issue, require_workload=False)  # its init-data says which
        self._policy = replace(policy, issue=admitted)

    def judge(self, evidence: bytes, report_data: bytes) -> Judged:
        """Judge evidence that must be bound to *report_data*, 64 bytes; on record."""
        answer = self._service.judge_guest(evidence, report_data, self._policy)
        authentic = answer.finding.authentic
        return JudgedGuest(
            accepted=answer.decision.accepted,
            workload_digest="",
            decision=answer.decision.id,
            why="; ".join(str(one) for one in answer.decision.failures),
            host_data=guest_evidence.host_data(authentic.claims) if authentic else b"",
            answer=answer,
        )

    def issue(self, judged: Judged, key: Mapping[str, str]) -> str:
        """A token for the guest that *judged* is, and its *key*, a JWK."""
        if not isinstance(judged, JudgedGuest):
            raise TypeError("a guest that was not judged here")
        finding = judged.answer.finding
        if finding.authentic is None or finding.verdict is None:
            raise TypeError("a guest that proved nothing")
        found = ear.claims_set(
            finding.authentic,
            finding.verdict,
            build=f"enarx {__version__}",
            expires=self._service.now().astimezone(UTC) + TOKEN_LIFE,
        )
        for module in cast("dict[str, dict[str, object]]", found["submods"]).values():
            module[_GUEST] = {
                "decision": judged.decision,
                "tee-pubkey": dict(key),
                "workload_digest": judged.workload_digest,
            }
            shown = dict(cast("dict[str, object]", module.get(_ANNOTATED, {})))
            shown["runtime_data_claims"] = {"tee-pubkey": dict(key)}  # where Trustee looks for it
            module[_ANNOTATED] = shown
        return ear_token.sign(found, self._service.authority.result_key)

    def verify(self, token: str) -> tuple[Judged, Mapping[str, str]]:
        """The guest and its key in a *token* that was issued here and counts now.

        Raises:
            MalformedError, UnauthenticError: it is none.
        """
        result = ear_token.verify(
            token,
            self._service.authority.result_key.public_key(),
            algorithms=_ALGORITHMS,
            now=datetime.fromtimestamp(int(self._service.now().timestamp()), UTC),
        )
        for module in result.submods.values():
            match module.extensions.get(_GUEST):
                case {
                    "decision": str() as decision,
                    "tee-pubkey": dict() as key,
                    "workload_digest": str() as workload,
                } if all(isinstance(value, str) for value in key.values()):
                    return Judged(accepted=True, workload_digest=workload, decision=decision), key
                case None:
                    failure = Failure("token", want="one of a guest", got="another")
                    raise UnauthenticError("guest's token", failure)
        raise MalformedError("token", "not one of a guest")
