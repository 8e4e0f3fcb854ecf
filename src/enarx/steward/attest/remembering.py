"""Endorsements that were proven are not proven again for each applicant.

Keeps of one machine, and in a fleet of one model, bring the same certificates, lists and collateral
again and again, and proving them is most of what proving evidence costs.  What was proven is kept
by the hash of every byte that it was proven from; it holds as long as it said.  Evidence that it
does not fit goes the whole way: only a success is short.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING

from enarx import attestation
from enarx.errors import RejectedError
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from enarx.attestation import Authentic, Parsed
    from enarx.tee.anchors import TrustAnchor

    Endorse = Callable[[Parsed, datetime], Endorsements]

MOST = 512
"""How many are kept; each has some kilobytes."""


class Remembering:
    """Proves evidence for one set of anchors; many threads may ask."""

    def __init__(self, anchors: tuple[TrustAnchor, ...], endorse: Endorse) -> None:
        self._anchors = anchors
        self._endorse = endorse
        self._lock = threading.Lock()
        self._trusted: OrderedDict[bytes, object] = OrderedDict()

    def authenticate(
        self, parsed: Parsed, now: datetime
    ) -> tuple[Authentic | RejectedError, Endorsements]:
        """Who made *parsed*, or why that is not proven; with what beside that which came along.

        Raises:
            UnavailableError: what it needs is too old, or cannot be had.
        """
        key = _key(parsed)
        trusted = self._find(key)
        if trusted is not None:
            with suppress(RejectedError):  # it is of another key, or too old
                return attestation.authenticate_with(parsed, trusted, now=now), Endorsements()
        endorsements = self._endorse(parsed, now)
        anchors = self._anchors
        try:
            trusted = attestation.trust(parsed, endorsements, anchors=anchors, now=now)
            if trusted is not None:
                authentic = attestation.authenticate_with(parsed, trusted, now=now)
                if not endorsements:  # what was fetched may be fetched anew
                    self._keep(key, trusted)
                return authentic, endorsements
        except (
            RejectedError
        ):  # another key of the bag may be right; if not, this says what is wrong
            pass
        try:
            whole = attestation.authenticate(parsed, endorsements, anchors=anchors, now=now)
        except RejectedError as error:
            return error, endorsements
        return whole, endorsements

    def _find(self, key: bytes) -> object | None:
        with self._lock:
            if key in self._trusted:
                self._trusted.move_to_end(key)
            return self._trusted.get(key)

    def _keep(self, key: bytes, trusted: object) -> None:
        with self._lock:
            self._trusted[key] = trusted
            while len(self._trusted) > MOST:
                self._trusted.popitem(last=False)


def _key(parsed: Parsed) -> bytes:
    """Of the technology, and of every byte of every endorsement that came along."""
    digest = hashlib.sha256(parsed.technology.name.encode())
    bag = parsed.endorsements
    for field in fields(bag):
        items: tuple[bytes, ...] = getattr(bag, field.name)
        digest.update(b"%d;" % len(items))
        for item in items:
            digest.update(b"%d:" % len(item))
            digest.update(item)
    return digest.digest()
