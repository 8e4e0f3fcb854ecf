"""What every technology offers, under one shape: recognise, parse, ask, authenticate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor, Vendor
    from enarx.tee.claims import Authentic, ClaimValue
    from enarx.tee.endorsements import Endorsements, Need


class Evidence(Protocol):
    """Evidence whose shape is right; nothing of it is proven."""

    @property
    def raw(self) -> bytes:
        """The bytes that arrived."""
        ...

    @property
    def carried(self) -> Endorsements:
        """The endorsements that came inside *raw*."""
        ...

    def fields(self) -> Mapping[str, ClaimValue]:
        """Every field by its dotted name, in the specification's order; unproven."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """One kind of evidence.

    Args:
        name: as in policies and results ("snp").
        title: for people ("AMD SEV-SNP attestation report").
        vendor: whose trust anchors vouch for it.
        recognises: a cheap look at the first bytes; ``parse`` decides.
        parse: bytes to ``Evidence``, shape only.  Raises MalformedError.
        needs: what is missing at an instant, given some endorsements (what the evidence carries
            counts by itself); an item that is not current then does not count.  Pure.
        authenticate: proves the origin, with the given endorsements, those that the evidence
            carries and the given anchors, as of an instant.  Raises UnauthenticError,
            MalformedError.
        trust: proves the endorsements alone, for evidence like the given one; the same arguments.
        authenticate_with: proves the origin with what ``trust`` returned, as of an instant within
            its validity.  Both are None where endorsements are not most of the work.
    """

    name: str
    title: str
    vendor: Vendor
    recognises: Callable[[bytes], bool]
    parse: Callable[[bytes], Any]
    needs: Callable[[Any, Endorsements, datetime], tuple[Need, ...]]
    authenticate: Callable[[Any, Endorsements, tuple[TrustAnchor, ...], datetime], Authentic]
    trust: Callable[[Any, Endorsements, tuple[TrustAnchor, ...], datetime], Any] | None = None
    authenticate_with: Callable[[Any, Any, datetime], Authentic] | None = None
