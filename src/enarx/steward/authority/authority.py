"""An authority that is open: it issues certificates and lists, and holds the Steward's other keys.

It never changes: whoever takes one decision takes one authority, and what it issues and its chain
belong together.  ``reloaded`` gives another one when the state was changed by ``enarx steward ca``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from enarx.errors import MalformedError, MisconfiguredError
from enarx.pki import issue
from enarx.pki.crl import revocation_list
from enarx.pki.names import dns_name
from enarx.steward.authority import state as states
from enarx.steward.authority.directory import PrivateDirectory
from enarx.steward.authority.keys import Keys, MissingKeyError, identifier

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from enarx.pki.crl import Entry
    from enarx.pki.signing import Signer
    from enarx.steward.authority.opener import Opener
    from enarx.steward.authority.state import State

LONGEST_LEAF = timedelta(days=8)
"""Of a certificate of a keep: policies may say seven days, and clocks differ."""

SKEW = timedelta(hours=1)
"""By which clocks of clients may be behind."""

CRL_LIFE = timedelta(hours=24)
ISSUER_ID = 16
"""Characters of what addresses call an intermediate."""

_SECRETS_BYTES = 32
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An intermediate whose key is open.

    Args:
        id: what addresses of its list of revoked certificates call it.
        certificate: its own.
        signer: its key.
    """

    id: str
    certificate: x509.Certificate
    signer: Signer


class Authority:
    """Certificates and lists in the name of a trust domain; safe to share between threads.

    Made by ``load``, ``initialise`` and ``rotate``.
    """

    def __init__(
        self, directory: PrivateDirectory, opener: Opener, state: State, stamp: tuple[int, int]
    ) -> None:
        keys = Keys(directory, opener, state.module)
        self._directory = directory
        self._opener = opener
        self._stamp = stamp
        self.state = state
        self._issuers = tuple(_issuer(keys, one) for one in state.intermediates)
        self.result_key = keys.elliptic(state.result)
        """Signs attestation results: P-384, in memory even if a module has the other keys."""
        self.log_key = keys.ed25519(state.log)
        """Signs checkpoints of the log; likewise in memory."""
        master = keys.x25519(state.secrets).private_bytes_raw()
        info = b"enarx steward secrets v1"
        self.secrets_key = HKDF(SHA256(), _SECRETS_BYTES, None, info).derive(master)
        """Encrypts the keys of secrets: 32 octets."""

    def __repr__(self) -> str:
        return f"Authority({self.trust_domain})"

    @property
    def name(self) -> str:
        """Part of the names in its certificates."""
        return self.state.name

    @property
    def trust_domain(self) -> str:
        """Of SPIFFE, without the scheme."""
        return self.state.trust_domain

    @property
    def chain(self) -> tuple[bytes, ...]:
        """What stands above a certificate, DER: intermediate, certificates across, root.

        After a rollover, certificates across lead clients from it to the root that they have.
        They come before it: OpenSSL follows the first that fits, and no other.
        """
        roots = self.state.roots
        across = tuple(root.by_older for root in roots if root.by_older)
        return (self.state.intermediates[0].certificate, *across, roots[0].certificate)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """All roots, DER, the one in use first; a new client needs that one only."""
        return tuple(root.certificate for root in self.state.roots)

    @property
    def issuer_id(self) -> str:
        """Which intermediate issues: 16 hexadecimal digits, for addresses of lists."""
        return self._issuers[0].id

    @property
    def not_after(self) -> datetime:
        """When the intermediate that issues ends."""
        return self._issuers[0].certificate.not_valid_after_utc

    @property
    def rotate_after(self) -> datetime:
        """When it should be replaced: two thirds through its life."""
        first = self._issuers[0].certificate.not_valid_before_utc
        return first + (self.not_after - first) * 2 / 3

    def issue(self, leaf: issue.Leaf) -> bytes:
        """The certificate, DER; its chain is ``chain``.

        The caller has proven that the key is a keep's, and that the keep may have the names.

        Raises:
            MisconfiguredError: it would outlive the intermediate, which must be rotated first.
            MalformedError: a DNS name is none.
            ValueError: it would live for more than eight days, is of another trust domain, or is
                no certificate.
        """
        if not leaf.spiffe_id.startswith(f"spiffe://{self.trust_domain}/"):
            raise ValueError(f"want an identity of {self.trust_domain}")
        for name in leaf.dns_names:
            dns_name(name, "certificate")
        if leaf.not_after - leaf.not_before > LONGEST_LEAF:
            raise ValueError("want a certificate for eight days at most")
        if leaf.not_after > self.not_after:
            problem = f"ends {self.not_after:%Y-%m-%d %H:%M}Z, before the certificate would"
            hint = f"enarx steward ca rotate --state {self._directory.path}"
            raise MisconfiguredError(f"intermediate of {self.name}", problem, hints=(hint,))
        issuer = self._issuers[0]
        return issue.leaf(leaf, issuer.certificate, issuer.signer)

    def crl(self, entries: Collection[Entry], *, number: int, now: datetime) -> bytes:
        """The list of the intermediate that issues, DER, good for 24 hours.

        Args:
            entries: those of other intermediates do no harm.
            number: not less than that of any list before.
            now: aware.
        """
        return _list(self._issuers[0], entries, number, now)

    def crls(
        self, entries: Collection[Entry], *, number: int, now: datetime
    ) -> Mapping[str, bytes]:
        """The lists of all intermediates of which a certificate may be valid, by issuer's id."""
        return {one.id: _list(one, entries, number, now) for one in self._issuers}

    def reloaded(self) -> Authority:
        """The authority as it is now on the disk: this one, if nothing changed.

        Raises:
            MisconfiguredError, UnavailableError: it cannot be read; this one is still good.
        """
        if self._directory.stamp(states.FILE) == self._stamp:
            return self
        return load(self._directory.path, self._opener)


