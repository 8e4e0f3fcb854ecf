"""Verification for programs: parse, authenticate, appraise; three stages with three types.

    found = parse(data)                                                   what is it?
    missing = needs(found, endorsements, now)                             what else is needed?
    authentic = authenticate(found, endorsements, anchors=VENDOR_ANCHORS, now=now)    who signed?
    accepted = appraise(authentic, policy, now=now, report_data=expected)             good enough?

Each stage takes the type that only the one before it makes, and raises one of the errors of
``enarx.errors``: MalformedError, UnauthenticError, UnacceptableError.  No function here fetches
anything, reads a clock or remembers: time, endorsements and trust anchors are arguments.

This module is the public interface; the stages themselves are in ``evidence``, ``tee`` and
``appraisal``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from enarx.appraisal.appraise import Accepted, appraise
from enarx.evidence.binding import check_binding
from enarx.evidence.container import open_container
from enarx.tee.claims import Authentic
from enarx.tee.endorsements import Endorsements, Need
from enarx.tee.technologies import TECHNOLOGIES, VENDOR_ANCHORS

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.evidence.opened import Opened
    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.technology import Technology

__all__ = [
    "VENDOR_ANCHORS",
    "Accepted",
    "Authentic",
    "Endorsements",
    "Need",
    "Parsed",
    "appraise",
    "authenticate",
    "authenticate_with",
    "needs",
    "parse",
    "trust",
]


class Parsed(NamedTuple):
    """Evidence of the right shape, and what carried it; nothing of it is proven.

    Args:
        opened: the evidence's bytes and what its containers held beside them.
        evidence: the technology's own type, with ``raw``, ``carried`` and ``fields()``.
    """

    opened: Opened
    evidence: Any

    @property
    def technology(self) -> Technology:
        """Whose evidence it is."""
        return self.opened.technology

    @property
    def endorsements(self) -> Endorsements:
        """What came along: in the containers and in the evidence."""
        carried: Endorsements = self.evidence.carried
        return self.opened.endorsements + carried


def parse(data: bytes, where: str = "evidence") -> Parsed:
    """The evidence in *data*, bare or in any container that ``evidence`` understands.

    Args:
        where: what to call *data* in errors.

    Raises:
        MalformedError: it is not evidence, or not of the shape that its format requires.
        UnauthenticError: a certification request that its own key did not sign.
    """
    return parse_opened(open_container(data, where, TECHNOLOGIES))


def parse_opened(opened: Opened) -> Parsed:
    """The same, of evidence that was taken out of its containers already.

    Raises:
        MalformedError: it is not of the shape that its format requires.
    """
    return Parsed(opened, opened.technology.parse(opened.evidence))


def needs(parsed: Parsed, endorsements: Endorsements, now: datetime) -> tuple[Need, ...]:
    """What is still missing to authenticate *parsed* at *now*, given *endorsements*.

    What came along counts; what is not current at *now* does not.
    """
    return parsed.technology.needs(parsed.evidence, endorsements + parsed.endorsements, now)


def trust(
    parsed: Parsed,
    endorsements: Endorsements,
    *,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> object | None:
    """Prove what vouches for *parsed* and for evidence like it: most of the work, done once.

    What it returns goes to ``authenticate_with``, with evidence that came with the same
    endorsements; None where a technology has no such part.

    Raises:
        UnauthenticError: the first step that failed, with everything that it found.
        MalformedError: an endorsement that is needed is damaged.
    """
    if parsed.technology.trust is None:
        return None
    at_hand = endorsements + parsed.opened.endorsements
    trusted: object = parsed.technology.trust(parsed.evidence, at_hand, anchors, now)
    return trusted


def authenticate_with(parsed: Parsed, trusted: object, *, now: datetime) -> Authentic:
    """The same as ``authenticate``, with what ``trust`` proved of the same endorsements before.

    Raises:
        UnauthenticError: the first step that failed; also that *trusted* is too old for *now*.
        MalformedError: a certificate in the evidence is damaged.
    """
    if parsed.technology.authenticate_with is None:
        raise TypeError(f"{parsed.technology.name} has no endorsements to be trusted alone")
    authentic = parsed.technology.authenticate_with(parsed.evidence, trusted, now)
    check_binding(parsed.opened, authentic.claims)
    return authentic


def authenticate(
    parsed: Parsed,
    endorsements: Endorsements,
    *,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """Prove who made *parsed*, and that it belongs to the key of the container that carried it.

    The caller must still appraise what it says: debug mode, old firmware and a foreign image are
    authentic too.

    Args:
        endorsements: certificates, revocation lists and collateral, from anywhere.
        anchors: whom to believe; ``VENDOR_ANCHORS`` are the vendors' published root keys.
        now: aware; the instant as of which it is verified.

    Raises:
        UnauthenticError: the first step that failed, with everything that it found.
        MalformedError: an endorsement that is needed is damaged.
    """
    at_hand = endorsements + parsed.opened.endorsements
    authentic = parsed.technology.authenticate(parsed.evidence, at_hand, anchors, now)
    check_binding(parsed.opened, authentic.claims)
    return authentic
