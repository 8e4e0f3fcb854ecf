"""From a request to a certificate or a result: find, record, prove, sign; in this order.

What is given away is signed after the decision is on the disk and in the log.  Who is killed
between the two leaves a decision without an answer: the asker asks again, with a new nonce.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

from enarx import __version__
from enarx.appraisal import ear, ear_token
from enarx.errors import Failure, MalformedError, UnavailableError
from enarx.pki.issue import Leaf
from enarx.protocol.claims import NONCE_BYTES
from enarx.steward.attest import applicant as applicants
from enarx.steward.attest.decision import Decision
from enarx.steward.attest.finding import find
from enarx.steward.attest.recording import GIVEN, Book
from enarx.steward.broker.release import Judged
from enarx.steward.log import announcing
from enarx.steward.policies import store
from enarx.steward.records import nonces
from enarx.steward.records.batches import Batches
from enarx.steward.records.database import reading, retrying
from enarx.transparency.leaf import SALT_BYTES
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    from enarx.steward.attest.applicant import Applicant
    from enarx.steward.attest.decision import Purpose
    from enarx.steward.attest.finding import Finding, Means
    from enarx.steward.attest.recording import Recorded
    from enarx.steward.authority.authority import Authority
    from enarx.steward.log.log import Log
    from enarx.steward.policies.document import StewardPolicy
    from enarx.steward.records.writer import Writer

CHALLENGE_S = 300
"""How long a nonce may be used."""

SKEW = timedelta(minutes=5)  # a client whose clock is behind by less still finds it valid

_ATTEMPTS = 4
_ID_BYTES = 16
_TOKEN_BYTES = 32
_SERIAL_BYTES = 16
_TOP_BIT = 1 << (8 * _SERIAL_BYTES - 1)


class NonceError(MalformedError):
    """The nonce does not count: it was never issued, was used, or has expired."""

    def __init__(self, failure: Failure) -> None:
        super().__init__("nonce", f"got {failure.got}", hints=(failure.hint,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an applicant is told.

    Args:
        recorded: the decision, and where it is in the log.
        finding: what it stands on.
        chain: certificates, DER, the keep's first; empty if none was asked for, or it is refused.
        result: an EAR, signed; empty where nothing was proven, or the Steward's own rules refused
            what the appraisal accepted.
        proof: that the decision is in the log.
        token: with which the decision can be asked for again.
    """

    recorded: Recorded
    finding: Finding
    chain: tuple[bytes, ...]
    result: str
    proof: bytes
    token: str

    @property
    def decision(self) -> Decision:
        """The decision."""
        return self.recorded.decision