def load(directory: str, opener: Opener) -> Authority:
    """The authority in *directory*.

    Raises:
        MisconfiguredError: there is none, it is damaged, or *opener* does not open it.
        UnavailableError: the disk or the module fails.
    """
    place = PrivateDirectory(directory)
    for attempt in range(_ATTEMPTS):
        stamp = place.stamp(states.FILE)
        state = read_state(place)
        try:
            return Authority(place, opener, state, stamp or (0, 0))
        except MissingKeyError:
            # a rotation in between may have removed keys of the state that was read
            if stamp == place.stamp(states.FILE) or attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError


def read_state(directory: PrivateDirectory) -> State:
    """The state; no key is opened.

    Raises:
        MisconfiguredError: there is none, or it is damaged.
    """
    where = directory.place(states.FILE)
    try:
        return states.decode(directory.read(states.FILE), where)
    except FileNotFoundError as error:
        hint = f"make one: enarx steward ca init --state {directory.path}"
        raise MisconfiguredError(directory.path, "no authority here", hints=(hint,)) from error
    except MalformedError as error:
        hint = "restore it from a backup"
        raise MisconfiguredError(where, f"damaged: {error.problem}", hints=(hint,)) from error


def certificate(der: bytes, key: str, where: str) -> x509.Certificate:
    """The certificate of the key with this identifier.

    Raises:
        MisconfiguredError: it is none, or of another key.
    """
    try:
        found = x509.load_der_x509_certificate(der)
        same = identifier(found.public_key()) == key
    except ValueError as error:
        raise MisconfiguredError(where, "damaged: not a certificate") from error
    if not same:
        raise MisconfiguredError(where, "damaged: a certificate of another key")
    return found


def _issuer(keys: Keys, one: states.Intermediate) -> Issuer:
    return Issuer(
        id=one.key[:ISSUER_ID],
        certificate=certificate(one.certificate, one.key, states.FILE),
        signer=keys.signer(one.key),
    )


def _list(issuer: Issuer, entries: Collection[Entry], number: int, now: datetime) -> bytes:
    times = (now.astimezone(UTC) - SKEW, now.astimezone(UTC) + CRL_LIFE)
    return revocation_list(entries, issuer.certificate, issuer.signer, number=number, times=times)
