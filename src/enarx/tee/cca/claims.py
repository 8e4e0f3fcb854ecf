"""Claim sets of tokens, read strictly: each claim once, of its type and size, none unknown.

Source: RFC 9711 (EAT), for the labels that CCA shares; Arm DEN0137, section A7.2, for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from enarx.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from enarx.wire import cbor

HASH_SIZES = (32, 48, 64)
HASH_NAMES = ("sha-256", "sha-384", "sha-512")
"""Of the IANA Named Information Hash Algorithm Registry, those of CCA's security model."""

MAX_OCTETS, MAX_TEXT, MAX_ITEMS = 4096, 1024, 64
"""Of one claim; recorded tokens have 65 bytes, 46 characters and 4 items."""


class ClaimSet:
    """A map of claims; whoever reads it takes every label and then calls ``done``."""

    __slots__ = ("_left", "where")

    def __init__(self, value: cbor.Value, where: str) -> None:
        if not isinstance(value, Mapping):
            raise MalformedError(where, "not a map of claims")
        self._left = dict(value)
        self.where = where

    def __contains__(self, label: int) -> bool:
        return label in self._left

    def octets(
        self, label: int, name: str, *, sizes: Iterable[int] = range(1, MAX_OCTETS + 1)
    ) -> bytes:
        """A byte string of one of *sizes*."""
        return octets(self._take(label, name), f"{self.where}: {name}", sizes=sizes)

    def integer(self, label: int, name: str, *, known: Collection[int]) -> int:
        """An integer of *known*."""
        value = self._take(label, name)
        if not isinstance(value, int) or isinstance(value, bool) or value not in known:
            self._refuse(name, f"got {value!r:.40}, want a known number")
        return value

    def text(self, label: int, name: str, *, known: Collection[str] | None = None) -> str:
        """Printable text, one of *known* if that is given."""
        value = self._take(label, name)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
            self._refuse(name, f"want printable text of 1 to {MAX_TEXT} characters")
        if known is not None and value not in known:
            self._refuse(name, f"got {value!r:.80}, want one of {', '.join(known)}")
        return value

    def boolean(self, label: int, name: str) -> bool:
        """True or false."""
        value = self._take(label, name)
        if not isinstance(value, bool):
            self._refuse(name, "want true or false")
        return value

    def items(self, label: int, name: str, *, most: int = MAX_ITEMS) -> tuple[cbor.Value, ...]:
        """An array of one item or more."""
        value = self._take(label, name)
        if not isinstance(value, tuple) or not 0 < len(value) <= most:
            self._refuse(name, f"want an array of 1 to {most} items")
        return value

    def done(self) -> None:
        """Refuse whatever was not taken."""
        if self._left:
            raise MalformedError(self.where, f"unknown claim {min(self._left, key=str)!r:.40}")

    def _take(self, label: int, name: str) -> cbor.Value:
        if label not in self._left:
            raise MalformedError(self.where, f"claim {label} ({name}) is missing")
        return self._left.pop(label)

    def _refuse(self, name: str, problem: str) -> NoReturn:
        raise MalformedError(f"{self.where}: {name}", problem)


def octets(value: cbor.Value, where: str, *, sizes: Iterable[int] = HASH_SIZES) -> bytes:
    """A byte string of one of *sizes*, of a hash by default.

    Raises:
        MalformedError: it is something else.
    """
    if not isinstance(value, bytes) or len(value) not in sizes:
        got = f"{len(value)} bytes" if isinstance(value, bytes) else "no bytes"
        shown = f"1 to {MAX_OCTETS}" if isinstance(sizes, range) else " or ".join(map(str, sizes))
        raise MalformedError(where, f"got {got}, want {shown}")
    return value
