"""Entries of a log: what kind of thing was decided when, and a digest that only its owner can open.

    {"kind", "profile", "salted_sha256", "subject", "time"}      canonical JSON (RFC 8785)

``salted_sha256 = SHA-256(salt || payload)`` with 32 random bytes of salt: whoever has both opens
it, and nobody else learns anything from it.  *subject* is public: a version, a digest, a number.

Source: docs/design/formats/log.md.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from enarx.errors import MalformedError
from enarx.wire import canonical

PROFILE = "tag:github.com,2026:enarx/log-entry/1"
KINDS = ("decision", "key", "package", "policy", "release")
SALT_BYTES = 32
MAX_BYTES = 4096

_MAX_SUBJECT = 256
_DIGITS = 64
_LAST_SECOND = 253_402_300_799  # of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry.

    Args:
        kind: of ``KINDS``.
        time: seconds since 1970.
        subject: what may be public; empty for nothing.
        salted_sha256: of ``salted``, 32 bytes.
    """

    kind: str
    time: int
    subject: str
    salted_sha256: bytes

    def encode(self) -> bytes:
        """The entry's bytes, whose hash the tree has."""
        return canonical.encode(
            {
                "kind": self.kind,
                "profile": PROFILE,
                "salted_sha256": self.salted_sha256.hex(),
                "subject": self.subject,
                "time": self.time,
            }
        )

    def opens(self, salt: bytes, payload: bytes) -> bool:
        """Whether this entry is about *payload*."""
        return hmac.compare_digest(self.salted_sha256, salted(salt, payload))


def salted(salt: bytes, payload: bytes) -> bytes:
    """The digest that stands for *payload*.

    Raises:
        ValueError: the salt is not 32 bytes: a shorter one could be guessed.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"salt: got {len(salt)} bytes, want {SALT_BYTES}")
    return hashlib.sha256(salt + payload).digest()


def parse(data: bytes, where: str = "log entry") -> Entry:
    """The entry in *data*.

    Raises:
        MalformedError: it is none, or not in its one spelling.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = canonical.decode(data, where)
    fields.one_of("profile", (PROFILE,))
    found = Entry(
        kind=fields.one_of("kind", KINDS),
        time=fields.integer("time", 0, _LAST_SECOND),
        subject=fields.text("subject", most=_MAX_SUBJECT),
        salted_sha256=bytes.fromhex(fields.hexadecimal("salted_sha256", _DIGITS)),
    )
    fields.done()
    return found
