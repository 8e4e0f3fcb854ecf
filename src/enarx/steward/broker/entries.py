"""What the log gets of a release: which workload was given which versions of which secrets.

    {"decision", "id", "key_sha256", "profile", "secrets": {name: version}, "time",
     "workload_digest"}

in canonical JSON, behind a salt that the Steward's key and the release's id make: the operator can
open every entry, and keeps nothing more for it.

Source: docs/design/formats/log.md.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from enarx.transparency.leaf import Entry, salted
from enarx.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from enarx.steward.broker.ledger import Release

PROFILE = "tag:github.com,2026:enarx/release/1"

_SALT = b"enarx steward release salt v1\0"


def payload(release: Release, versions: Sequence[tuple[str, int]]) -> bytes:
    """What the entry stands for."""
    return canonical.encode(
        {
            "decision": release.decision,
            "id": release.id,
            "key_sha256": release.key,
            "profile": PROFILE,
            "secrets": dict(versions),
            "time": release.time,
            "workload_digest": release.workload or None,
        }
    )


def salt(key: bytes, release: Release) -> bytes:
    """The 32 bytes before it; *key* is the Steward's for secrets."""
    return hmac.digest(key, _SALT + release.id.encode(), "sha256")


def logged(
    append: Callable[[Connection, Sequence[bytes]], Sequence[int]], key: bytes
) -> Callable[[Connection, Release, Sequence[tuple[str, int]]], int]:
    """Appends releases to a log; the entry's index."""

    def add(connection: Connection, release: Release, versions: Sequence[tuple[str, int]]) -> int:
        digest = salted(salt(key, release), payload(release, versions))
        entry = Entry(
            kind="decision",
            time=release.time,
            subject=f"release {release.id}",
            salted_sha256=digest,
        )
        (index,) = append(connection, [entry.encode()])
        return index

    return add
