"""Authenticate evidence with what is given, cached and, if wanted, fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.cli.endorsement_sources import SourceOptions, open_resolver
from enarx.cli.exit import report_note
from enarx.errors import EnarxError, UnauthenticError, UnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.adapters.endorsement_resolver import Resolution
    from enarx.attestation import Authentic, Parsed
    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.endorsements import Endorsements


_SIMULATED = (
    "a simulated machine made this: --insecure-accept-simulated accepts it, "
    "and then no hardware is proven"
)
_OF_ANOTHER_ROOT = (
    "a simulated machine of another user or computer made this: to believe it, too, name its "
    "root certificate with --trust-root"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """With what evidence is authenticated.

    Args:
        given: endorsements that the operator named.
        trust_root: a file with a root to believe beside the vendors'; empty for none.
        accept_simulated: believe this user's development root, too.
        sources: the cache and the services.
        at: the instant as of which it is verified.
    """

    given: Endorsements
    trust_root: str
    accept_simulated: bool
    sources: SourceOptions
    at: datetime


def authenticate(parsed: Parsed, means: Means) -> Authentic:
    """Prove the origin of *parsed*.

    Raises:
        UnauthenticError, MalformedError: it is not proven.
        UnavailableError: a service that had to be asked does not answer, or what is cached was
            fetched too long ago.
        MisconfiguredError: an option says something impossible.
    """
    from enarx import attestation

    anchors = _anchors(parsed, means)
    found = _resolve(parsed, means)
    try:
        authentic = attestation.authenticate(
            parsed, found.endorsements, anchors=anchors, now=means.at
        )
    except UnauthenticError as error:
        if not means.sources.offline and error.step in _lacking():
            found.check()
        error.hints = tuple(dict.fromkeys((*error.hints, *_hints(found, means))))
        raise
    if not means.sources.offline:
        for failure in found.failures:
            report_note(f"{failure}; what only policy asks for is missing")
    return authentic


def _anchors(parsed: Parsed, means: Means) -> tuple[TrustAnchor, ...]:
    from enarx.attestation import VENDOR_ANCHORS
    from enarx.cli.trust_roots import read_trust_root, simulated_roots

    anchors = VENDOR_ANCHORS
    if means.trust_root:
        root = read_trust_root(means.trust_root, parsed.technology.vendor)
        report_note(f"{root.name} is believed, key sha256 {root.sha256.hex()}")
        anchors += (root,)
    return anchors + simulated_roots() if means.accept_simulated else anchors


def _resolve(parsed: Parsed, means: Means) -> Resolution:
    from enarx.adapters.endorsement_resolver import EndorsementsTooOldError, Resolution
    from enarx.attestation import needs

    at_hand = means.given + parsed.endorsements
    if not needs(parsed, at_hand, means.at):
        return Resolution(endorsements=at_hand)
    with open_resolver(means.sources) as resolver:
        found = resolver.resolve(lambda bag: needs(parsed, bag, means.at), at_hand, means.at)
    for note in found.notes:
        report_note(note)
    for error in found.failures:
        if isinstance(error, EndorsementsTooOldError):
            raise error
    return found


def _lacking() -> frozenset[str]:
    """The steps that fail where an endorsement is not at hand."""
    from enarx.tee import chain
    from enarx.tee.dcap import trust
    from enarx.tee.snp import fitting

    return frozenset((chain.STEP, fitting.STEP, trust.STEP))


def _hints(found: Resolution, means: Means) -> tuple[str, ...]:
    hints = []
    if means.sources.offline and found.failures:
        missing = ", ".join(_what(error) for error in found.failures)
        hints.append(f"not at hand: {missing}; --fetch asks the vendor's service")
    if _is_simulated(found.endorsements):
        hints.append(_OF_ANOTHER_ROOT if means.accept_simulated else _SIMULATED)
    return tuple(hints)


def _what(error: EnarxError) -> str:
    return error.what if isinstance(error, UnavailableError) else str(error)


def _is_simulated(endorsements: Endorsements) -> bool:
    """Whether any certificate at hand says of itself that a development root made it."""
    from enarx.errors import MalformedError
    from enarx.tee.anchors import MARK
    from enarx.tee.x509 import common_name, load_certificate

    for der in endorsements.certificates:
        try:
            subject = load_certificate(der, "certificate").subject
        except MalformedError:
            continue
        if common_name(subject).startswith(MARK):
            return True
    return False
