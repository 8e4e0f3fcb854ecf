"""Digests as OCI writes them: ``sha256:`` and 64 lower-case hexadecimal digits.

Source: OCI image specification 1.1, descriptor.md, "Digests".
"""

from __future__ import annotations

from hashlib import sha256

PREFIX = "sha256:"
_HEX_DIGITS = 64


def digest_of(data: bytes) -> str:
    """The digest of *data*."""
    return PREFIX + sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Whether *text* is a sha256 digest; other algorithms are not used here."""
    return (
        text.startswith(PREFIX)
        and len(text) == len(PREFIX) + _HEX_DIGITS
        and not set(text[len(PREFIX) :]) - set("0123456789abcdef")
    )
