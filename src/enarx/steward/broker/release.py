"""Give secrets to a keep that was judged: sealed to its one-time key, counted, on record.

The caller authenticates and appraises; here it is checked that what was judged is this request,
that the policy lets this workload have these secrets, and that the rules of each allow one more.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from enarx.protocol import claims as protocol
from enarx.seal import suite
from enarx.steward.broker import ledger
from enarx.steward.broker.ledger import Release
from enarx.steward.records import nonces
from enarx.web.problem import Problem
from enarx.wire import canonical
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import Connection

    from enarx.protocol.claims import SecretsClaims
    from enarx.steward.broker.vault import Vault

PROFILE = "tag:github.com,2026:enarx/secrets/1"

_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of evidence: whether it was accepted, and under which decision it is on record.

    *workload_digest* is what the evidence says runs there, "sha256:…"; *why* is for the requester;
    *host_data* is what whoever launched it had put into the evidence (HOSTDATA, MRCONFIGID,
    CONFIGID).
    """

    accepted: bool
    workload_digest: str
    decision: str
    why: str = ""
    host_data: bytes = b""


class Judge(Protocol):
    """Authenticates and appraises evidence, and binds it to the claims; consumes no nonce."""

    def __call__(self, evidence: bytes, claims: bytes) -> Judged:
        """Judge *evidence*, whose report data must be the digest of *claims*."""
        ...  # pragma: no cover - a protocol


class Broker:
    """Releases secrets of *vault* to workloads that *allowed* names for them.

    Args:
        allowed: the names of secrets that a workload may have; empty for one that is unknown.
        log: appends a release and its (name, version) to the log in the same transaction; the
            entry's index.
    """

    def __init__(
        self,
        vault: Vault,
        *,
        judge: Judge,
        allowed: Callable[[str], Collection[str]],
        log: Callable[[Connection, Release, Sequence[tuple[str, int]]], int],
    ) -> None:
        self._vault, self._judge, self._allowed, self._log = vault, judge, allowed, log

    def check(self, claims: bytes, evidence: bytes) -> Request:
        """Judge a request; takes as long as an appraisal does, and touches no database.

        Raises:
            MalformedError: the claims are none.
            Problem: the evidence is not accepted, is of another workload, or the policy does not
                let this workload have one of the secrets.
        """
        parsed = protocol.parse_secrets(claims)
        judged = self._judge(evidence, claims)
        if not judged.accepted:
            raise Problem("forbidden", judged.why or "the evidence is not accepted")
        if judged.workload_digest != parsed.workload_digest:
            raise Problem("forbidden", "the evidence is of another workload")
        refused = sorted(set(parsed.names) - set(self._allowed(parsed.workload_digest)))
        if refused:
            raise Problem("forbidden", f"this workload may not have {', '.join(refused)}")
        kem = next((name for name in parsed.suites if name in suite.KEMS), "")
        if not kem:
            raise Problem("malformed", f"suites: want one of {', '.join(suite.KEMS)}")
        return Request(
            claims=parsed, digest=hashlib.sha256(claims).digest(), kem=kem, judged=judged
        )

    def release(self, connection: Connection, request: Request, now: int) -> Release:
        """Release what *request* asks for, in the caller's write transaction, all or nothing.

        The same request again gets what it got, and counts no use.

        Raises:
            Problem: the nonce or the one-time key was used by another request, or a rule refuses;
                the transaction must then be rolled back.
            MalformedError: the one-time key is none.
            UnavailableError: the key-encryption key is not the one of the secret.
        """
        claims, digest = request.claims, request.digest
        found = ledger.find(connection, digest.hex())
        if found is not None:
            return found
        key = hashlib.sha256(claims.suites[request.kem]).hexdigest()
        failure = nonces.consume(connection, claims.nonce, now)
        if failure is not None:
            raise Problem("already-used", str(failure))
        if ledger.is_key_used(connection, key):
            raise Problem("already-used", "its one-time key was used before: make another")
        rows = ledger.take(connection, claims.names, now)
        values = {r.name: to_base64url(self._vault.open(r.name, r.version, r.sealed)) for r in rows}
        content = canonical.encode({"profile": PROFILE, "secrets": values})
        sealed = suite.seal(request.kem, claims.suites[request.kem], content, digest)
        versions = [(row.name, row.version) for row in rows]
        made = Release(
            id=os.urandom(_ID_BYTES).hex(), time=now, request=digest.hex(), key=key,
            spki=claims.spki, workload=claims.workload_digest, decision=request.judged.decision,
            log_index=0, kem=request.kem, sealed=sealed,
        )  # fmt: skip
        made = replace(made, log_index=self._log(connection, made, versions))
        ledger.record(connection, made, versions)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that was judged; only `Broker.check` makes one."""

    claims: SecretsClaims
    digest: bytes
    kem: str
    judged: Judged
