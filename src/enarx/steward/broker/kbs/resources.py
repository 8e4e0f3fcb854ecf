"""Resources for guests that were judged: secrets of the vault, sealed, counted, on record.

Default: nothing.  A guest may have what the policy lets its workload have; one whose workload is
not known has nothing.  The ledger counts a release to a guest like one to a keep.  The same guest
with the same token gets the same bytes again, and no use is counted, until there is a newer
version.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from enarx.steward.broker import ledger, vault
from enarx.steward.broker.kbs import jwe
from enarx.steward.broker.ledger import Release
from enarx.web.problem import Problem
from enarx.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import Connection

    from enarx.steward.broker.kbs.jwe import TeeKey
    from enarx.steward.broker.release import Judged
    from enarx.steward.broker.vault import Vault

_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Who asks: what it was judged to be, its key, and the token that says both."""

    judged: Judged
    key: TeeKey
    token: str


class Resources:
    """Releases secrets of *vault* to guests whose workload *allowed* names them for.

    Args:
        allowed: as for a `Broker`; never asked about a workload that is not known.
        log: as for a `Broker`.
    """

    def __init__(
        self,
        vault: Vault,
        *,
        allowed: Callable[[str], Collection[str]],
        log: Callable[[Connection, Release, Sequence[tuple[str, int]]], int],
    ) -> None:
        self._vault, self._allowed, self._log = vault, allowed, log

    def check(self, guest: Guest, name: str) -> None:
        """Insist that *guest* may have *name*; says nothing of whether there is one.

        Raises:
            Problem: it may not.
        """
        judged = guest.judged
        workload = judged.workload_digest if judged.accepted else ""
        if not workload or name not in self._allowed(workload):
            raise Problem("forbidden", "the policy lets this guest not have this resource")

    def release(self, connection: Connection, guest: Guest, name: str, now: int) -> bytes:
        """The resource *name* as a JWE for *guest*, in the caller's write transaction.

        `check` comes before.

        Raises:
            Problem: there is none, or a rule refuses; the transaction must then be rolled back.
            UnavailableError: the key-encryption key is not the one of the secret.
        """
        row = vault.current(connection, name)
        if row is None:
            raise Problem("not-found", f"no resource {name}")
        request = _digest("request", guest, name, row.version)
        found = ledger.find(connection, request)
        if found is not None:
            return found.sealed
        (taken,) = ledger.take(connection, (name,), now)
        sealed = jwe.seal(guest.key, self._vault.open(name, taken.version, taken.sealed))
        versions = [(name, taken.version)]
        made = Release(
            id=os.urandom(_ID_BYTES).hex(), time=now, request=request,
            key=_digest("key", guest, name, taken.version), spki=guest.key.spki,
            workload=guest.judged.workload_digest, decision=guest.judged.decision,
            log_index=0, kem=guest.key.algorithm, sealed=sealed,
        )  # fmt: skip
        made = replace(made, log_index=self._log(connection, made, versions))
        ledger.record(connection, made, versions)
        return sealed


def _digest(what: str, guest: Guest, name: str, version: int) -> str:
    """The ledger's word for one release; a guest has one key for several, so for each another."""
    said = {
        what: dict(guest.key.jwk),
        "resource": name,
        "token": hashlib.sha256(guest.token.encode()).hexdigest(),
        "version": version,
    }
    return hashlib.sha256(canonical.encode(said)).hexdigest()
