"""Secrets at rest: versions of named values, sealed with AES-256-GCM, and the rules of their use.

The additional data are the name and the version, so that who can write to the database cannot
show one secret as another, nor an old version as the newest.  A version counts its own uses; the
newest that was not removed is the one that is released.

Source: NIST SP 800-38D (a random nonce of 96 bits for each value).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.steward.broker.tables import secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

KEY_BYTES = 32
MAX_VALUE_BYTES = 64 * 1024
MAX_USES = 2**53

NAME = "name of a secret"
"""Where errors of `check_name` say that they are."""

RESERVED = frozenset({"release"})
"""Names that the paths of requests have another use for."""

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_NAME = re.compile(rf"[a-z0-9._-]{{1,128}}|{_PART}/{_PART}/{_PART}")
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a secret may be released, and how often.

    Args:
        uses: at most so many times; None for any number.
        not_before: seconds since 1970, from which on; None for always.
        not_after: seconds since 1970, until which (exclusive); None for ever.
    """

    uses: int | None = None
    not_before: int | None = None
    not_after: int | None = None

    def __post_init__(self) -> None:
        """Refuse rules under which nothing is ever released.

        Raises:
            MalformedError: no use, or an end that is not after the beginning.
        """
        if self.uses is not None and not 1 <= self.uses <= MAX_USES:
            raise MalformedError("secret: uses", f"got {self.uses}, want at least 1")
        if None not in (self.not_before, self.not_after):
            begin, end = self.not_before or 0, self.not_after or 0
            if end <= begin:
                raise MalformedError("secret: not_after", "want a time after not_before")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What may be said of a version of a secret: everything but its value."""

    name: str
    version: int
    rules: Rules
    used: int
    created: int


class Vault:
    """Puts secrets into a database and opens them, with one key-encryption key.

    Raises:
        MisconfiguredError: *key* has not 32 bytes.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            problem = f"got {len(key)} bytes, want {KEY_BYTES}"
            raise MisconfiguredError("key of the secrets", problem)
        self._cipher = AESGCM(key)

    def put(
        self, connection: Connection, name: str, value: bytes, *, rules: Rules, now: int
    ) -> int:
        """Add a version of the secret *name*; its number.  The versions before it are removed.

        Raises:
            MalformedError: the name is none, or the value is too large.
        """
        check_name(name)
        if len(value) > MAX_VALUE_BYTES:
            problem = f"got {len(value)} bytes, want at most {MAX_VALUE_BYTES}"
            raise MalformedError(f"secret {name}", problem)
        last = connection.scalar(
            sa.select(sa.func.max(secrets.c.version)).where(secrets.c.name == name)
        )
        version = (last or 0) + 1
        remove(connection, name, now)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, value, _bound_to(name, version))
        connection.execute(
            sa.insert(secrets).values(
                name=name, version=version, sealed=sealed, uses=rules.uses, used=0,
                not_before=rules.not_before, not_after=rules.not_after, created=now,
            )
        )  # fmt: skip
        return version

    def open(self, name: str, version: int, sealed: bytes) -> bytes:
        """The value in *sealed*.

        Raises:
            UnavailableError: another key sealed it, or it was changed in the database.
        """
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, _bound_to(name, version))
        except (InvalidTag, ValueError) as error:
            problem = "cannot be opened with the key of the secrets"
            raise UnavailableError(f"secret {name}", problem) from error


def check_name(name: str) -> str:
    """*name*, which must be one of a secret.

    It is 1 to 128 of ``a-z 0-9 . _ -``, or a resource's repository, type and tag with ``/`` between
    them, each of 1 to 100 of the same or ``A-Z``, first a letter or digit.

    Raises:
        MalformedError: it is not, or it is reserved.
    """
    if not _NAME.fullmatch(name):
        want = "want 1 to 128 of [a-z0-9._-], or repository/type/tag"
        raise MalformedError(NAME, f"got {name[:140]!r}, {want}")
    if name in RESERVED:
        raise MalformedError(NAME, f"got {name!r}, which is reserved")
    return name


def remove(connection: Connection, name: str, now: int) -> bool:
    """Forget the value of *name*; whether there was one.  What was released stays on record."""
    done = connection.execute(
        sa.update(secrets)
        .where(secrets.c.name == name, secrets.c.removed.is_(None))
        .values(removed=now, sealed=b"")
    )
    return done.rowcount > 0


def current(connection: Connection, name: str) -> Row[tuple[object, ...]] | None:
    """The row of *name* that can be released, if there is one."""
    rows = connection.execute(
        sa.select(secrets).where(secrets.c.name == name, secrets.c.removed.is_(None))
    )
    return rows.one_or_none()


def entries(connection: Connection) -> Sequence[Entry]:
    """Every secret that was not removed, by name."""
    rows = connection.execute(
        sa.select(secrets).where(secrets.c.removed.is_(None)).order_by(secrets.c.name)
    )
    return [
        Entry(
            name=row.name, version=row.version, used=row.used, created=row.created,
            rules=Rules(uses=row.uses, not_before=row.not_before, not_after=row.not_after),
        )
        for row in rows
    ]  # fmt: skip


def _bound_to(name: str, version: int) -> bytes:
    return f"enarx secret 1\0{name}\0{version}".encode("ascii")