class Service:
    """A Steward without its sockets; safe to use from many threads.

    Args:
        writer: writes to *engine*.
        now: the wall clock, aware.
        entropy: so many random bytes.
        crl_url: what certificates say where to look for revoked ones, before the issuer's
            identifier; empty for nowhere.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        writer: Writer,
        log: Log,
        authority: Authority,
        means: Means,
        now: Callable[[], datetime],
        entropy: Callable[[int], bytes],
        crl_url: str = "",
    ) -> None:
        self.engine, self.writer, self.log = engine, writer, log
        self._authority = authority
        self.means, self.now = means, now
        self._entropy = entropy
        self._crl_url = crl_url
        self._book = Book(append=log.append, policy_number=_policy_number)
        self._records: Batches[tuple[Decision, bytes], Recorded] = Batches(
            "steward-records",
            lambda items: retrying(engine, lambda connection: self._book.record(connection, items)),
        )
        self._proofs: Batches[int, bytes] = Batches("steward-proofs", log.proofs)
        self._policy: tuple[int, StewardPolicy] | None = None

    @property
    def authority(self) -> Authority:
        """As it is now: another process may have renewed it."""
        self._authority = self._authority.reloaded()
        return self._authority

    def announce_keys(self) -> None:
        """Put the authority's keys into the log, those that are not there yet."""
        now = int(self.now().timestamp())
        for one in announcing.of_keys(self.authority):
            self.writer.write(
                partial(
                    announcing.announce,
                    one=one,
                    append=self.log.append,
                    now=now,
                    salt=self._entropy(SALT_BYTES),
                )
            ).result()

    def challenge(self) -> tuple[bytes, int]:
        """A nonce, and until when it may be used, in seconds since 1970."""
        now = int(self.now().timestamp())
        nonce, expires = self._entropy(NONCE_BYTES), now + CHALLENGE_S
        self.writer.write(
            lambda connection: nonces.issue(connection, nonce, now=now, expires=expires)
        ).result()
        return nonce, expires

    def certify(self, request: bytes) -> Answer:
        """Judge a certification request with our claims, and certify its key.

        Raises:
            MalformedError, UnauthenticError: it is no such request.
            NonceError: its nonce does not count.
            UnavailableError: endorsements or records cannot be had.
        """
        applicant = applicants.of_request(request)
        if not applicant.nonce:
            hint = "evidence without a nonce can be sent to POST /, as Enarx 0.7 does"
            raise MalformedError("request", "no identity claims with a nonce", hints=(hint,))
        return self._decide(applicant, "certificate")

    def certify_unasked(self, request: bytes) -> Answer:
        """The same for a request whose evidence shows no freshness; a nonce that is there counts.

        The key is bound to the evidence all the same.
        """
        return self._decide(applicants.of_request(request), "enarx-0.7")

    def appraise(self, evidence: bytes) -> Answer:
        """Judge evidence with identity claims; the result says what was found."""
        return self._decide(applicants.of_evidence(evidence), "result")

    def judge(self, evidence: bytes, claims: bytes) -> Judged:
        """Judge whoever asks for secrets, on record; their nonce is consumed with the release.

        Raises:
            MalformedError: it is no evidence.
            UnavailableError: endorsements or records cannot be had.
        """
        answer = self._decide(applicants.of_claims(evidence, claims), "secret")
        decision = answer.decision
        return Judged(
            accepted=decision.accepted,
            workload_digest=decision.applicant.workload_digest,
            decision=decision.id,
            why="; ".join(str(one) for one in decision.failures),
        )

    def judge_guest(self, evidence: bytes, report_data: bytes, policy: StewardPolicy) -> Answer:
        """Judge a guest's evidence by *policy*, on record; it must be bound to *report_data*.

        Raises:
            MalformedError: it is no evidence.
            UnavailableError: endorsements or records cannot be had.
        """
        applicant = applicants.of_guest(evidence, report_data)
        return self._decide(applicant, "guest", (GIVEN, policy))

    def policy(self) -> tuple[int, StewardPolicy]:
        """The policy that counts, and the number of its version."""
        with reading(self.engine) as connection:
            number = _policy_number(connection)
            if self._policy is None or self._policy[0] != number:
                self._policy = store.active_policy(connection)
        return self._policy

    def secrets_of(self, workload_digest: str) -> tuple[str, ...]:
        """The names of the secrets that the policy gives to a workload."""
        return self.policy()[1].secrets(workload_digest)

    def close(self) -> None:
        """Finish what is under way."""
        self._records.close()
        self._proofs.close()
        self.writer.close()

    def _decide(
        self,
        applicant: Applicant,
        purpose: Purpose,
        policy: tuple[int, StewardPolicy] | None = None,
    ) -> Answer:
        token = to_base64url(self._entropy(_TOKEN_BYTES))
        digest = hashlib.sha256(token.encode()).digest()
        policy = policy or self._policy or self.policy()
        for _ in range(_ATTEMPTS):
            finding, decision = self._find(applicant, purpose, *policy)
            recorded = self._records.submit((decision, digest)).result()
            if recorded.nonce is not None:
                raise NonceError(recorded.nonce)
            if not recorded.policy_changed:
                return self._answer(recorded, finding, token)
            policy = self.policy()
        raise UnavailableError("policy", "changes faster than requests are judged")

    def _find(
        self, applicant: Applicant, purpose: Purpose, number: int, policy: StewardPolicy
    ) -> tuple[Finding, Decision]:
        now = self.now().replace(microsecond=0)
        finding = find(applicant, policy, self.means, now)
        serial = int.from_bytes(self._entropy(_SERIAL_BYTES), "big") % _TOP_BIT + 1
        seconds = int(now.timestamp())
        return finding, Decision(
            id=_identifier(self._entropy(_ID_BYTES)),
            time=seconds,
            purpose=purpose,
            policy=(number, policy.appraisal.name, policy.digest),
            applicant=applicant,
            finding=finding,
            failures=finding.failures,
            serial=serial if applicant.spki else 0,
            not_after=seconds + policy.issue.lifetime_s,
            salt=self._entropy(SALT_BYTES),
        )

    def _answer(self, recorded: Recorded, finding: Finding, token: str) -> Answer:
        decision, authority = recorded.decision, self.authority
        proof = self._proofs.submit(recorded.index).result()
        chain: tuple[bytes, ...] = ()
        if decision.accepted and decision.serial and finding.accepted is not None:
            chain = (self._certificate(authority, decision, finding, proof), *authority.chain[:-1])
        return Answer(
            recorded=recorded,
            finding=finding,
            chain=chain,
            result=_result(authority, decision, finding, proof),
            proof=proof,
            token=token,
        )

    def _certificate(
        self, authority: Authority, decision: Decision, finding: Finding, proof: bytes
    ) -> bytes:
        applicant = decision.applicant
        begin = datetime.fromtimestamp(decision.time, UTC)
        return authority.issue(
            Leaf(
                spki=applicant.spki,
                serial=decision.serial,
                not_before=begin - SKEW,
                not_after=datetime.fromtimestamp(decision.not_after, UTC),
                spiffe_id=f"spiffe://{authority.trust_domain}{finding.path}",
                dns_names=finding.names,
                workload_digest=applicant.workload_digest,
                proof=proof,
                crl_url=self._crl_url and f"{self._crl_url}/{authority.issuer_id}",
                simulated=finding.simulated,
            )
        )


def _result(authority: Authority, decision: Decision, finding: Finding, proof: bytes) -> str:
    authentic, verdict = finding.authentic, finding.verdict
    if authentic is None or verdict is None or decision.accepted != verdict.accepted:
        return ""
    applicant = decision.applicant
    found = ear.claims_set(
        authentic,
        verdict,
        build=f"enarx {__version__}",
        nonce=to_base64url(applicant.nonce) if applicant.nonce else "",
        expires=datetime.fromtimestamp(decision.not_after, UTC),
    )
    for module in cast("dict[str, dict[str, object]]", found["submods"]).values():
        module["ear.enarx.decision"] = decision.id
        module["ear.enarx.log-proof"] = proof.decode()
        if applicant.workload_digest:
            module["ear.enarx.workload-digest"] = applicant.workload_digest
        if applicant.spki:
            module["ear.enarx.key-sha256"] = applicant.key_sha256
    return ear_token.sign(found, authority.result_key)


def _policy_number(connection: Connection) -> int:
    return store.active_number(connection, "policy")


def _identifier(entropy: bytes) -> str:
    return base64.b32encode(entropy).decode("ascii").rstrip("=").lower()
