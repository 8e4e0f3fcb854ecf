"""What the log tells once: the Steward's keys, and releases and packages that its operator names.

A subject is public and named by a digest; whoever has the thing itself recognises it in the log.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.steward.log.tables import announced
from enarx.transparency.leaf import Entry, salted
from enarx.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from enarx.steward.authority.authority import Authority

PROFILE = "tag:github.com,2026:enarx/announcement/1"
ANNOUNCED = ("package", "release")
"""The kinds of things that an operator names."""


class Announcement(NamedTuple):
    """One thing: its kind of ``transparency.leaf.KINDS``, its name, and what is said about it."""

    kind: str
    subject: str
    payload: bytes


def of_keys(authority: Authority) -> tuple[Announcement, ...]:
    """The keys of *authority*: of its certificates, and those that sign results and the log."""
    certificates = [("root", one) for one in authority.roots]
    certificates.append(("intermediate", authority.chain[0]))
    found = [_key(role, hashlib.sha256(der).hexdigest()) for role, der in certificates]
    for role, key in (("result", authority.result_key), ("log", authority.log_key)):
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found.append(_key(role, hashlib.sha256(spki).hexdigest()))
    return tuple(found)


def of_thing(kind: str, name: str, digest: str) -> Announcement:
    """A release or a package: *name*, and its digest "sha256:…"."""
    payload = canonical.encode({"digest": digest, "name": name, "profile": PROFILE})
    return Announcement(kind, f"{name} {digest}", payload)


def announce(
    connection: Connection,
    one: Announcement,
    append: Callable[[Connection, Sequence[bytes]], Sequence[int]],
    *,
    now: int,
    salt: bytes,
) -> int:
    """Put *one* into the log unless it is there; the entry's number.

    Args:
        salt: 32 random bytes.
    """
    known = connection.scalar(
        sa.select(announced.c.number).where(
            announced.c.kind == one.kind, announced.c.subject == one.subject
        )
    )
    if known is not None:
        return int(known)
    entry = Entry(
        kind=one.kind, time=now, subject=one.subject, salted_sha256=salted(salt, one.payload)
    )
    (number,) = append(connection, [entry.encode()])
    connection.execute(
        sa.insert(announced).values(
            kind=one.kind,
            subject=one.subject,
            time=now,
            salt=salt,
            payload=one.payload,
            number=number,
        )
    )
    return number


def _key(role: str, sha256: str) -> Announcement:
    payload = canonical.encode({"profile": PROFILE, "role": role, "sha256": sha256})
    return Announcement("key", f"{role} sha256:{sha256}", payload)
